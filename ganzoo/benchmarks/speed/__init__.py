"""Training speed: a contest of training loops, and what takes part in it."""
