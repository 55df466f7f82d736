"""Batch normalisation over the global batch, for any number of replicas."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ganzoo.core import replicas


@keras.saving.register_keras_serializable(package="ganzoo")
class BatchNormalization(keras.layers.Layer):
    """Batch normalisation of each channel (last axis) with statistics of the *global* batch in training.

    Keras's layer uses the statistics of a replica's part of the batch or, with `synchronized=True`, a variance that
    cancels (mean of squares minus square of the mean). Inference uses moving averages. Statistics and moving averages
    are float32 (float64 if that is Keras's float type).

    Args:
      momentum: decay of the moving averages: `moving = momentum * moving + (1 - momentum) * batch`.
      epsilon: added to the variance.

    Source: Ioffe & Szegedy 2015, arXiv:1502.03167.
    """

    over_batch = True  # real and generated examples must not be in one call

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_shape: Any) -> None:
        self._create_weights(input_shape[-1], ())

    def _create_weights(self, channels: int, groups: tuple[int, ...]) -> None:
        """Create the weights: gamma and beta `[*groups, C]`, moving averages `[C]`."""

        def weight(name: str, shape: tuple[int, ...], initial: str, trainable: bool) -> keras.Variable:
            return self.add_weight(
                name=name, shape=shape, initializer=initial, trainable=trainable, autocast=False, dtype=self._floats
            )

        self.gamma = weight("gamma", (*groups, channels), "ones", True)
        self.beta = weight("beta", (*groups, channels), "zeros", True)
        self.moving_mean = weight("moving_mean", (channels,), "zeros", False)
        self.moving_variance = weight("moving_variance", (channels,), "ones", False)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self._normalised(inputs, self.gamma.value, self.beta.value, training)

    def _normalised(self, inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, training: bool) -> tf.Tensor:
        """Return `gamma (inputs - mean) / sqrt(variance + epsilon) + beta`, after updating the moving averages."""
        floats = tf.cast(inputs, self._floats)
        if training:
            mean, variance = self._global_moments(floats)
            for average, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
                average.assign(self.momentum * average + (1.0 - self.momentum) * value)
        else:
            mean, variance = self.moving_mean.value, self.moving_variance.value
        normalised = tf.nn.batch_normalization(floats, mean, variance, beta, gamma, variance_epsilon=self.epsilon)
        return tf.cast(normalised, inputs.dtype)

    @property
    def communicates(self) -> bool:
        """Whether a call communicates with other replicas, which XLA cannot compile into a replica's function."""
        return replicas.several()

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "epsilon": self.epsilon}

    @property
    def _floats(self) -> str:
        return keras.config.floatx()

    def _global_moments(self, inputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return mean and variance `[C]` over the global batch; all replicas hold equally many rows.

        The global variance is the mean of the replicas' variances plus the variance of their means: sums of squares
        would cancel if the mean is large.
        """
        mean, variance = tf.nn.moments(inputs, axes=list(range(inputs.shape.rank - 1)))
        if not self.communicates:
            return mean, variance
        means, variances = tf.unstack(replicas.of_all_replicas(tf.stack([mean, variance])), axis=1)
        mean = tf.reduce_mean(means, axis=0)
        return mean, tf.reduce_mean(variances + tf.square(means - mean), axis=0)
