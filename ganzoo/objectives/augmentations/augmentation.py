"""Interface of augmentations in the training step, which transform a discriminator's real and generated input alike.

Register one with `@register("augmentation", "name")`: a function `(examples, draws, *, options) -> examples`, or a
class with options in `__init__` and `__call__(examples, draws) -> examples`. It must be differentiable with respect to
the examples, because the generator learns through it, and takes its random numbers from `draws`.

A class may have:

  state: initial values of variables by name, one set for each discriminator; they are in `draws.state`, and in every
    checkpoint.
  observe(real_logits, draws): called in each update of the discriminator with its logits `[N]` (`[N, h, w]`) of real
    examples minus the loss's `threshold`: positive for real; a loss without a threshold is refused. It may assign the
    state.
  over_batch: True if anything depends on the other examples of the global batch (`core.replicas.global_mean`), which
    gradient accumulation would split.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from ganzoo.core import randomness


@dataclass(frozen=True)
class Draws:
    """Random numbers for the rows of a batch, independent of the number of replicas, and the position in training.

    Attributes:
      key: key of all draws.
      place: position of the rows in the global batch.
      rows: number of rows.
      step: int64 scalar, number of the step.
      state: variables of the part by name; see the module.
    """

    key: tf.Tensor
    place: randomness.Place
    rows: Any
    step: Any
    state: Mapping[str, Any] = field(default_factory=dict)

    def uniform(self, number: int, shape: Sequence[int] = (), low: float = 0.0, high: float = 1.0) -> tf.Tensor:
        """Draw `[rows, *shape]` uniform in [low, high).

        Args:
          number: index of the draw; each draw of a call needs its own.
          shape: shape after the rows.
          low, high: bounds of the interval.
        """
        key = randomness.fold(self.key, number)
        return self.place.rows(lambda rows: randomness.uniform(key, [rows, *shape], low, high), self.rows)

    def normal(self, number: int, shape: Sequence[int] = ()) -> tf.Tensor:
        """Draw `[rows, *shape]` from N(0, 1), by Box and Muller: the same inside and outside XLA.

        Args:
          number, shape: see `uniform`.
        """
        return randomness.box_muller(self.uniform(number, (2, *shape)))


Augmentation = Callable[[tf.Tensor, Draws], tf.Tensor]
