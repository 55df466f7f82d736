"""`pix2pix_digits`: pairs of digits and their outlines."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganzoo.data.arrays import fit_all, neighbourhoods
from ganzoo.data.source import Source, from_arrays, side_of
from ganzoo.data.sources.mnist_5k import load_mnist_5k
from ganzoo.registry import register
from ganzoo.schema import DatasetConfig

DOMAINS = ("edges", "digits")


def edges_of(images: np.ndarray) -> np.ndarray:
    """Return the outlines of digits: the binary image (>= 128) minus its 3x3 erosion, zero outside the image.

    Args:
      images: digits, white on black, uint8 `[N, H, W]` or `[N, H, W, C]`, at the native size 28x28.

    Returns:
      uint8 of the same shape, 255 on the outline and 0 elsewhere.
    """
    ink = images >= 128
    inner = neighbourhoods(ink).all(axis=0)
    return np.where(ink & ~inner, 255, 0).astype(np.uint8)


@register("dataset", "pix2pix_digits", domains=DOMAINS, paired=True)
def pix2pix_digits(dataset: DatasetConfig, *, domain: str, **_: Any) -> Source:
    """Digits of the same split of `mnist_5k` and their outlines, native size 28x28x1.

    Example i is digit i of that split. Other sizes are resized after the outline is computed.
    """
    digits = load_mnist_5k(dataset.split)[0]
    images = edges_of(digits) if domain == "edges" else digits
    return from_arrays(dataset.name, fit_all(images, side_of(dataset), dataset.image_shape[-1]))
