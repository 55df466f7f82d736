"""Augmentations of the data pipeline: stateless, keyed by the seed and the example's place in the global stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ganzoo.data import draws
from ganzoo.registry import Registry

if TYPE_CHECKING:
    import tensorflow as tf

# (images uint8 `[n, H, W, C]`, counters int64 `[n]`, seed, number of the domain) -> images of the same shape and dtype.
Augmentation = Callable[["tf.Tensor", "tf.Tensor", int, int], "tf.Tensor"]

AUGMENTATIONS: Registry[Augmentation] = Registry("augmentation", "dataset.augment")


@AUGMENTATIONS.register("flip")
def flip(images: tf.Tensor, counters: tf.Tensor, seed: int, domain: int = 0) -> tf.Tensor:
    """Mirrors every other image, by the toss of a keyed coin, left to right."""
    import tensorflow as tf

    heads = draws.uniform(seed, _purpose("flip", domain), counters, 1)[:, 0] < 0.5
    return tf.where(heads[:, tf.newaxis, tf.newaxis, tf.newaxis], tf.reverse(images, axis=[2]), images)


def crop(images: tf.Tensor, counters: tf.Tensor, seed: int, domain: int, size: int) -> tf.Tensor:
    """Cuts a square out of each image, at a keyed place, all places equally likely.

    Args:
      images: uint8 `[n, H, W, C]`, H and W at least `size`.
      counters: int64 `[n]`, the examples' places in the global stream.
      seed, domain: key the draw.
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
    """What a draw is for; the first domain's is that of data without domains."""
    return f"{name}/{domain}" if domain else name
