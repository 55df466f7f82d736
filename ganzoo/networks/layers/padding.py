"""Reflection padding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="ganzoo")
class ReflectionPadding2D(keras.layers.Layer):
    """Reflection padding of images: `[N, H, W, C] -> [N, H + 2 border, W + 2 border, C]`.

    `tf.pad` and its gradient are slow on CPUs, so both are built from slices.

    Args:
      border: pixels on each side, fewer than the image has.
    """

    def __init__(self, border: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.border = border

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        border = self.border

        @tf.custom_gradient
        def pad(images: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            def gradient(outer: tf.Tensor) -> tf.Tensor:
                if min(side or 0 for side in images.shape[1:3]) >= 2 * border + 2:
                    return folded(folded(outer, border, 2), border, 1)
                paddings = tf.constant([[0, 0], [border] * 2, [border] * 2, [0, 0]])
                return tf.raw_ops.MirrorPadGrad(input=outer, paddings=paddings, mode="REFLECT")

            return reflected(reflected(images, border, 1), border, 2), gradient

        return pad(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        rows, *sides, channels = input_shape
        return (rows, *(side and side + 2 * self.border for side in sides), channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "border": self.border}


def reflected(images: tf.Tensor, border: int, axis: int) -> tf.Tensor:
    """Reflect `[N, H, W, C]` by `border` pixels at both ends of axis 1 or 2, without repeating the outermost."""
    cut = (slice(None),) * axis
    before = images[(*cut, slice(1, border + 1))]
    after = images[(*cut, slice(-border - 1, -1))]
    if border > 1:
        before, after = tf.reverse(before, [axis]), tf.reverse(after, [axis])
    return tf.concat([before, images, after], axis)


def folded(outer: tf.Tensor, border: int, axis: int) -> tf.Tensor:
    """Return the gradient of `reflected`: gradients of mirrored pixels are added to those of their origins.

    Args:
      outer: gradient by the result.
      border, axis: arguments of `reflected`; the axis had at least `2 border + 2` pixels.
    """
    cut = (slice(None),) * axis

    def part(start: int, end: int | None) -> tf.Tensor:
        return outer[(*cut, slice(start, end))]

    before, after = part(0, border), part(-border, None)
    if border > 1:
        before, after = tf.reverse(before, [axis]), tf.reverse(after, [axis])
    near, far = 2 * border + 1, -2 * border - 1
    return tf.concat(
        [
            part(border, border + 1),
            part(border + 1, near) + before,
            part(near, far),
            part(far, -border - 1) + after,
            part(-border - 1, -border),
        ],
        axis,
    )
