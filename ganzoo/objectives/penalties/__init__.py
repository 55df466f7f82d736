"""Penalties, one file each; `penalty.py` defines the interface."""
