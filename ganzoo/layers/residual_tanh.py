"""The output of a translator that starts as the identity."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

SHRINK = 0.98  # atanh of 1 is infinite


class ResidualTanh(keras.layers.Layer):
    """`tanh(change + atanh(0.98 image))`: the image itself where the change is 0, and in [-1, 1] whatever it is.

    Called with `[change, image]`, both `[N, H, W, C]`.
    """

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        change, image = inputs
        return tf.tanh(change + tf.atanh(SHRINK * tf.clip_by_value(image, -1.0, 1.0)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]
