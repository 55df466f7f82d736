"""Layers of the style generator.

Sources: Karras et al. 2019, arXiv:1812.04948 (mapping, constant, noise, truncation); Karras et al. 2020,
arXiv:1912.04958 (modulation and demodulation).
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from ganzoo.core import randomness, replicas
from ganzoo.networks.layers.convolution import Conv2D, finished

EPSILON = 1e-8


@keras.saving.register_keras_serializable(package="ganzoo")
class EqualizedDense(keras.layers.Dense):
    """keras.layers.Dense with equalised learning rate: weights start as N(0, 1 / rate^2) and are scaled in each call.

    Args:
      units: as in Keras.
      rate: multiplier of the learning rate: of an optimizer like Adam, whose steps do not depend on the weights' scale.

    Source: Karras et al. 2018, arXiv:1710.10196, section 4.1; rate, arXiv:1812.04948, appendix C (0.01).
    """

    def __init__(self, units: int, rate: float = 1.0, **kwargs: Any) -> None:
        super().__init__(units, **{"kernel_initializer": _normal(1.0 / rate), **kwargs})
        self.rate = rate

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        kernel = tf.convert_to_tensor(self.kernel)
        outputs = tf.matmul(inputs, kernel) * (self.rate / math.sqrt(kernel.shape[0]))
        if self.use_bias:
            outputs += tf.cast(self.bias, outputs.dtype) * self.rate
        return self.activation(outputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate}


@keras.saving.register_keras_serializable(package="ganzoo")
class ModulatedConv2D(Conv2D):
    """Convolution of stride 1 whose input channels are scaled by a style of each example, with equalised learning rate.

    Call it with `[inputs, styles]`: `[N, H, W, C]` and `[N, C]` -> `[N, H, W, filters]`. The weights of example n are
    `s[n, c] w[k, l, c, f] / (K sqrt(C))`, for a kernel of K x K that starts as N(0, 1). With demodulation they are
    divided by their norm over (k, l, c), so that inputs of unit variance give outputs of unit variance. Both factors
    are applied to inputs and outputs, which is the same, and one convolution for all examples.

    Args:
      filters, kernel_size: as in Keras.
      demodulate: whether to divide by the norm.

    Source: Karras et al. 2020, arXiv:1912.04958, eq. 1 and 3.
    """

    def __init__(self, filters: int, kernel_size: int, demodulate: bool = True, **kwargs: Any) -> None:
        super().__init__(filters, kernel_size, **{"padding": "same", "kernel_initializer": _normal(), **kwargs})
        self.demodulate = demodulate
        self.input_spec = None  # that of Keras is for a single input

    def build(self, input_shape: Any) -> None:
        super().build(input_shape[0])
        self.input_spec = None

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        images, styles = inputs
        kernel = tf.convert_to_tensor(self.kernel)
        factors = self._factors(tf.cast(kernel, keras.config.floatx()), tf.cast(styles, keras.config.floatx()))
        outputs = self.convolution_op(images * _by_channel(styles, images), kernel)
        return finished(self, outputs * _by_channel(factors, outputs))

    def _factors(self, kernel: tf.Tensor, styles: tf.Tensor) -> tf.Tensor:
        """Return the factors of the outputs: `[N, filters]`, or `[1, 1]` without demodulation."""
        scale = 1.0 / math.sqrt(math.prod(kernel.shape[:3]))
        if not self.demodulate:
            return tf.fill([1, 1], tf.constant(scale, kernel.dtype))
        squares = tf.matmul(tf.square(styles), tf.reduce_sum(tf.square(kernel), axis=[0, 1]))
        return scale * tf.math.rsqrt(scale**2 * squares + EPSILON)

    def compute_output_shape(self, input_shape: Any) -> Any:
        first = input_shape[0]  # Keras's `build` asks for images alone
        return super().compute_output_shape(first if isinstance(first, list | tuple) else input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "demodulate": self.demodulate}


def _normal(deviation: float = 1.0) -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(0.0, deviation)


def _by_channel(values: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """Return values `[N, C]` as `[N, 1, 1, C]`, in the images' dtype."""
    return tf.cast(values, images.dtype)[:, tf.newaxis, tf.newaxis]


