"""Data sources of every kind, and one pipeline that is a function of the step.

A source is one function in one file of `sources/`, registered by name; see `sources/toy.py` for a short one.
Modules here import TensorFlow only inside functions, so that a missing data set is reported at once.
"""
