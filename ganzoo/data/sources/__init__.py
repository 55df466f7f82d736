"""The data sets: a file each, registered by name; see `toy.py` for a short one."""
