"""Interface of augmentations in the training step, which transform a discriminator's real and generated input alike.

Register one with `@register("augmentation", "name")`: a function `(examples, draws, *, options) -> examples`, or a
class with options in `__init__` and `__call__(examples, draws) -> examples`. It must be differentiable with respect to
the examples, because the generator learns through it, and takes its random numbers from `draws`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from ganzoo.core import randomness


@dataclass(frozen=True)
class Draws:
    """Random numbers for the rows of a batch, independent of the number of replicas.

    Attributes:
      key: key of all draws.
      place: position of the rows in the global batch.
      rows: number of rows.
    """

    key: tf.Tensor
    place: randomness.Place
    rows: Any

    def uniform(self, number: int, shape: Sequence[int] = (), low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        """Draw `[rows, *shape]` uniform in [low, high).

        Args:
          number: index of the draw; each draw of a call needs its own.
          shape: shape after the rows.
          low, high: bounds of the interval.
        """
        key = randomness.fold(self.key, number)
        return self.place.rows(lambda rows: randomness.uniform(key, [rows, *shape], low, high), self.rows)


Augmentation = Callable[[tf.Tensor, Draws], tf.Tensor]
