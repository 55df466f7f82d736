"""U-Net translator: down to one pixel and up again, with skip connections at every level.

Source: Isola et al. 2017, arXiv:1611.07004, section 6.1.1, with dropout where the authors' PyTorch code has it.
"""

from __future__ import annotations

from typing import Annotated, Any

import keras
from pydantic import Field

from ganzoo.errors import ConfigError
from ganzoo.networks.initial import initial
from ganzoo.networks.layers import Conv2D, Conv2DTranspose, Dropout, InstanceNormalization
from ganzoo.registry import register

DOUBLINGS = 3  # of the width, while downsampling
WITH_DROPOUT = 3  # decoder levels, counted from the smallest


@register("translator", "unet", kinds=("image",))
def unet_translator(
    example_shape: tuple[int, ...],
    *,
    width: Annotated[int, Field(ge=1, le=1024)] = 64,
    levels: Annotated[int, Field(ge=2, le=10)] | None = None,
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5,
) -> keras.Model:
    """U-Net; the paper's has 7 levels for 128x128 and 8 for 256x256.

    Args:
      example_shape: (side, side, channels).
      width: channels after the first level, doubled at each of the next three.
      levels: number of halvings; by default as many as the side of `example_shape` allows. Images of any size that is
        a multiple of 2 ** levels are accepted.
      dropout: rate in the three decoder levels after the smallest, in training.

    Returns:
      images `[N, H, W, channels]` in [-1, 1] -> the same.

    Raises:
      ConfigError: if the side is not a multiple of 2 ** levels, or of 4.
    """
    side, channels = example_shape[0], example_shape[-1]
    levels = levels or (side & -side).bit_length() - 1
    if levels < 2 or side % 2**levels:
        raise ConfigError(
            f"dataset.size: {side} does not suit network unet, which halves it {max(levels, 2)} times (use a multiple "
            f"of {2 ** max(levels, 2)}, or fewer generator.levels)"
        )
    image = keras.Input((None, None, channels), name="images")
    x, across = image, []
    for level in range(1, levels + 1):
        ends = level in (1, levels)  # the outermost as in the paper; a single pixel has no variance
        if level > 1:
            x = keras.layers.LeakyReLU(0.2, name=f"down{level}_relu")(x)
        x = _down(x, width * 2 ** min(level - 1, DOUBLINGS), f"down{level}", normalised=not ends)
        across.append(x)
    x = across.pop()
    for level in range(levels - 1, 0, -1):
        x = keras.layers.ReLU(name=f"up{level}_relu")(x)
        x = Conv2DTranspose(across[-1].shape[-1], 4, 2, "same", **_plain(f"up{level}"))(x)
        x = InstanceNormalization(name=f"up{level}_norm")(x)
        if dropout and levels - 1 - WITH_DROPOUT <= level < levels - 1:
            x = Dropout(dropout, name=f"up{level}_dropout")(x)
        x = keras.layers.Concatenate(name=f"up{level}_across")([x, across.pop()])
    x = keras.layers.ReLU(name="end_relu")(x)
    x = Conv2DTranspose(channels, 4, 2, "same", kernel_initializer=initial(), name="end")(x)
    x = keras.layers.Activation("tanh", name="translated", dtype=keras.config.floatx())(x)
    network = keras.Model(image, x, name="translator")
    network.stride = 2**levels
    return network


def _down(x: Any, width: int, name: str, normalised: bool) -> Any:
    if not normalised:
        return Conv2D(width, 4, 2, "same", kernel_initializer=initial(), name=name)(x)
    return InstanceNormalization(name=f"{name}_norm")(Conv2D(width, 4, 2, "same", **_plain(name))(x))


def _plain(name: str) -> dict[str, Any]:
    """Return the arguments of a convolution before a normalisation."""
    return {"use_bias": False, "kernel_initializer": initial(), "name": name}
