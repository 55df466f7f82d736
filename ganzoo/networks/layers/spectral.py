"""Convolution and dense layer with spectral normalisation."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ganzoo.networks.layers.convolution import Conv2D, finished


class SpectralNormalization:
    """Mixin of layers whose kernel, as a matrix `[inputs, outputs]`, is divided by its largest singular value.

    Each training call runs one power iteration on a vector that is kept between calls. Keras's wrapper overwrites the
    trained kernel instead, and hides the division from gradients.

    Source: Miyato et al. 2018, arXiv:1802.05957, algorithm 1.
    """

    def build(self: Any, input_shape: Any) -> None:
        super().build(input_shape)  # type: ignore[misc]
        self.direction = self.add_weight(
            name="direction",
            shape=(self._kernel.shape[-1],),
            initializer=keras.initializers.RandomNormal(),
            trainable=False,
            autocast=False,
            dtype=keras.config.floatx(),
        )

    def normalised_kernel(self: Any, dtype: Any, training: bool) -> tf.Tensor:
        """Return the kernel divided by its largest singular value, in a dtype."""
        kernel = tf.cast(self._kernel.value, keras.config.floatx())  # possibly rounded to bfloat16, as in any layer
        matrix = tf.reshape(kernel, [-1, self._kernel.shape[-1]])
        fixed = tf.stop_gradient(matrix)
        left = tf.math.l2_normalize(tf.linalg.matvec(fixed, self.direction.value))
        right = tf.math.l2_normalize(tf.linalg.matvec(fixed, left, transpose_a=True))
        if training:
            self.direction.assign(right)
        largest = tf.tensordot(left, tf.linalg.matvec(matrix, right), 1)
        return tf.cast(kernel / largest, dtype)


@keras.saving.register_keras_serializable(package="ganzoo")
class SpectralConv2D(SpectralNormalization, Conv2D):
    """`layers.Conv2D` with spectral normalisation of its kernel, as a matrix `[k k C, filters]`."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return finished(self, self.convolution_op(inputs, self.normalised_kernel(inputs.dtype, training)))


@keras.saving.register_keras_serializable(package="ganzoo")
class SpectralDense(SpectralNormalization, keras.layers.Dense):
    """`keras.layers.Dense` with spectral normalisation of its kernel."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return finished(self, tf.matmul(inputs, self.normalised_kernel(inputs.dtype, training)))
