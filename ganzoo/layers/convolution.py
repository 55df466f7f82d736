"""Keras's convolutions with a faster weight gradient, where a CPU has bfloat16 instructions but no matrix unit.

oneDNN's kernel for the gradient by the weights runs there at half the speed of its forward convolution (2 cores with
avx512_bf16, batch 128: 217 against 468 GFLOP/s for 7x7x256, kernel 5), and the same numbers are a forward convolution
of the transposed input with the transposed gradient: 1.2 to 4 times as fast, whole steps of `dcgan_benchmark` 1.15
times. It is slower with few channels, small batches or large images.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from ganzoo.hardware import cpu_flags

FEWEST_CHANNELS = 32
SMALLEST_BATCH = 32
LARGEST_SIDE = 16

Gradient = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Conv2D(keras.layers.Conv2D):
    """keras.layers.Conv2D, the same numbers.

    Args:
      border: zeros on each side, as PyTorch's `padding`; `padding` is `valid` then, and strides count from the border.
    """

    def __init__(self, *args: Any, border: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.border = border

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """`[N, H, W, C]` and `[k, k, C, filters]` -> `[N, H / stride, W / stride, filters]`."""
        stride = self.strides[0]
        if self.border:  # not as explicit padding of TensorFlow's convolution, whose gradient is 100 times slower
            if self._border_is_same(inputs):
                return tf.nn.conv2d(inputs, tf.convert_to_tensor(kernel), stride, "SAME")
            inputs = tf.pad(inputs, [[0, 0], [self.border] * 2, [self.border] * 2, [0, 0]])
            return tf.nn.conv2d(inputs, tf.convert_to_tensor(kernel), stride, "VALID")
        if not _pays(self, inputs, inputs.shape[1]):
            return super().convolution_op(inputs, kernel)

        @tf.custom_gradient
        def convolve(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
            def gradient(outer: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                by_inputs = tf.nn.conv2d_transpose(outer, kernel, tf.shape(inputs), stride, "SAME")
                return by_inputs, weight_gradient(inputs, outer, kernel.shape[0], stride)

            return tf.nn.conv2d(inputs, kernel, stride, "SAME"), gradient

        return convolve(inputs, tf.convert_to_tensor(kernel))

    def _border_is_same(self, inputs: tf.Tensor) -> bool:
        """Whether TensorFlow's `SAME` pads these images just so."""
        stride, kernel = self.strides[0], self.kernel_size[0]
        return all(
            side is not None and (-(-side // stride) - 1) * stride + kernel - side == 2 * self.border
            for side in inputs.shape[1:3]
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        rows, *sides, channels = input_shape
        return super().compute_output_shape((rows, *(side and side + 2 * self.border for side in sides), channels))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "border": self.border}


class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """keras.layers.Conv2DTranspose, the same numbers.

    Args:
      crop: rows and columns that are cut off at the start, of `padding="valid"`: kernel 3, stride 2 and crop 1 are
        PyTorch's `padding=1, output_padding=1`.
    """

    def __init__(self, *args: Any, crop: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.crop = crop

    def compute_output_shape(self, input_shape: Any) -> Any:
        rows, *sides, channels = super().compute_output_shape(input_shape)
        return (rows, *(side and side - self.crop for side in sides), channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "crop": self.crop}

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        outputs = self._convolved(inputs)
        # not by indices, whose gradient is slow
        return tf.slice(outputs, [0, self.crop, self.crop, 0], [-1] * 4) if self.crop else outputs

    def _convolved(self, inputs: tf.Tensor) -> tf.Tensor:
        stride = self.strides[0]
        if not _pays(self, inputs, inputs.shape[1] and inputs.shape[1] * stride):
            return super().call(inputs)
        rows, height, width, _ = inputs.shape
        shape = [rows, height * stride, width * stride, self.filters]

        @tf.custom_gradient
        def convolve(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
            def gradient(outer: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                by_inputs = tf.nn.conv2d(outer, kernel, stride, "SAME")
                return by_inputs, weight_gradient(outer, inputs, kernel.shape[0], stride)

            return tf.nn.conv2d_transpose(inputs, kernel, shape, stride, "SAME"), gradient

        outputs = convolve(inputs, tf.convert_to_tensor(self.kernel))
        if self.use_bias:
            outputs = tf.nn.bias_add(outputs, tf.convert_to_tensor(self.bias))
        return outputs if self.activation is None else self.activation(outputs)


def weight_gradient(inputs: tf.Tensor, outer: tf.Tensor, kernel: int, stride: int) -> tf.Tensor:
    """The gradient of a SAME convolution by its weights, itself computed as a convolution.

    Channels of the inputs take the part of the batch, the batch that of the channels, and the outer gradient that of
    the kernel, dilated by the stride.

    Args:
      inputs: of the convolution, `[N, H, W, C]`.
      outer: gradient by its outputs, `[N, ceil(H / stride), ceil(W / stride), F]`.
      kernel: side of the weights.
      stride: of the convolution.

    Returns:
      `[kernel, kernel, C, F]`.
    """
    padding = [[0, 0]]
    for axis in (1, 2):
        total = max((outer.shape[axis] - 1) * stride + kernel - inputs.shape[axis], 0)
        padding.append([total // 2, total - total // 2])
    swapped = tf.pad(tf.transpose(inputs, [3, 1, 2, 0]), [*padding, [0, 0]])
    found = tf.nn.conv2d(swapped, tf.transpose(outer, [1, 2, 0, 3]), 1, "VALID", dilations=stride)
    return tf.transpose(found, [1, 2, 0, 3])[:kernel, :kernel]


def _pays(layer: Any, inputs: tf.Tensor, side: int | None) -> bool:
    """Whether the detour is faster; decided while a step is traced."""
    batch, channels = inputs.shape[0], inputs.shape[-1]
    plain = (
        layer.padding == "same"
        and layer.strides[0] == layer.strides[1]
        and layer.kernel_size[0] == layer.kernel_size[1]
        and layer.dilation_rate == (1, 1)
        and getattr(layer, "groups", 1) == 1
    )
    large = (
        batch is not None
        and batch >= SMALLEST_BATCH
        and side is not None
        and side <= LARGEST_SIDE
        and min(channels, layer.filters) >= FEWEST_CHANNELS
    )
    vectors_alone = "avx512_bf16" in cpu_flags() and "amx_bf16" not in cpu_flags()
    on_cpu = not tf.config.list_logical_devices("GPU")
    return plain and large and inputs.dtype == tf.bfloat16 and vectors_alone and on_cpu
