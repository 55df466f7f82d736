"""Residual networks of R3GAN for square images: grouped convolutions in inverted bottlenecks, no normalisation.

Source: Huang et al. 2024, "The GAN is dead; long live the GAN!", arXiv:2501.05441, section 4, and the authors' code.
Residual blocks start as the identity: their last convolution is zero, the others are scaled by the number of blocks,
after Fixup (Zhang et al. 2019, arXiv:1901.09321). Unlike the authors' networks, all sizes have one width, the generator
ends in tanh, images are halved by means of 2x2 pixels and doubled by an interpolation that repeats the border, and
projection adds to a logit without labels.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import keras
from pydantic import Field

from ganzoo.errors import ConfigError
from ganzoo.networks.conditioning import Heads, condition_examples, condition_latents, judge
from ganzoo.networks.kinds import inputs, smallest_side
from ganzoo.networks.layers import BilinearUpsampling, Conv2D
from ganzoo.registry import register

Width = Annotated[int, Field(ge=1, le=1024)]
Blocks = Annotated[int, Field(ge=1, le=16)]
LEAK = 0.2
EXPANSION = 2  # of the width inside a block
GAIN = math.sqrt(2.0 / (1.0 + LEAK**2))  # He et al. 2015, arXiv:1502.01852, eq. 15


@register("generator", "r3gan", kinds=("image",))
def r3gan_generator(
    latent_size: int,
    example_shape: tuple[int, ...],
    classes: int = 0,
    conditioning: str | None = None,
    *,
    width: Width = 64,
    blocks: Blocks = 2,
    group: Width = 16,
) -> keras.Model:
    """A learned basis at the smallest size, then residual blocks at each size, with bilinear doublings in between.

    Args:
      latent_size: size of the latents; 64 in the paper.
      example_shape: (side, side, channels); the side is 4, 5, 6 or 7 times a power of two.
      classes, conditioning: see networks.conditioning.
      width: channels between the blocks, of all sizes; 768 for 32x32 in the paper.
      blocks: residual blocks of each size.
      group: channels of each group of the 3x3 convolutions.

    Returns:
      latents `[N, latent_size]` (and labels int32 `[N]`) -> images `[N, side, side, channels]` in [-1, 1].

    Raises:
      ConfigError: if the width does not divide into groups, or the side does not suit.
    """
    side, levels = smallest_side(example_shape[0], "r3gan")
    part = _Part("generator", width, blocks, group, levels)
    tensors = inputs((latent_size,), classes, "latents")
    x = tensors[0]
    if classes:
        x = condition_latents(x, tensors[1], classes, conditioning or "concatenation")
    x = keras.layers.Dense(width, use_bias=False, kernel_initializer=_normal(1.0), name="start")(x)
    x = keras.layers.EinsumDense(
        "nc,hwc->nhwc",
        output_shape=(side, side, width),
        kernel_initializer=keras.initializers.RandomNormal(0.0, 1.0),
        name="basis",
    )(x)
    x = part.stage(x, "stage0")
    for level in range(1, levels + 1):
        x = BilinearUpsampling(name=f"up{level}")(x)
        x = part.stage(x, f"stage{level}")
    x = Conv2D(example_shape[-1], 1, use_bias=False, kernel_initializer=_normal(1.0), name="end")(x)
    x = keras.layers.Activation("tanh", name="images", dtype=keras.config.floatx())(x)
    return keras.Model(tensors, x, name="generator")


@register("discriminator", "r3gan", kinds=("image",))
def r3gan_discriminator(
    example_shape: tuple[int, ...],
    classes: int = 0,
    conditioning: str | None = None,
    *,
    width: Width = 64,
    blocks: Blocks = 2,
    group: Width = 16,
    heads: Heads = 1,
    features: bool = False,
) -> keras.Model:
    """The generator in reverse: residual blocks at each size, bilinear halvings, a learned basis, one logit.

    Args:
      example_shape: (side, side, channels) as for the generator.
      classes, conditioning: see networks.conditioning.
      width, blocks, group: as for the generator.
      heads: number of logits, for the loss `heads`.
      features: also return the input of the last layer, for the penalty `feature_matching`.

    Returns:
      images `[N, side, side, channels]` in [-1, 1] (and labels int32 `[N]`) -> logits `[N, heads]`.

    Raises:
      ConfigError: as the generator.
    """
    side, levels = smallest_side(example_shape[0], "r3gan")
    part = _Part("discriminator", width, blocks, group, levels)
    tensors = inputs(example_shape, classes, "images")
    x = tensors[0]
    if classes:
        x = condition_examples(x, tensors[1], classes, conditioning or "concatenation")
    x = Conv2D(width, 1, use_bias=False, kernel_initializer=_normal(1.0), name="start")(x)
    for level in range(1, levels + 1):
        x = part.stage(x, f"stage{level}")
        x = keras.layers.AveragePooling2D(2, name=f"down{level}")(x)  # bilinear at half the size
    x = part.stage(x, f"stage{levels + 1}")
    x = keras.layers.EinsumDense(
        "nhwc,hwc->nc",
        output_shape=(width,),
        kernel_initializer=keras.initializers.RandomNormal(0.0, 1.0 / side),
        name="features",
    )(x)
    floats = keras.config.floatx()
    logits = keras.layers.Dense(heads, use_bias=False, kernel_initializer=_normal(1.0), name="logits", dtype=floats)(x)
    return judge(tensors, x, logits, classes, conditioning, features=features)


class _Part:
    """Builder of stages of residual blocks."""

    def __init__(self, role: str, width: int, blocks: int, group: int, levels: int) -> None:
        if width * EXPANSION % group:
            raise ConfigError(
                f"{role}.group: expected a divisor of {EXPANSION} times the width of {width}, got {group}"
            )
        self.blocks = blocks
        self.groups = width * EXPANSION // group
        self.gain = GAIN * (blocks * (levels + 1)) ** -0.25

    def stage(self, x: Any, name: str) -> Any:
        """Apply the residual blocks of one size."""
        for block in range(1, self.blocks + 1):
            x = self.block(x, f"{name}_block{block}")
        return x

    def block(self, x: Any, name: str) -> Any:
        """Apply a residual block: 1x1 to the expanded width, 3x3 in groups, 1x1 back."""
        width = x.shape[-1]
        wide, start = width * EXPANSION, _normal(self.gain)
        change = Conv2D(wide, 1, kernel_initializer=start, name=f"{name}_conv1")(x)
        change = keras.layers.LeakyReLU(LEAK, name=f"{name}_relu1")(change)
        change = Conv2D(wide, 3, padding="same", groups=self.groups, kernel_initializer=start, name=f"{name}_conv2")(
            change
        )
        change = keras.layers.LeakyReLU(LEAK, name=f"{name}_relu2")(change)
        change = Conv2D(width, 1, use_bias=False, kernel_initializer="zeros", name=f"{name}_conv3")(change)
        return keras.layers.Add(name=f"{name}_sum")([x, change])


def _normal(gain: float) -> keras.initializers.Initializer:
    """Return N(0, gain^2 / inputs)."""
    return keras.initializers.VarianceScaling(gain**2, "fan_in", "untruncated_normal")
