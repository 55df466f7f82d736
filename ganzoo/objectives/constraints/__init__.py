"""Constraints, one file each; `constraint.py` defines the interface."""
