"""Bilinear upsampling."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="ganzoo")
class BilinearUpsampling(keras.layers.Layer):
    """Linear interpolation to twice the size, for images of any size: `[N, H, W, C] -> [N, 2 H, 2 W, C]`.

    keras.layers.UpSampling2D needs H and W when it is built.
    """

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        made = enlarged(inputs, 2 * tf.shape(inputs)[1:3])
        return tf.ensure_shape(made, self.compute_output_shape(inputs.shape))  # sides that are known stay known

    def compute_output_shape(self, input_shape: Any) -> Any:
        rows, *sides, channels = input_shape
        return (rows, *(side and 2 * side for side in sides), channels)


def enlarged(images: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Interpolate `[N, h, w, C]` linearly to `[N, *size, C]`, with pixels' centres at halves, in their dtype.

    The numbers are float32's. Derivatives of any order exist; TensorFlow's second one is lost without an error.
    """

    @tf.custom_gradient
    def enlarge(images: tf.Tensor) -> Any:
        return tf.cast(tf.image.resize(images, size, "bilinear"), images.dtype), reduce

    @tf.custom_gradient
    def reduce(outer: tf.Tensor) -> Any:
        outer = tf.cast(outer, tf.float32)
        return tf.raw_ops.ResizeBilinearGrad(grads=outer, original_image=images, half_pixel_centers=True), enlarge

    return enlarge(images)
