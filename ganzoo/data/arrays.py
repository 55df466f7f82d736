"""What the sources that are plain arrays share: fixed splits by class, and resizing."""

from __future__ import annotations

import numpy as np

from ganzoo import images as pixels
from ganzoo.errors import DataError, did_you_mean
from ganzoo.schema import DatasetConfig

SPLITS = ("train", "test", "all")


def split_indices(name: str, labels: np.ndarray, split: str) -> np.ndarray:
    """The examples of a split: `test` is the last fifth of each class (rounded down), `train` the rest, `all` both.

    Args:
      name: of the data set, for the message.
      labels: integers `[N]`.
      split: one of `SPLITS`.

    Returns:
      int64 indices, ascending.

    Raises:
      DataError: another split.
    """
    if split not in SPLITS:
        raise DataError(f"dataset.split: {name} has no '{split}'{did_you_mean(split, SPLITS)}")
    parts = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        last = len(members) - len(members) // 5
        parts.append({"train": members[:last], "test": members[last:], "all": members}[split])
    return np.sort(np.concatenate(parts))


def fit_all(images: np.ndarray, dataset: DatasetConfig) -> np.ndarray:
    """Grey images uint8 `[N, H, W]` in a config's size and channels: uint8 `[N, size, size, channels]`."""
    if images.shape[1:] == (dataset.size, dataset.size):
        return np.repeat(images[..., np.newaxis], dataset.channels, axis=3)
    return np.stack([pixels.fit(image[..., np.newaxis], dataset.size, dataset.channels) for image in images])
