"""Generators and discriminators: architecture only, plain arguments, no config."""
