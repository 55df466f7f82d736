"""Adversarial losses, one file each; `loss.py` defines the interface."""
