"""Layers of trained PyTorch networks as TensorFlow functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Convolution(NamedTuple):
    """Convolution with the following batch normalisation folded in, which saves an operation.

    Attributes:
      kernel: float32 `[height, width, inputs, filters]`; depthwise `[height, width, inputs, 1]`.
      bias: float32 `[filters]`.
      depthwise: whether each input has its own filter.
    """

    kernel: tf.Tensor
    bias: tf.Tensor
    depthwise: bool

    def __call__(self, images: tf.Tensor, stride: int = 1, padding: str = "SAME") -> tf.Tensor:
        """Map `[n, H, W, inputs]` to `[n, H', W', filters]`, with TensorFlow's padding (more at the end if uneven)."""
        convolve = tf.nn.depthwise_conv2d if self.depthwise else tf.nn.conv2d
        return tf.nn.bias_add(convolve(images, self.kernel, [1, stride, stride, 1], padding), self.bias)


def convolution(arrays: Mapping[str, np.ndarray], name: str, norm: str, epsilon: float = 1e-3) -> Convolution:
    """Return a convolution without bias and its batch normalisation from a state dict.

    Args:
      arrays: state dict.
      name: name of the `Conv2d`, whose weight is `[filters, inputs, height, width]`; with one input it is depthwise.
      norm: name of the `BatchNorm2d`.
      epsilon: epsilon of the normalisation.
    """
    scale = arrays[f"{norm}.weight"] / np.sqrt(np.float64(arrays[f"{norm}.running_var"]) + epsilon)
    kernel = arrays[f"{name}.weight"] * scale[:, np.newaxis, np.newaxis, np.newaxis]
    depthwise = kernel.shape[1] == 1
    return Convolution(
        tf.constant(kernel.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0)), tf.float32),
        tf.constant(arrays[f"{norm}.bias"] - arrays[f"{norm}.running_mean"] * scale, tf.float32),
        depthwise,
    )


def pixels(images: tf.Tensor, size: int) -> tf.Tensor:
    """Convert float images to RGB of a given size in [0, 255], differentiably.

    Args:
      images: float32 `[n, H, W, 1 or 3]` in [-1, 1]; grey is repeated.
      size: side of the result.

    Returns:
      float32 `[n, size, size, 3]`, antialiased bicubic like Pillow, without rounding.
    """
    levels = (tf.cast(images, tf.float32) + 1.0) * 127.5
    resized = tf.image.resize(levels, (size, size), "bicubic", antialias=True)
    clipped = tf.clip_by_value(resized, 0.0, 255.0)
    return tf.broadcast_to(clipped, (tf.shape(clipped)[0], size, size, 3))
