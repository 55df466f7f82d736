"""The history of generated images that a discriminator is shown, held in variables."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ganzoo.core import randomness


class ImagePool:
    """The last generated images: a discriminator sees, half of the time, one from here in the place of a new one.

    Each image of a batch is, with probability one half, exchanged for a random one of the pool, and else shown itself;
    until the pool is full, all are shown themselves and kept. Every replica has the whole pool: the images of all
    replicas go in, in the order of the global batch.

    Args:
      model: gets the variable.
      name: of the pool.
      size: how many images it holds.
      shape: of an image, (H, W, C).

    Source: Shrivastava et al. 2017, arXiv:1612.07828, section 2.3; Zhu et al. 2017, arXiv:1703.10593, section 4.
    """

    def __init__(self, model: keras.Model, name: str, size: int, shape: tuple[int, ...]) -> None:
        self.size = size
        self.images = model.add_weight(name=name, shape=(size, *shape), initializer="zeros", trainable=False)

    def exchange(self, new: tf.Tensor, seen: tf.Tensor, draw_key: tf.Tensor, place: randomness.Place) -> tf.Tensor:
        """What the discriminator is to be shown, in replica context; the pool takes in the new ones.

        Args:
          new: this replica's generated images `[n, H, W, C]`.
          seen: int64 scalar, how many images (of all replicas) have gone in before these.
          draw_key: of this exchange.
          place: of these rows in the global batch.

        Returns:
          `[n, H, W, C]`.
        """
        rows = tf.shape(new)[0]
        everyone = _of_all_replicas(new, place)
        taking_part = tf.minimum(place.total, self.size)  # a larger batch has no room for its last ones
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
        """For each row its slot, all of them different, and whether the stored image there is shown in its place."""
        full = seen >= self.size
        order = tf.argsort(randomness.uniform(randomness.fold(draw_key, 0), [self.size]))
        next_free = tf.cast((seen + tf.range(self.size, dtype=tf.int64)) % self.size, tf.int32)
        coins = randomness.uniform(randomness.fold(draw_key, 1), [self.size]) < 0.5
        slots = tf.where(full, order, next_free)
        return slots[:rows], tf.logical_and(full, coins)[:rows]


def _of_all_replicas(mine: tf.Tensor, place: randomness.Place) -> tf.Tensor:
    """The rows of the whole global batch, on every replica."""
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return mine
    before, after = place.first, place.total - place.first - tf.shape(mine)[0]
    return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.pad(mine, [[before, after], [0, 0], [0, 0], [0, 0]]))
