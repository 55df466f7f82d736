"""What a penalty is given, and what it gives.

A penalty is registered with `@register("penalty", "name")`: a function `(context, *, options) -> [N]`, or a class with
the options in its `__init__` and `__call__(context) -> [N]`. It is added, times the config's `weight`, to the loss of
the update that its attribute `update` names (`discriminator`, if it has none).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class PenaltyContext:
    """What a penalty may look at.

    Attributes:
      discriminator: maps examples `[N, …]` to logits `[N]` (`[N, h, w]` of a patch discriminator), as the loss's
        discriminator does: with the conditions, and with the augmentations.
      real, fake: examples of the same shape, inside: images in [-1, 1].
      real_outputs, fake_outputs: all that the discriminator gave for them, by name: `logits`, and `features` and others
        of a discriminator that has them.
      conditions: the further inputs of both networks (labels int32 `[N]`), empty without.
      networks: all networks of the model, by name.
      uniform: shape behind the batch dimension -> `[N, *shape]` uniform in [0, 1), drawn for the global batch.
    """

    discriminator: Callable[[tf.Tensor], tf.Tensor]
    real: tf.Tensor
    fake: tf.Tensor
    real_outputs: Mapping[str, tf.Tensor]
    fake_outputs: Mapping[str, tf.Tensor]
    conditions: Sequence[tf.Tensor]
    networks: Mapping[str, Any]
    uniform: Callable[[Sequence[int]], tf.Tensor]


def gradient_of(discriminator: Callable[[tf.Tensor], tf.Tensor], examples: tf.Tensor) -> tf.Tensor:
    """The gradient of the sum of an example's logits by the example, flat: `[N, D]`."""
    with tf.GradientTape() as tape:
        tape.watch(examples)
        logits = discriminator(examples)
    gradient = tape.gradient(logits, examples)
    return tf.reshape(gradient, [tf.shape(gradient)[0], -1])
