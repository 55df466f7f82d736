"""Initial weights of DCGAN, Pix2Pix and CycleGAN."""

from __future__ import annotations

import keras


def initial() -> keras.initializers.Initializer:
    """Return N(0, 0.02). Source: Radford et al. 2016, arXiv:1511.06434, section 4."""
    return keras.initializers.RandomNormal(0.0, 0.02)
