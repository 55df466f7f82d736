"""Output layers whose tanh lets saturated pixels return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

SHRINK = 0.98  # atanh of 1 is infinite
# Lower bound of tanh's slope in gradients. Where tanh saturates at -1 the slope is 0, and pixels that a new generator
# had painted black stayed black (monet2photo, 500 steps: holes in every other image).
LEAST_SLOPE = 0.2


@keras.saving.register_keras_serializable(package="ganzoo")
class SlopedTanh(keras.layers.Layer):
    """`tanh(x)`, with a slope of at least `LEAST_SLOPE` in gradients."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return _tanh(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


@keras.saving.register_keras_serializable(package="ganzoo")
class ResidualTanh(keras.layers.Layer):
    """Output of a translator that starts as the identity: `tanh(change + atanh(0.98 image))`, always in [-1, 1].

    Call it with `[change, image]`, both `[N, H, W, C]`. Gradients use a slope of tanh of at least `LEAST_SLOPE`.

    Args:
      coarseness: side of the squares over which the image is averaged first (and blurred back to its size), so that
        fine detail must be generated; 1 uses the image unchanged. H and W must be multiples of it.
      detail: share, in [0, 1], of the fine detail that is kept nevertheless.
    """

    def __init__(self, coarseness: int = 1, detail: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.coarseness, self.detail = coarseness, detail

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        change, image = inputs
        start = _atanh(image)
        if self.coarseness > 1:
            small = tf.nn.avg_pool2d(image, self.coarseness, self.coarseness, "VALID")
            coarse = _atanh(tf.cast(tf.image.resize(small, tf.shape(image)[1:3], "bilinear"), image.dtype))
            start = coarse + self.detail * (start - coarse) if self.detail else coarse
        return _tanh(change + start)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "coarseness": self.coarseness, "detail": self.detail}


def _atanh(image: tf.Tensor) -> tf.Tensor:
    return tf.atanh(SHRINK * tf.clip_by_value(image, -1.0, 1.0))


@tf.custom_gradient
def _tanh(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    y = tf.tanh(x)
    return y, lambda outer: outer * tf.maximum(1.0 - y * y, tf.cast(LEAST_SLOPE, y.dtype))
