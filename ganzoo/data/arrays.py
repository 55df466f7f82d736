"""Helpers for sources of plain arrays: fixed splits by class, resizing, and pixel neighbourhoods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ganzoo.core import images as pixels
from ganzoo.errors import DataError, did_you_mean

SPLITS = ("train", "test", "all")


def split_indices(name: str, labels: np.ndarray, split: str) -> np.ndarray:
    """Return the indices of a split: `test` is the last fifth of each class (rounded down), `train` the rest.

    Args:
      name: name of the data set, for the message.
      labels: integers `[N]`.
      split: one of `SPLITS`; `all` is both.

    Returns:
      int64 indices, ascending.

    Raises:
      DataError: if the split is another one.
    """
    check_split(name, split)
    parts = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        last = len(members) - len(members) // 5
        parts.append({"train": members[:last], "test": members[last:], "all": members}[split])
    return np.sort(np.concatenate(parts))


def check_split(name: str, split: str, splits: Sequence[str] = SPLITS) -> None:
    """Refuse a split that a data set does not have.

    Raises:
      DataError: if it is not in `splits`.
    """
    if split not in splits:
        raise DataError(f"dataset.split: {name} has no '{split}'{did_you_mean(split, splits)}")


def fit_all(images: np.ndarray, size: int, channels: int) -> np.ndarray:
    """Resize grey images uint8 `[N, H, W]` to uint8 `[N, size, size, channels]` with 1 or 3 channels."""
    if images.shape[1:] == (size, size):
        return np.repeat(images[..., np.newaxis], channels, axis=3)
    return np.stack([pixels.fit(image[..., np.newaxis], size, channels) for image in images])


def neighbourhoods(images: np.ndarray) -> np.ndarray:
    """Return the 3x3 neighbourhood of each pixel, zero outside the image.

    Args:
      images: `[N, H, W]` or `[N, H, W, C]`, any dtype.

    Returns:
      nine shifted images, `[9, N, H, W]` or `[9, N, H, W, C]`, of the same dtype.
    """
    height, width = images.shape[1:3]
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), *[(0, 0)] * (images.ndim - 3)])
    return np.stack([padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3)])
