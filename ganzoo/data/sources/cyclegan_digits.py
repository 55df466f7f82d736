"""`cyclegan_digits`: plain digits, and bold black-on-white digits; the true translation is known."""

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
      truth: source whose example i is the true translation of example i; same length and shape.
    """

    truth: Source


def bold_of(images: np.ndarray) -> np.ndarray:
    """Return the true translation from plain to bold: 255 minus the 3x3 maximum (zero outside the image).

    Args:
      images: plain digits, white on black, uint8 `[N, H, W]` or `[N, H, W, C]`, at the native size 28x28.

    Returns:
      uint8 of the same shape.
    """
    return 255 - neighbourhoods(images).max(axis=0)


@register("dataset", "cyclegan_digits", domains=DOMAINS, paired=False)
def cyclegan_digits(dataset: DatasetConfig, *, domain: str, inverted: bool = True, **_: Any) -> Source:
    """Digits from the same split of `mnist_5k`, native size 28x28x1; no digit is in both domains.

    Within each class digits alternate between plain (first) and bold: 200 of each per class in `train`, 50 in `test`.
    Other sizes are resized afterwards. The truth of a domain is its digits in the style of the other.

    Args:
      dataset, domain: see OpenFunction.
      inverted: whether bold digits are black on white; otherwise they are white on black, as the plain ones.
    """
    digits = load_mnist_5k(dataset.split)[0]  # sorted by class, an even number of each
    plain = digits[::2] if domain == "plain" else digits[1::2]
    both = {"plain": plain, "bold": bold_of(plain) if inverted else 255 - bold_of(plain)}
    sources = {
        name: from_arrays(dataset.name, fit_all(images, side_of(dataset), dataset.image_shape[-1]))
        for name, images in both.items()
    }
    own = sources.pop(domain)
    (truth,) = sources.values()
    return KnownTranslation(**vars(own), truth=truth)
