"""`cyclegan_digits`: plain digits, and others that are bold and black on white; the true translation is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ganzoo.data.arrays import fit_all, neighbourhoods
from ganzoo.data.source import Source, from_arrays, side_of
from ganzoo.data.sources.mnist_5k import load_mnist_5k
from ganzoo.registry import register
from ganzoo.schema import DatasetConfig

DOMAINS = ("plain", "bold")


@dataclass(frozen=True, kw_only=True)
class KnownTranslation(Source):
    """A domain whose translation to the other one is known.

    Attributes:
      truth: what example i should become, as example i of it; of the same length and shape.
    """

    truth: Source


def bold_of(images: np.ndarray) -> np.ndarray:
    """What a translation from plain to bold should give: 255 less the 3x3 maximum (zero outside of the image).

    Args:
      images: plain digits, white on black, uint8 `[N, H, W]` or `[N, H, W, C]`; of the data's own size, 28x28.

    Returns:
      uint8 of the same shape.
    """
    return 255 - neighbourhoods(images).max(axis=0)


@register("dataset", "cyclegan_digits", domains=DOMAINS, paired=False)
def cyclegan_digits(dataset: DatasetConfig, *, domain: str, **_: Any) -> Source:
    """Digits of `mnist_5k`, native size 28x28x1, of the same split there; no digit is in both domains.

    Of each class, every other digit is plain, beginning with the first, and the rest are bold: 200 each of a class in
    `train`, 50 in `test`. Other sizes are resized after that. The truth of either is what the other domain would show.
    """
    digits = load_mnist_5k(dataset.split)[0]  # sorted by class, each of an even number
    plain = digits[::2] if domain == "plain" else digits[1::2]
    both = {"plain": plain, "bold": bold_of(plain)}
    sources = {
        name: from_arrays(dataset.name, fit_all(images, side_of(dataset), dataset.image_shape[-1]))
        for name, images in both.items()
    }
    own = sources.pop(domain)
    (truth,) = sources.values()
    return KnownTranslation(**vars(own), truth=truth)