@keras.saving.register_keras_serializable(package="ganzoo")
class LearnedConstant(keras.layers.Layer):
    """A trained tensor for each row of the inputs: `[N, …]` -> `[N, *constant_shape]`; it starts as N(0, 1)."""

    def __init__(self, constant_shape: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.constant_shape = tuple(constant_shape)

    def build(self, input_shape: Any) -> None:
        self.constant = self.add_weight(name="constant", shape=self.constant_shape, initializer=_normal())

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        rows = randomness.rows_of(inputs)
        return tf.broadcast_to(tf.convert_to_tensor(self.constant), [rows, *self.constant_shape])

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (input_shape[0], *self.constant_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "constant_shape": self.constant_shape}


@keras.saving.register_keras_serializable(package="ganzoo")
class PixelNoise(keras.layers.Layer):
    """Add Gaussian noise to each pixel, the same for all channels, times a trained strength that starts at 0.

    In training the noise is another one for each example (`randomness.scope`). In inference it is one fixed draw, part
    of the weights, so that an image depends on its latents alone.

    Source: Karras et al. 2019, arXiv:1812.04948, section 2; one strength and the fixed draw, the code of 1912.04958.
    """

    def build(self, input_shape: Any) -> None:
        plane = (*input_shape[1:3], 1)
        how = {"autocast": False, "dtype": keras.config.floatx()}
        self.strength = self.add_weight(name="strength", shape=(), initializer="zeros", **how)
        self.fixed = self.add_weight(name="fixed", shape=plane, initializer=_normal(), trainable=False, **how)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        noise = tf.convert_to_tensor(self.fixed)
        if training:
            draw_key, place = randomness.layer_key(self.name)
            rows, plane = randomness.rows_of(inputs), self.fixed.shape
            pairs = place.rows(lambda total: randomness.uniform(draw_key, [total, 2, *plane]), rows)
            noise = randomness.box_muller(pairs)
        return inputs + tf.cast(tf.convert_to_tensor(self.strength) * noise, inputs.dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@keras.saving.register_keras_serializable(package="ganzoo")
class StyleMean(keras.layers.Layer):
    """The identity of styles w `[N, S]`, which keeps their moving average over the global batches of training.

    The average moves in each call: with `training.accumulate` k, 2 k times in a step.

    Args:
      decay: decay of the average in each call.

    Source: Karras et al. 2019, arXiv:1812.04948, appendix B; decay, the authors' code.
    """

    def __init__(self, decay: float = 0.995, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.decay = decay

    def build(self, input_shape: Any) -> None:
        how = {"autocast": False, "dtype": keras.config.floatx()}
        shape = (input_shape[-1],)
        self.average = self.add_weight(name="average", shape=shape, initializer="zeros", trainable=False, **how)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if training:
            mean = replicas.global_mean(tf.cast(inputs, self.average.dtype), axis=0)
            self.average.assign(self.average + (1.0 - self.decay) * (mean - self.average))
        return inputs

    def truncated(self, styles: tf.Tensor, psi: tf.Tensor) -> tf.Tensor:
        """Return `average + psi (w - average)` for psi `[N]`; with psi 1 this is w, to the last bit.

        Source: Karras et al. 2019, arXiv:1812.04948, appendix B.
        """
        return styles + (1.0 - psi)[:, tf.newaxis] * (tf.convert_to_tensor(self.average) - styles)

    @property
    def communicates(self) -> bool:
        """See `layers.BatchNormalization`."""
        return replicas.several()

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "decay": self.decay}


def split_at_styles(generator: Any) -> tuple[keras.Model, StyleMean, keras.Model] | None:
    """Return (mapping from latents to styles, their layer, synthesis from styles to examples) of a generator.

    They share its weights. None if it has no styles.
    """
    for layer in getattr(generator, "layers", ()):
        if isinstance(layer, StyleMean):
            return keras.Model(generator.inputs, layer.output), layer, keras.Model(layer.output, generator.output)
    return None
