"""Keras's convolutions with a faster weight gradient, for CPUs with bfloat16 instructions but no matrix unit.

On these CPUs oneDNN's weight gradient runs at half the speed of its forward convolution (2 cores with avx512_bf16,
batch 128: 217 against 468 GFLOP/s for 7x7x256, kernel 5). Two other methods give the same numbers:

- many small images: a forward convolution of the transposed input with the transposed gradient, 1.2 to 4 times as fast,
  whole steps of `dcgan_benchmark` 1.15 times; slower with few channels, small batches or large images;
- few large images with many channels: a matrix product for each kernel position, 1.1 times as fast alone (4x32x32x128,
  kernel 3, one core: 175 against 158 GFLOP/s), whole steps of `cyclegan_benchmark` 1.03 to 1.05 times; no faster with
  64 channels, slower with 32, and with images so small that border zeros make up much of the product.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from ganzoo.core.hardware import cpu_flags

FEWEST_CHANNELS = 32
SMALLEST_BATCH = 32
LARGEST_SIDE = 16
FEWEST_CHANNELS_OF_PRODUCTS = 128
MOST_OF_PRODUCTS = 1.2  # multiplied pixels per output pixel

Gradient = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@keras.saving.register_keras_serializable(package="ganzoo")
class Conv2D(keras.layers.Conv2D):
    """keras.layers.Conv2D with the same results.

    Args:
      border: zeros on each side, like PyTorch's `padding`; `padding` is then `valid`; strides count from the border.
    """

    def __init__(self, *args: Any, border: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.border = border

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        if inputs.dtype != tf.bfloat16:
            return super().call(inputs)
        return finished(self, self.convolution_op(inputs, self.kernel))

    def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """Map `[N, H, W, C]` and `[k, k, C / groups, filters]` to `[N, H / stride, W / stride, filters]`.

        On a CPU TensorFlow has no gradient of a convolution in groups, and Keras compiles it by XLA. One convolution
        for each group takes a twelfth of XLA's time (32x14x14x64, 4 groups, forward and backward: 32 against 401 ms of
        CPU time; a single convolution with zeros between the groups 47).
        """
        if self.groups == 1 or tf.config.list_logical_devices("GPU"):  # these have kernels for groups
            return self._convolved(inputs, kernel)
        kernels = tf.split(tf.convert_to_tensor(kernel), self.groups, axis=-1)
        parts = zip(tf.split(inputs, self.groups, axis=-1), kernels, strict=True)
        return tf.concat([self._convolved(*part) for part in parts], axis=-1)

    def _convolved(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        stride, padding = self.strides[0], self.padding.upper()
        if self.border and self._border_is_same(inputs):
            padding = "SAME"
        elif self.border:  # TensorFlow's explicit padding has a gradient that is 100 times slower
            inputs = tf.pad(inputs, [[0, 0], [self.border] * 2, [self.border] * 2, [0, 0]])
        if _pays(self, inputs, inputs.shape[1], padding):
            by_kernel = functools.partial(weight_gradient, kernel=kernel.shape[0], stride=stride)
        elif _products_pay(self, inputs, padding):
            by_kernel = functools.partial(weight_gradient_by_products, kernel=kernel.shape[0])
        elif self.border:
            return tf.nn.conv2d(inputs, tf.convert_to_tensor(kernel), stride, padding)
        elif self.groups > 1:
            return tf.nn.conv2d(
                inputs, tf.convert_to_tensor(kernel), self.strides, padding, dilations=list(self.dilation_rate)
            )
        else:
            return super().convolution_op(inputs, kernel)

        @tf.custom_gradient
        def convolve(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
            def gradient(outer: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                by_inputs = tf.nn.conv2d_transpose(outer, kernel, tf.shape(inputs), stride, padding)
                return by_inputs, by_kernel(inputs, outer)

            return tf.nn.conv2d(inputs, kernel, stride, padding), gradient

        return convolve(inputs, tf.convert_to_tensor(kernel))

    def _border_is_same(self, inputs: tf.Tensor) -> bool:
        """Return whether TensorFlow's `SAME` gives the same padding for these images."""
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


