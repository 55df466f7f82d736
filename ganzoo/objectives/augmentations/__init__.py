"""Augmentations in the training step, one file each; `augmentation.py` defines the interface."""
