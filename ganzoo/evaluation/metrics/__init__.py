"""Metrics: one module each, with its mathematics, its names and its needs."""
