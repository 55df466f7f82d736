"""`digits`: scikit-learn's 1,797 handwritten digits of 8x8 pixels, for quick experiments."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganzoo.data.arrays import fit_all, split_indices
from ganzoo.data.source import Source, from_arrays
from ganzoo.registry import register
from ganzoo.schema import DatasetConfig


@register("dataset", "digits")
def digits(dataset: DatasetConfig, **_: Any) -> Source:
    """Digits with native size 8x8x1; the 17 grey levels of the data (0 to 16) are scaled to 0 to 255.

    Split `test` is the last fifth of each class, `train` the rest, `all` both.
    """
    from sklearn.datasets import load_digits

    size, channels = dataset.image_shape[1:]
    data = load_digits()
    labels = data.target.astype(np.int32)
    chosen = split_indices(dataset.name, labels, dataset.split)
    images = np.round(data.images[chosen] * (255 / 16)).astype(np.uint8)
    return from_arrays(dataset.name, fit_all(images, size, channels), labels[chosen], tuple("0123456789"))
