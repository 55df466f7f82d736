"""Instance normalisation: statistics per image and channel."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

# Largest batch normalised image by image with TensorFlow's fused kernel, and the dtypes that the kernel takes.
MOST_ONE_BY_ONE = 16
FUSED_TYPES = (tf.bfloat16, tf.float32)


@keras.saving.register_keras_serializable(package="ganzoo")
class InstanceNormalization(keras.layers.Layer):
    """Normalise each channel (last axis) of each image by its own mean and variance, in training and inference.

    Fused batch normalisation of a single image is the same function. On a CPU, image by image, it is two to four times
    as fast as the plain formula (4x128x128x32, bfloat16: 3.5 against 12 ms forward, 5.7 against 24 backward), which is
    used if the batch is unknown or large. Statistics are float32 (float64 if that is Keras's float type).

    Args:
      epsilon: added to the variance.

    Source: Ulyanov et al. 2016, arXiv:1607.08022, with a scale and an offset per channel.
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape: Any) -> None:
        def weight(name: str, initial: str) -> keras.Variable:
            shape, floats = (input_shape[-1],), keras.config.floatx()
            return self.add_weight(name=name, shape=shape, initializer=initial, autocast=False, dtype=floats)

        self.gamma = weight("gamma", "ones")
        self.beta = weight("beta", "zeros")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        rows = inputs.shape[0]
        on_cpu = not tf.config.list_logical_devices("GPU")
        if rows is not None and rows <= MOST_ONE_BY_ONE and inputs.dtype in FUSED_TYPES and on_cpu:
            normalised = [self._fused(image) for image in tf.split(inputs, rows)]
            return normalised[0] if rows == 1 else tf.concat(normalised, axis=0)
        floats = tf.cast(inputs, keras.config.floatx())
        mean, variance = tf.nn.moments(floats, axes=[1, 2], keepdims=True)
        normalised = tf.nn.batch_normalization(
            floats, mean, variance, self.beta.value, self.gamma.value, variance_epsilon=self.epsilon
        )
        return tf.cast(normalised, inputs.dtype)

    def _fused(self, image: tf.Tensor) -> tf.Tensor:
        """Normalise `[1, H, W, C]` by the raw operation, because the public one raises small epsilons."""
        gamma, beta = (tf.cast(weight.value, tf.float32) for weight in (self.gamma, self.beta))
        none = tf.zeros([0], tf.float32)
        return tf.raw_ops.FusedBatchNormV3(
            x=image, scale=gamma, offset=beta, mean=none, variance=none, epsilon=self.epsilon, is_training=True
        ).y

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}
