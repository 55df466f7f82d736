"""Interface of penalties.

Register one with `@register("penalty", "name")`: a function `(context, *, options) -> [N]`, or a class with options in
`__init__` and `__call__(context) -> [N]` (or `[N, h, w]`, or a scalar: its mean counts). Times the config's `weight`,
it is added to the loss of an update. A class, or a function, may have these attributes:

  update: name of the update whose loss it joins, or a tuple of several; default `discriminator`.
  outputs: names of further outputs of the discriminator that it uses, such as `features` or `class_logits`.
  state: initial values of variables by name, one set for each discriminator; they are in `context.state`, and in every
    checkpoint. The penalty may assign them, with the same values in all replicas (see `over_batch`).
  over_batch: True if it depends on statistics of the global batch (`core.replicas.global_mean`), which gradient
    accumulation would split.
  compares: False if it uses no outputs for real examples in the generator's update, which are then not computed.
  styles: True if it needs a generator with styles, see `PenaltyContext`.
  each_alone: True if it needs a discriminator that judges each example alone, without batch normalisation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from ganzoo.objectives.augmentations.augmentation import Draws


@dataclass(frozen=True)
class PenaltyContext:
    """Inputs of a penalty.

    Attributes:
      discriminator: maps examples `[N, …]` to logits `[N]` (`[N, h, w]` for a patch discriminator), with conditions and
        augmentations, as in the loss.
      real, fake: examples of the same shape, in the networks' range: images in [-1, 1].
      real_outputs, fake_outputs: all outputs of the discriminator for them, by name: `logits`, and further ones such
        as `features` if it has them.
      conditions: further inputs of both networks (labels int32 `[N]`); may be empty.
      networks: all networks of the model, by name.
      uniform: maps a shape without the batch axis to `[N, *shape]` uniform in [0, 1), drawn for the global batch.
      draws: returns new random numbers for an augmentation, at each call.
      state: the penalty's variables by name.
      update: name of the update whose loss the penalty joins.
      due: bool scalar, false at the steps between for a lazy penalty with `over_batch`, which is called at each step:
        its value is ignored then.
      styles: returns styles of new latents, `[N, S]`; None without a generator that has them.
      synthesis: maps styles to generated examples.
    """

    discriminator: Callable[[tf.Tensor], tf.Tensor]
    real: tf.Tensor
    fake: tf.Tensor
    real_outputs: Mapping[str, tf.Tensor]
    fake_outputs: Mapping[str, tf.Tensor]
    conditions: Sequence[tf.Tensor]
    networks: Mapping[str, Any]
    uniform: Callable[[Sequence[int]], tf.Tensor]
    draws: Callable[[], Draws]
    state: Mapping[str, Any]
    update: str
    due: Any = True
    styles: Any = None
    synthesis: Any = None


def each_alone(penalty: Any) -> Any:
    """Mark a penalty function that needs a discriminator without batch normalisation; see the module."""
    penalty.each_alone = True
    return penalty


def gradient_of(discriminator: Callable[[tf.Tensor], tf.Tensor], examples: tf.Tensor) -> tf.Tensor:
    """Return the gradient of the sum of each example's logits with respect to the example, flat: `[N, D]`."""
    with tf.GradientTape() as tape:
        tape.watch(examples)
        logits = discriminator(examples)
    gradient = tape.gradient(logits, examples)
    return tf.reshape(gradient, [tf.shape(gradient)[0], -1])
