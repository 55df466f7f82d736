"""Augmentations of the data pipeline: stateless, keyed by the seed and the example's global position."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ganzoo.data import draws
from ganzoo.registry import Registry

if TYPE_CHECKING:
    import tensorflow as tf

# (images uint8 `[n, H, W, C]`, counters int64 `[n]`, seed, domain index) -> images of the same shape and dtype.
Augmentation = Callable[["tf.Tensor", "tf.Tensor", int, int], "tf.Tensor"]

AUGMENTATIONS: Registry[Augmentation] = Registry("augmentation", "dataset.augment")


@AUGMENTATIONS.register("flip")
def flip(images: tf.Tensor, counters: tf.Tensor, seed: int, domain: int = 0) -> tf.Tensor:
    """Flip images left to right with probability 1/2, keyed."""
    import tensorflow as tf

    heads = draws.uniform(seed, _purpose("flip", domain), counters, 1)[:, 0] < 0.5
    return tf.where(heads[:, tf.newaxis, tf.newaxis, tf.newaxis], tf.reverse(images, axis=[2]), images)


def crop(images: tf.Tensor, counters: tf.Tensor, seed: int, domain: int, size: int) -> tf.Tensor:
    """Crop a square from each image at a keyed position, uniform over all positions.

    Args:
      images: uint8 `[n, H, W, C]`, H and W at least `size`.
      counters: int64 `[n]`, global positions of the examples.
      seed, domain: key of the draw.
      size: side of the square in pixels.

    Returns:
      uint8 `[n, size, size, C]`.
    """
    import tensorflow as tf

    free = tf.constant([images.shape[1] - size + 1, images.shape[2] - size + 1], tf.float32)
    corners = tf.cast(draws.uniform(seed, _purpose("crop", domain), counters, 2) * free, tf.int32)
    rows, columns = (corners[:, axis, tf.newaxis] + tf.range(size) for axis in (0, 1))
    return tf.gather(tf.gather(images, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)


def _purpose(name: str, domain: int) -> str:
    """Return the purpose of a draw; the first domain shares that of data without domains."""
    return f"{name}/{domain}" if domain else name
