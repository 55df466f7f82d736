"""A run: pipeline, fit, callbacks, checkpoints, resume."""
