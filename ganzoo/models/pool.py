"""Pool of earlier generated images for a discriminator, held in variables."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ganzoo.core import randomness
from ganzoo.core.replicas import of_all_replicas


class ImagePool:
    """The latest generated images, some of which replace new ones in a discriminator's batch.

    Each image of a batch is swapped, with probability 1/2, for a random one of the pool. Until the pool is full, all
    are shown unchanged and stored. Every replica has the whole pool: it takes the images of all replicas, in the order
    of the global batch.

    Args:
      model: model that owns the variable.
      name: name of the pool.
      size: number of images.
      shape: shape of an image, (H, W, C).

    Source: Shrivastava et al. 2017, arXiv:1612.07828, section 2.3; Zhu et al. 2017, arXiv:1703.10593, section 4.
    """

    def __init__(self, model: keras.Model, name: str, size: int, shape: tuple[int, ...]) -> None:
        self.size = size
        self.images = model.add_weight(name=name, shape=(size, *shape), initializer="zeros", trainable=False)

    def exchange(self, new: tf.Tensor, seen: tf.Tensor, draw_key: tf.Tensor, place: randomness.Place) -> tf.Tensor:
        """Return the images to show the discriminator, and store the new ones; call in replica context.

        Args:
          new: this replica's generated images `[n, H, W, C]`.
          seen: int64 scalar, number of earlier images (of all replicas).
          draw_key: key of this exchange.
          place: position of these rows in the global batch.

        Returns:
          `[n, H, W, C]`.
        """
        rows = tf.shape(new)[0]
        everyone = tf.reshape(of_all_replicas(new), [-1, *new.shape[1:]])
        taking_part = tf.minimum(place.total, self.size)  # the last rows of a larger batch do not fit
        slots, keep = self._draw(seen, draw_key, taking_part)
        candidates = everyone[:taking_part]
        stored = tf.gather(self.images.value, slots)
        shown = tf.where(keep[:, tf.newaxis, tf.newaxis, tf.newaxis], stored, candidates)
        full = seen >= self.size
        goes_in = tf.where(tf.logical_or(tf.logical_not(full), keep)[:, None, None, None], candidates, stored)
        self.images.assign(tf.tensor_scatter_nd_update(self.images.value, slots[:, tf.newaxis], goes_in))
        shown = tf.concat([shown, everyone[taking_part:]], axis=0)
        return tf.ensure_shape(shown[place.first : place.first + rows], new.shape)

    def _draw(self, seen: tf.Tensor, draw_key: tf.Tensor, rows: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Draw a distinct slot for each row, and whether the image stored there replaces it."""
        full = seen >= self.size
        order = tf.argsort(randomness.uniform(randomness.fold(draw_key, 0), [self.size]))
        next_free = tf.cast((seen + tf.range(self.size, dtype=tf.int64)) % self.size, tf.int32)
        coins = randomness.uniform(randomness.fold(draw_key, 1), [self.size]) < 0.5
        slots = tf.where(full, order, next_free)
        return slots[:rows], tf.logical_and(full, coins)[:rows]
