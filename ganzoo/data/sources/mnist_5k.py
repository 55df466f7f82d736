"""`mnist_5k`: 5,000 real handwritten digits, 500 per class, included in the package (see mnist_5k.LICENCE.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.data.arrays import fit_all, split_indices
from ganzoo.data.source import Source, from_arrays
from ganzoo.registry import register
from ganzoo.schema import DatasetConfig

# Made by tools/make_mnist_5k.py.
FILE = Path(__file__).with_name("mnist_5k.npz")


def load_mnist_5k(split: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """Return the digits as arrays.

    Args:
      split: `train` (first 400 of each class), `test` (last 100 of each) or `all`.

    Returns:
      images, uint8 `[N, 28, 28]`, white on black; labels, int32 `[N]`, 0 to 9. Sorted by label.

    Raises:
      DataError: if the split is another one.
    """
    with np.load(FILE, allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"].astype(np.int32)
    chosen = split_indices("mnist_5k", labels, split)
    return images[chosen], labels[chosen]


@register("dataset", "mnist_5k")
def mnist_5k(dataset: DatasetConfig, **_: Any) -> Source:
    """5,000 digits of MNIST, native size 28x28x1."""
    images, labels = load_mnist_5k(dataset.split)
    size, channels = dataset.image_shape[1:]
    return from_arrays(dataset.name, fit_all(images, size, channels), labels, tuple("0123456789"))