@keras.saving.register_keras_serializable(package="ganzoo")
class Conv2DTranspose(keras.layers.Conv2DTranspose):
    """keras.layers.Conv2DTranspose with the same results.

    Args:
      crop: rows and columns cut off at the start, with `padding="valid"`: kernel 3, stride 2 and crop 1 are PyTorch's
        `padding=1, output_padding=1`.
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
        # tf.slice, because the gradient of indexing is slow
        return tf.slice(outputs, [0, self.crop, self.crop, 0], [-1] * 4) if self.crop else outputs

    def _convolved(self, inputs: tf.Tensor) -> tf.Tensor:
        stride = self.strides[0]
        if not _pays(self, inputs, inputs.shape[1] and inputs.shape[1] * stride, self.padding.upper()):
            if inputs.dtype != tf.bfloat16:
                return super().call(inputs)
            outputs = keras.ops.conv_transpose(
                inputs,
                self.kernel,
                list(self.strides),
                self.padding,
                self.output_padding,
                self.data_format,
                self.dilation_rate,
            )
            return finished(self, outputs)
        rows, height, width, _ = inputs.shape
        shape = [rows, height * stride, width * stride, self.filters]

        @tf.custom_gradient
        def convolve(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
            def gradient(outer: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                by_inputs = tf.nn.conv2d(outer, kernel, stride, "SAME")
                return by_inputs, weight_gradient(outer, inputs, kernel.shape[0], stride)

            return tf.nn.conv2d_transpose(inputs, kernel, shape, stride, "SAME"), gradient

        return finished(self, convolve(inputs, tf.convert_to_tensor(self.kernel)))


def finished(layer: Any, outputs: tf.Tensor) -> tf.Tensor:
    """Return outputs with a layer's bias and activation.

    Keras adds a bias by `tf.nn.bias_add`, whose gradient sums in bfloat16 on a CPU: 6,272 ones to 256.
    """
    if layer.use_bias:
        outputs += tf.cast(layer.bias, outputs.dtype)
    return outputs if layer.activation is None else layer.activation(outputs)


def weight_gradient(inputs: tf.Tensor, outer: tf.Tensor, kernel: int, stride: int) -> tf.Tensor:
    """Return the gradient of a SAME convolution by its weights, computed as a convolution.

    Input channels take the role of the batch, the batch that of the channels, and the outer gradient that of the
    kernel, dilated by the stride.

    Args:
      inputs: input of the convolution, `[N, H, W, C]`.
      outer: gradient by its outputs, `[N, ceil(H / stride), ceil(W / stride), F]`.
      kernel: side of the weights.
      stride: stride of the convolution.

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


def weight_gradient_by_products(inputs: tf.Tensor, outer: tf.Tensor, kernel: int) -> tf.Tensor:
    """Return the gradient of a VALID convolution of stride 1 by its weights, as matrix products.

    With the pixels of all images in one row, each kernel position reads the pixel at a fixed distance ahead of its
    output. Its gradient is the product of the inputs from that distance on, transposed, and the outer gradient,
    zero-padded to the inputs' size. Slices are along the first axis and copy nothing.

    Args:
      inputs: input of the convolution, `[N, H, W, C]`.
      outer: gradient by its outputs, `[N, H - kernel + 1, W - kernel + 1, F]`.
      kernel: side of the weights.

    Returns:
      `[kernel, kernel, C, F]`.
    """
    rows, height, width, channels = inputs.shape
    border = kernel - 1
    outer = tf.pad(outer, [[0, 0], [0, border], [0, border], [0, 0]])
    met = rows * height * width - border * (width + 1)  # later outputs are zeros of the last image's border
    inputs = tf.reshape(inputs, [-1, channels])
    outer = tf.reshape(outer, [-1, outer.shape[-1]])[:met]
    ahead = [y * width + x for y in range(kernel) for x in range(kernel)]
    products = [tf.matmul(inputs[start : start + met], outer, transpose_a=True) for start in ahead]
    return tf.reshape(tf.stack(products), [kernel, kernel, channels, -1])


def _products_pay(layer: Any, inputs: tf.Tensor, padding: str) -> bool:
    """Return whether matrix products are faster than oneDNN's kernel; decided while a step is traced."""
    if padding != "VALID" or layer.strides != (1, 1) or not (_is_plain(layer) and inputs.shape.is_fully_defined()):
        return False
    _, height, width, channels = inputs.shape
    border = layer.kernel_size[0] - 1
    large = height * width <= MOST_OF_PRODUCTS * (height - border) * (width - border)
    return large and min(channels, layer.filters) >= FEWEST_CHANNELS_OF_PRODUCTS and _helps(inputs)


def _pays(layer: Any, inputs: tf.Tensor, side: int | None, padding: str) -> bool:
    """Return whether the gradient as a convolution is faster; decided while a step is traced."""
    batch, channels = inputs.shape[0], inputs.shape[-1]
    large = (
        batch is not None
        and batch >= SMALLEST_BATCH
        and side is not None
        and side <= LARGEST_SIDE
        and min(channels, layer.filters) >= FEWEST_CHANNELS
    )
    return padding == "SAME" and _is_plain(layer) and large and _helps(inputs)


def _is_plain(layer: Any) -> bool:
    """Return whether the kernel is square, with equal strides, no dilation and no groups."""
    return (
        layer.strides[0] == layer.strides[1]
        and layer.kernel_size[0] == layer.kernel_size[1]
        and layer.dilation_rate == (1, 1)
        and getattr(layer, "groups", 1) == 1
    )


def _helps(inputs: tf.Tensor) -> bool:
    """Return whether the dtype and the processor are those that the other methods are for."""
    vectors_alone = "avx512_bf16" in cpu_flags() and "amx_bf16" not in cpu_flags()
    return inputs.dtype == tf.bfloat16 and vectors_alone and not tf.config.list_logical_devices("GPU")
