"""Patch discriminators: one logit per position of the image, from a limited patch around it.

Source: Isola et al. 2017, arXiv:1611.07004, section 6.1.2.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import keras
from pydantic import Field

from ganzoo.errors import ConfigError
from ganzoo.networks.conditioning import Heads, judge
from ganzoo.networks.initial import initial
from ganzoo.networks.layers import Conv2D, InstanceNormalization, SpectralConv2D
from ganzoo.registry import register

Width = Annotated[int, Field(ge=1, le=1024)]
Normalization = Literal["instance", "spectral", "none"]
MOST_DOUBLINGS = 3  # of the width
LEAK = 0.2


@register("discriminator", "patchgan", kinds=("image",))
def patchgan_discriminator(
    example_shape: tuple[int, ...],
    classes: int = 0,
    conditioning: str | None = None,
    *,
    width: Width = 64,
    layers: Annotated[int, Field(ge=1, le=6)] = 3,
    normalization: Normalization = "instance",
    heads: Heads = 1,
    features: bool = False,
) -> keras.Model:
    """Convolutions of 4x4: `layers` of them halve the image, one more and the logits keep its size.

    Args:
      example_shape: (H, W, channels) of the training images; images of any size are accepted.
      classes: must be 0: patches have no labels.
      conditioning: ignored.
      width: channels after the first layer, doubled at each of the next, at most three times.
      layers: 1, 2, 3, 4 give patches of 16x16, 34x34, 70x70 (as in the papers) and 142x142 pixels.
      normalization: `instance`, after each layer except the first and the last; `spectral`, of every layer's kernel
        (`layers.SpectralConv2D`), which is robust to a few strong spots in an image; or `none`.
      heads: number of logits, for the loss `heads`.
      features: also return the input of the last layer, for the penalty `feature_matching`.

    Returns:
      images `[N, H, W, channels]` in [-1, 1] -> logits `[N, h, w, heads]`.

    Raises:
      ConfigError: if the model is conditional, or the data are not images.
    """
    image = _image(example_shape, classes, "patchgan")
    x = _convolution(normalization)(width, 4, 2, border=1, kernel_initializer=initial(), name="down1")(image)
    x = keras.layers.LeakyReLU(LEAK, name="down1_relu")(x)
    for level in range(1, layers + 1):
        stride = 2 if level < layers else 1
        name = f"down{level + 1}" if level < layers else "last"
        x = _layer(x, width * 2 ** min(level, MOST_DOUBLINGS), 4, stride, normalization, name)
    return _with_logits(image, x, 4, normalization, heads, features)


@register("discriminator", "pixel", kinds=("image",))
def pixel_discriminator(
    example_shape: tuple[int, ...],
    classes: int = 0,
    conditioning: str | None = None,
    *,
    width: Width = 64,
    normalization: Normalization = "instance",
    heads: Heads = 1,
    features: bool = False,
) -> keras.Model:
    """Convolutions of 1x1, which judge each pixel by its colour only.

    Args:
      example_shape: (H, W, channels) of the training images; images of any size are accepted.
      classes: must be 0: patches have no labels.
      conditioning: ignored.
      width: channels of the first layer; the second has twice as many.
      normalization: `instance` after the second layer, `spectral` of all kernels, or `none`.
      heads: number of logits, for the loss `heads`.
      features: also return the input of the last layer, for the penalty `feature_matching`.

    Returns:
      images `[N, H, W, channels]` in [-1, 1] -> logits `[N, H, W, heads]`.

    Raises:
      ConfigError: if the model is conditional, or the data are not images.
    """
    image = _image(example_shape, classes, "pixel")
    x = _convolution(normalization)(width, 1, kernel_initializer=initial(), name="first")(image)
    x = keras.layers.LeakyReLU(LEAK, name="first_relu")(x)
    return _with_logits(image, _layer(x, 2 * width, 1, 1, normalization, "last"), 1, normalization, heads, features)


def _image(example_shape: tuple[int, ...], classes: int, name: str) -> Any:
    if classes:
        raise ConfigError(f"network {name}: is for images without labels (use discriminator.network: dcgan or mlp)")
    return keras.Input((None, None, example_shape[-1]), name="images")


def _layer(x: Any, width: int, kernel: int, stride: int, normalization: str, name: str) -> Any:
    normalised = normalization == "instance"
    border = (kernel - 1) // 2
    convolution = _convolution(normalization)
    x = convolution(
        width, kernel, stride, border=border, use_bias=not normalised, kernel_initializer=initial(), name=name
    )(x)
    if normalised:
        x = InstanceNormalization(name=f"{name}_norm")(x)
    return keras.layers.LeakyReLU(LEAK, name=f"{name}_relu")(x)


def _with_logits(image: Any, x: Any, kernel: int, normalization: str, heads: int, features: bool) -> keras.Model:
    border = (kernel - 1) // 2
    floats = keras.config.floatx()
    convolution = _convolution(normalization)
    logits = convolution(heads, kernel, border=border, kernel_initializer=initial(), name="logits", dtype=floats)(x)
    return judge(image, x, logits, features=features)


def _convolution(normalization: str) -> type[Conv2D]:
    return SpectralConv2D if normalization == "spectral" else Conv2D
