"""Maxout layer, the discriminator's activation in the 2014 paper."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="ganzoo")
class Maxout(keras.layers.Layer):
    """The largest of `pieces` affine maps, for each unit: `[N, features] -> [N, units]`.

    Source: Goodfellow et al. 2013, arXiv:1302.4389, section 2.
    """

    def __init__(self, units: int, pieces: int = 2, kernel_initializer: Any = "glorot_uniform", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.pieces = pieces
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Any) -> None:
        width = self.units * self.pieces
        self.kernel = self.add_weight(
            name="kernel", shape=(input_shape[-1], width), initializer=self.kernel_initializer
        )
        self.bias = self.add_weight(name="bias", shape=(width,), initializer="zeros")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        affine = tf.matmul(inputs, self.kernel) + self.bias
        return tf.reduce_max(tf.reshape(affine, [-1, self.units, self.pieces]), axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "pieces": self.pieces,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
