"""Reflection padding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


class ReflectionPadding2D(keras.layers.Layer):
    """Mirrors images about their outermost pixels: `[N, H, W, C] -> [N, H + 2 border, W + 2 border, C]`.

    `tf.pad` is slow forward on CPUs, so the border is put together from slices; its gradient is `tf.pad`'s own.

    Args:
      border: pixels on each side, less than the image has.
    """

    def __init__(self, border: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.border = border

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        paddings = tf.constant([[0, 0], [self.border] * 2, [self.border] * 2, [0, 0]])

        @tf.custom_gradient
        def pad(images: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            def gradient(outer: tf.Tensor) -> tf.Tensor:
                return tf.raw_ops.MirrorPadGrad(input=outer, paddings=paddings, mode="REFLECT")

            return reflected(reflected(images, self.border, 1), self.border, 2), gradient

        return pad(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        rows, *sides, channels = input_shape
        return (rows, *(side and side + 2 * self.border for side in sides), channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "border": self.border}


def reflected(images: tf.Tensor, border: int, axis: int) -> tf.Tensor:
    """`[N, H, W, C]` with `border` mirrored pixels more at both ends of axis 1 or 2; the outermost comes once."""
    cut = (slice(None),) * axis
    before = images[(*cut, slice(1, border + 1))]
    after = images[(*cut, slice(-border - 1, -1))]
    if border > 1:
        before, after = tf.reverse(before, [axis]), tf.reverse(after, [axis])
    return tf.concat([before, images, after], axis)
