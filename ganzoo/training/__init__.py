"""Training runs: engine, fit, callbacks, checkpoints and resuming."""
