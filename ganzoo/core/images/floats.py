"""Conversion between uint8 pixels and floats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.errors import UsageError

if TYPE_CHECKING:
    import tensorflow as tf


def to_float(images: Any) -> tf.Tensor:
    """Convert pixels to the networks' range: `x / 127.5 - 1`.

    Args:
      images: uint8, any shape (array or tensor).

    Returns:
      float32 tensor of the same shape, in [-1, 1].

    Raises:
      UsageError: if the images are not uint8.
    """
    import tensorflow as tf

    images = tf.convert_to_tensor(images)
    if images.dtype != tf.uint8:
        raise UsageError(f"to_float: expected uint8 pixels, got {images.dtype.name} (floats need no conversion)")
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def to_uint8(images: Any) -> tf.Tensor:
    """Convert the networks' output to pixels: `round((x + 1) * 127.5)`, the exact inverse of `to_float`.

    Args:
      images: any float dtype and shape, in [-1, 1]. Values outside are clipped; NaN becomes 0 (black).

    Returns:
      uint8 tensor of the same shape.

    Raises:
      UsageError: if the images are not floats.
    """
    import tensorflow as tf

    images = tf.convert_to_tensor(images)
    if not images.dtype.is_floating:
        raise UsageError(f"to_uint8: expected floats in [-1, 1], got {images.dtype.name} (pixels need no conversion)")
    levels = tf.round((tf.cast(images, tf.float32) + 1.0) * 127.5)
    levels = tf.where(tf.math.is_nan(levels), 0.0, levels)
    return tf.cast(tf.clip_by_value(levels, 0.0, 255.0), tf.uint8)


def levels(arrays: Sequence[np.ndarray], names: Sequence[str]) -> list[np.ndarray]:
    """Convert users' arrays to uint8 pixels: uint8 is kept, floats are scaled by their range.

    All arrays share one range: [-1, 1] if any float is negative, otherwise [0, 1].

    Args:
      arrays: uint8 or floats, any shapes.
      names: names of the arrays, for messages.

    Returns:
      uint8 arrays of the same shapes; floats are rounded to the nearest level, as by `to_uint8`.

    Raises:
      UsageError: if the dtype is another one, or values are out of range; the message has the range found.
    """
    signed = False
    for array, name in zip(arrays, names, strict=True):
        if array.dtype == np.uint8 or not array.size:
            continue
        if not np.issubdtype(array.dtype, np.floating):
            raise UsageError(
                f"{name}: expected uint8 or floats, got {array.dtype} {list(array.shape)} (convert levels of 0 to 255 "
                "with x.astype(np.uint8))"
            )
        least, most = float(array.min()), float(array.max())
        if not (least >= -1.0 and most <= 1.0):  # NaN fails too
            mend = " (divide them by 255, or convert them to uint8)" if least >= 0.0 and most <= 255.0 else ""
            raise UsageError(
                f"{name}: expected floats in [0, 1] or [-1, 1], got values from {least:g} to {most:g}{mend}"
            )
        signed = signed or least < 0.0
    return [array if array.dtype == np.uint8 else _rounded(array, signed) for array in arrays]


def _rounded(floats: np.ndarray, signed: bool) -> np.ndarray:
    """Convert floats in [-1, 1] (if signed, otherwise [0, 1]) to uint8."""
    values = floats.astype(np.float32)
    values = (values + np.float32(1.0)) * np.float32(127.5) if signed else values * np.float32(255.0)
    return np.rint(values, out=values).astype(np.uint8)
