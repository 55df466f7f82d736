"""Objectives of networks: losses, penalties, constraints and augmentations, one file each."""
