"""Convolution with spectral normalisation."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ganzoo.networks.layers.convolution import Conv2D


@keras.saving.register_keras_serializable(package="ganzoo")
class SpectralConv2D(Conv2D):
    """`layers.Conv2D` whose kernel, as a matrix `[k k C, filters]`, is divided by its largest singular value.

    Each training call runs one power iteration on a vector that is kept between calls. Keras's wrapper overwrites the
    trained kernel instead, and hides the division from gradients.

    Source: Miyato et al. 2018, arXiv:1802.05957, algorithm 1.
    """

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.direction = self.add_weight(
            name="direction",
            shape=(self.filters,),
            initializer=keras.initializers.RandomNormal(),
            trainable=False,
            autocast=False,
            dtype=keras.config.floatx(),
        )

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        kernel = tf.cast(self._kernel.value, keras.config.floatx())  # possibly rounded to bfloat16, as in any layer
        matrix = tf.reshape(kernel, [-1, self.filters])
        fixed = tf.stop_gradient(matrix)
        left = tf.math.l2_normalize(tf.linalg.matvec(fixed, self.direction.value))
        right = tf.math.l2_normalize(tf.linalg.matvec(fixed, left, transpose_a=True))
        if training:
            self.direction.assign(right)
        largest = tf.tensordot(left, tf.linalg.matvec(matrix, right), 1)
        outputs = self.convolution_op(inputs, tf.cast(kernel / largest, inputs.dtype))
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, tf.cast(self.bias, outputs.dtype))
        return outputs if self.activation is None else self.activation(outputs)
