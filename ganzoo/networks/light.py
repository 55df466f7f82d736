"""Generator for colour images of 64x64 and 128x128 pixels that two CPU cores can train.

Interpolation and convolutions of stride 1 have no preferred grid, where the transposed convolutions of a DCGAN draw a
mesh of 4 pixels early in training (Odena et al. 2016, Deconvolution and Checkerboard Artifacts). Channels are halved at
each doubling, so that every size costs the same.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import keras
from pydantic import Field

from ganzoo.networks.conditioning import batch_normalised
from ganzoo.networks.kinds import inputs, smallest_side
from ganzoo.networks.layers import BilinearUpsampling, Conv2D, SlopedTanh
from ganzoo.registry import register

LEAK = 0.2
MOST_DOUBLINGS = 4  # of the width


@register("generator", "light", kinds=("image",))
def light_generator(
    latent_size: int,
    example_shape: tuple[int, ...],
    classes: int = 0,
    conditioning: str | None = None,
    *,
    width: Annotated[int, Field(ge=1, le=1024)] = 16,
    upsampling: Literal["bilinear", "nearest"] = "bilinear",
) -> keras.Model:
    """Dense layer to the smallest size, then for each doubling an interpolation and a convolution of 3x3.

    Args:
      latent_size: size of the latents.
      example_shape: (side, side, channels); the side is 4, 5, 6 or 7 times a power of two.
      classes: number of labels, 0 for none; they choose scale and shift of every batch normalisation.
      conditioning: ignored: it is the discriminator's.
      width: channels at the image's size, doubled at each smaller size, at most four times.
      upsampling: interpolation.

    Returns:
      latents `[N, latent_size]` (and labels int32 `[N]`) -> images `[N, side, side, channels]` in [-1, 1].
    """
    side, levels = smallest_side(example_shape[0], "light")
    widths = [width << min(level, MOST_DOUBLINGS) for level in range(levels, -1, -1)]
    tensors = inputs((latent_size,), classes, "latents")

    def rectified(x: Any, name: str) -> Any:
        x = batch_normalised(x, tensors[1:], classes, f"{name}_norm")
        return keras.layers.LeakyReLU(LEAK, name=f"{name}_relu")(x)

    start = keras.initializers.HeNormal()
    x = keras.layers.Dense(side * side * widths[0], use_bias=False, kernel_initializer=start, name="start")(tensors[0])
    x = rectified(keras.layers.Reshape((side, side, widths[0]), name="start_image")(x), "start")
    for level, channels in enumerate(widths[1:], start=1):
        double = BilinearUpsampling if upsampling == "bilinear" else keras.layers.UpSampling2D
        x = double(name=f"up{level}_resize")(x)
        x = Conv2D(channels, 3, padding="same", use_bias=False, kernel_initializer=start, name=f"up{level}")(x)
        x = rectified(x, f"up{level}")
    x = Conv2D(example_shape[-1], 3, padding="same", name="end")(x)
    x = SlopedTanh(name="images", dtype=keras.config.floatx())(x)
    return keras.Model(tensors, x, name="generator")
