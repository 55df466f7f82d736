"""The output of a translator that starts as the identity."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

SHRINK = 0.98  # atanh of 1 is infinite


class ResidualTanh(keras.layers.Layer):
    """`tanh(change + atanh(0.98 image))`: the image itself where the change is 0, and in [-1, 1] whatever it is.

    Called with `[change, image]`, both `[N, H, W, C]`.

    Args:
      coarseness: side of the squares that the image is averaged over before (and blurred back to its size), so that
        its fine detail has to be made anew; 1 takes it as it is. H and W are multiples of it.
    """

    def __init__(self, coarseness: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.coarseness = coarseness

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        change, image = inputs
        if self.coarseness > 1:
            size = tf.shape(image)[1:3]
            small = tf.nn.avg_pool2d(image, self.coarseness, self.coarseness, "VALID")
            image = tf.cast(tf.image.resize(small, size, "bilinear"), image.dtype)
        return tf.tanh(change + tf.atanh(SHRINK * tf.clip_by_value(image, -1.0, 1.0)))

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "coarseness": self.coarseness}
