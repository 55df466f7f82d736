"""Internals shared by all training schemes: updates, step loop, XLA, gradient accumulation, precision, NaN guard."""
