"""Augmentations of the data pipeline: stateless, keyed by the seed and the example's place in the global stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ganzoo.data import draws
from ganzoo.registry import Registry

if TYPE_CHECKING:
    import tensorflow as tf

# (images uint8 `[n, H, W, C]`, counters int64 `[n]`, seed) -> images of the same shape and dtype.
Augmentation = Callable[["tf.Tensor", "tf.Tensor", int], "tf.Tensor"]

AUGMENTATIONS: Registry[Augmentation] = Registry("augmentation", "dataset.augment")


@AUGMENTATIONS.register("flip")
def flip(images: tf.Tensor, counters: tf.Tensor, seed: int) -> tf.Tensor:
    """Mirrors every other image, by the toss of a keyed coin, left to right."""
    import tensorflow as tf

    heads = draws.uniform(seed, "flip", counters, 1)[:, 0] < 0.5
    return tf.where(heads[:, tf.newaxis, tf.newaxis, tf.newaxis], tf.reverse(images, axis=[2]), images)
