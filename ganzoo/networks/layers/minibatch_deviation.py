"""Minibatch standard deviation, which shows a discriminator how different the examples of a group are."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ganzoo.core import randomness
from ganzoo.errors import UsageError

EPSILON = 1e-8  # the root has no gradient at 0


@keras.saving.register_keras_serializable(package="ganzoo")
class MinibatchDeviation(keras.layers.Layer):
    """Append a channel with the mean standard deviation in a group of examples: `[N, H, W, C]` -> `[N, H, W, C + 1]`.

    In each group, the deviation of each entry over the examples is averaged over all entries. A group is `group`
    examples in a row of the global batch, so that the number of replicas changes nothing and nothing is communicated;
    in inference the rest of the given examples is a group of its own.

    Args:
      group: number of examples in a group; in training it divides the rows of a replica and of a part of gradient
        accumulation.

    Source: Karras et al. 2018, arXiv:1710.10196, section 3 (one group); groups of 4, the authors' code.
    """

    over_batch = True  # real and generated examples must not be in one call

    def __init__(self, group: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group = group

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        rows = randomness.rows_of(inputs)
        if training and isinstance(rows, int) and rows % self.group:
            raise UsageError(
                f"minibatch_deviation: expected a multiple of {self.group} rows (for each replica and part), got "
                f"{rows} (choose another training.batch_size or discriminator.group)"
            )
        if training:
            return _with_deviations(inputs, self.group)
        rest = rows % self.group
        whole, last = inputs[: rows - rest], inputs[rows - rest :]
        made = [_with_deviations(whole, self.group), _with_deviations(last, tf.maximum(rest, 1))]
        return tf.concat(made, axis=0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "group": self.group}


def _with_deviations(inputs: tf.Tensor, size: Any) -> tf.Tensor:
    """Append the channel, in groups of `size`, which divides the rows."""
    floats = tf.cast(inputs, keras.config.floatx())
    groups = tf.reshape(floats, [-1, size, *inputs.shape[1:]])
    squares = tf.square(groups - tf.reduce_mean(groups, axis=1, keepdims=True))
    deviations = tf.sqrt(tf.reduce_mean(squares, axis=1) + EPSILON)
    means = tf.reduce_mean(deviations, axis=list(range(1, deviations.shape.rank)))
    channel = tf.reshape(tf.repeat(means, size), [-1, *[1] * (inputs.shape.rank - 1)])
    plane = tf.broadcast_to(channel, tf.concat([tf.shape(inputs)[:-1], [1]], axis=0))
    return tf.concat([inputs, tf.cast(plane, inputs.dtype)], axis=-1)
