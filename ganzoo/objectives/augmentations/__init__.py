"""Augmentations in the training step, a file each; `augmentation.py` says what one does."""
