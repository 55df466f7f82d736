"""Residual networks of SNGAN for square images: batch normalisation in the generator, spectral in the discriminator.

Sources: Miyato et al. 2018, arXiv:1802.05957, table 4 (32x32), and the authors' code for 64x64; with classes, Miyato &
Koyama 2018, arXiv:1802.05637: conditional batch normalisation, and a projection discriminator. Biases that a later
normalisation removes are left out. The convolutions of 1x1 run on the smaller of the two sizes, which gives the same
numbers: they commute with resizing.
"""

from __future__ import annotations

from typing import Annotated, Any

import keras
from pydantic import Field

from ganzoo.networks.conditioning import Heads, batch_normalised, condition_examples, judge
from ganzoo.networks.kinds import inputs, smallest_side
from ganzoo.networks.layers import Conv2D, SpectralConv2D, SpectralDense
from ganzoo.registry import register

Width = Annotated[int, Field(ge=1, le=1024)]
LARGEST_PLAIN = 32  # pixels; up to there all layers have the same width
MOST_DOUBLINGS = 4  # of the width


@register("generator", "sngan", kinds=("image",))
def sngan_generator(
    latent_size: int,
    example_shape: tuple[int, ...],
    classes: int = 0,
    conditioning: str | None = None,
    *,
    width: Width = 64,
) -> keras.Model:
    """Dense layer to the smallest size, then a residual block for each doubling.

    Args:
      latent_size: size of the latents; 128 in the paper.
      example_shape: (side, side, channels); the side is 4, 5, 6 or 7 times a power of two.
      classes: number of labels, 0 for none; they choose scale and shift of every batch normalisation in the blocks.
      conditioning: ignored: it is the discriminator's.
      width: channels of all blocks up to 32x32, 256 in the paper; for larger images those of the last block, doubled
        at each smaller size, at most four times: 64 in the authors' code.

    Returns:
      latents `[N, latent_size]` (and labels int32 `[N]`) -> images `[N, side, side, channels]` in [-1, 1].
    """
    side, levels = smallest_side(example_shape[0], "sngan")
    widths = [width << doublings for doublings in _doublings(example_shape[0], levels + 1)[::-1]]
    tensors = inputs((latent_size,), classes, "latents")
    x = keras.layers.Dense(side * side * widths[0], name="start")(tensors[0])
    x = keras.layers.Reshape((side, side, widths[0]), name="start_image")(x)
    for level, channels in enumerate(widths[1:], start=1):
        name = f"up{level}"
        change = _rectified(x, tensors[1:], classes, f"{name}_norm1")
        change = keras.layers.UpSampling2D(2, name=f"{name}_resize")(change)
        change = _generator_convolution(channels, 3, f"{name}_conv1")(change)
        change = _rectified(change, tensors[1:], classes, f"{name}_norm2")
        change = _generator_convolution(channels, 3, f"{name}_conv2")(change)
        x = _generator_convolution(channels, 1, f"{name}_shortcut")(x)
        x = keras.layers.UpSampling2D(2, name=f"{name}_shortcut_resize")(x)
        x = keras.layers.Add(name=f"{name}_sum")([x, change])
    x = _rectified(x, (), 0, "end_norm")
    x = Conv2D(example_shape[-1], 3, padding="same", name="end")(x)
    x = keras.layers.Activation("tanh", name="images", dtype=keras.config.floatx())(x)
    return keras.Model(tensors, x, name="generator")


@register("discriminator", "sngan", kinds=("image",))
def sngan_discriminator(
    example_shape: tuple[int, ...],
    classes: int = 0,
    conditioning: str | None = None,
    *,
    width: Width = 64,
    heads: Heads = 1,
    features: bool = False,
) -> keras.Model:
    """Residual blocks with spectral normalisation, the sum over all positions, one logit.

    Args:
      example_shape: (side, side, channels) as for the generator.
      classes, conditioning: see networks.conditioning; `projection` in the paper.
      width: channels of the blocks up to 32x32, two that halve the image and two that do not, 128 in the paper; for
        larger images those of the first block, doubled at each of the next, at most four times: 64 in the authors'
        code. Every block halves a larger image.
      heads: number of logits, for the loss `heads`.
      features: also return the input of the last layer, for the penalty `feature_matching`.

    Returns:
      images `[N, side, side, channels]` in [-1, 1] (and labels int32 `[N]`) -> logits `[N, heads]`.
    """
    _, levels = smallest_side(example_shape[0], "sngan")
    plain = example_shape[0] <= LARGEST_PLAIN
    tensors = inputs(example_shape, classes, "images")
    x = tensors[0]
    if classes:
        x = condition_examples(x, tensors[1], classes, conditioning or "projection")
    for block, doublings in enumerate(_doublings(example_shape[0], 4 if plain else levels + 1)):
        x = _discriminator_block(x, width << doublings, f"block{block + 1}", block == 0, block < 2 or not plain)
    x = keras.layers.ReLU(name="end_relu")(x)
    area = x.shape[1] * x.shape[2]
    x = keras.layers.GlobalAveragePooling2D(name="mean", dtype=keras.config.floatx())(x)
    x = keras.layers.Rescaling(area, name="features", dtype=keras.config.floatx())(x)
    logits = SpectralDense(heads, name="logits", dtype=keras.config.floatx())(x)
    return judge(tensors, x, logits, classes, conditioning or "projection", spectral=True, features=features)


def _doublings(side: int, blocks: int) -> list[int]:
    """Return how often the width is doubled, from the largest size to the smallest."""
    return [0 if side <= LARGEST_PLAIN else min(block, MOST_DOUBLINGS) for block in range(blocks)]


def _discriminator_block(x: Any, width: int, name: str, first: bool, halves: bool) -> Any:
    """Apply a residual block; the first one sees the image, which is not rectified."""
    shortcut, change = x, x
    if not first:
        change = keras.layers.ReLU(name=f"{name}_relu1")(change)
    inside = width if first else x.shape[-1]
    change = _discriminator_convolution(inside, 3, 2.0, f"{name}_conv1")(change)
    change = keras.layers.ReLU(name=f"{name}_relu2")(change)
    change = _discriminator_convolution(width, 3, 2.0, f"{name}_conv2")(change)
    if halves:
        change = keras.layers.AveragePooling2D(2, name=f"{name}_halved")(change)
        shortcut = keras.layers.AveragePooling2D(2, name=f"{name}_shortcut_halved")(shortcut)
    if halves or width != x.shape[-1]:
        shortcut = _discriminator_convolution(width, 1, 1.0, f"{name}_shortcut")(shortcut)
    return keras.layers.Add(name=f"{name}_sum")([shortcut, change])


def _rectified(x: Any, labels: Any, classes: int, name: str) -> Any:
    return keras.layers.ReLU(name=f"{name}_relu")(batch_normalised(x, labels, classes, name))


def _generator_convolution(width: int, kernel: int, name: str) -> Conv2D:
    start = _glorot(2.0 if kernel == 3 else 1.0)
    return Conv2D(width, kernel, padding="same", use_bias=False, kernel_initializer=start, name=name)


def _discriminator_convolution(width: int, kernel: int, scale: float, name: str) -> Conv2D:
    return SpectralConv2D(width, kernel, padding="same", kernel_initializer=_glorot(scale), name=name)


def _glorot(scale: float) -> keras.initializers.Initializer:
    """Return Glorot's uniform initialiser, times the square root of a scale."""
    return keras.initializers.VarianceScaling(scale, "fan_avg", "uniform")
