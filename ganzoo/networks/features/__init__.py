"""Frozen networks with trained weights; discriminators and the extractors of `evaluation` use their features."""
