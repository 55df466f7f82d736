"""Where examples come from: sources of any kind, and one pipeline that is a function of the step.

A source is one function in one file of `sources/`, registered by name; see `sources/toy.py` for a short one.
No module here imports TensorFlow before a function needs it, so that a data set that cannot be had is told at once.
"""
