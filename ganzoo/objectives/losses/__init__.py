"""Adversarial losses, a file each. `ganzoo.objectives.losses.loss` says what a loss offers."""
