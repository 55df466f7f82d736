"""Data sets, one file each, registered by name; see `toy.py` for a short one."""
