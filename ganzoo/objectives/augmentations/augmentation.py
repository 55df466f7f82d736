"""What an augmentation in the training step does: it changes what a discriminator sees, real and generated alike.

An augmentation is registered with `@register("augmentation", "name")`: a function `(examples, draws, *, options) ->
examples`, or a class with the options in its `__init__` and `__call__(examples, draws) -> examples`. It has to be
differentiable by the examples, as the generator learns through it, and takes its random numbers from `draws`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from ganzoo.core import randomness


@dataclass(frozen=True)
class Draws:
    """Random numbers for the rows of a batch, which are the same for a row on any number of replicas.

    Attributes:
      key: of all that is drawn here.
      place: of the rows in the global batch.
      rows: how many there are.
    """

    key: tf.Tensor
    place: randomness.Place
    rows: Any

    def uniform(self, number: int, shape: Sequence[int] = (), low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        """`[rows, *shape]` uniform in [low, high).

        Args:
          number: which draw this is; each of a call needs its own.
          shape: behind the rows.
          low, high: of the interval.
        """
        key = randomness.fold(self.key, number)
        return self.place.rows(lambda rows: randomness.uniform(key, [rows, *shape], low, high), self.rows)


Augmentation = Callable[[tf.Tensor, Draws], tf.Tensor]
