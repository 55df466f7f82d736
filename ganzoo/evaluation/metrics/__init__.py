"""Metrics: the mathematics of each in a module of its own, which also says what it is called and what it needs."""
