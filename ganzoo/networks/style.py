"""Style generator of StyleGAN2 for square images, small: a lesson and a baseline.

Sources: Karras et al. 2019, arXiv:1812.04948; Karras et al. 2020, arXiv:1912.04958, and the authors' code; labels,
Karras et al. 2020, arXiv:2006.06676. Other than theirs, images are doubled by bilinear interpolation before a
convolution, there is no style mixing, and the generator ends in tanh.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import keras
from pydantic import Field

from ganzoo.networks.kinds import inputs, smallest_side
from ganzoo.networks.layers import (
    BilinearUpsampling,
    EqualizedDense,
    LearnedConstant,
    ModulatedConv2D,
    PixelNoise,
    StyleMean,
)
from ganzoo.registry import register

LEAK = 0.2
MOST_DOUBLINGS = 4  # of the width
MAPPING_RATE = 0.01


@register("generator", "style", kinds=("image",))
def style_generator(
    latent_size: int,
    example_shape: tuple[int, ...],
    classes: int = 0,
    conditioning: str | None = None,
    *,
    width: Annotated[int, Field(ge=1, le=1024)] = 32,
    mapping: Annotated[int, Field(ge=1, le=16)] = 2,
) -> keras.Model:
    """Map latents to styles; modulate the convolutions from a learned constant to the image by them.

    Args:
      latent_size: size of the latents, and of the styles.
      example_shape: (side, side, channels); the side is 4, 5, 6 or 7 times a power of two.
      classes: number of labels, 0 for none; their learned embedding joins the latents.
      conditioning: ignored: it is the discriminator's.
      width: channels at the image's size, doubled at each smaller size, at most four times.
      mapping: layers of the mapping network; 8 in the papers, 2 in the authors' configuration for small images.

    Returns:
      latents `[N, latent_size]` (and labels int32 `[N]`) -> images `[N, side, side, channels]` in [-1, 1].
    """
    side, levels = smallest_side(example_shape[0], "style")
    widths = [width << min(level, MOST_DOUBLINGS) for level in range(levels, -1, -1)]
    tensors = inputs((latent_size,), classes, "latents")
    styles = _mapped(tensors, classes, latent_size, mapping)

    def modulated(x: Any, filters: int, kernel: int, name: str) -> Any:
        style = EqualizedDense(x.shape[-1], bias_initializer="ones", name=f"{name}_style")(styles)
        return ModulatedConv2D(filters, kernel, demodulate=kernel > 1, name=name)([x, style])

    def styled(x: Any, filters: int, name: str) -> Any:
        return _rectified(PixelNoise(name=f"{name}_noise")(modulated(x, filters, 3, name)), name)

    x = LearnedConstant((side, side, widths[0]), name="constant")(styles)
    x = styled(x, widths[0], "conv0")
    image = modulated(x, example_shape[-1], 1, "image0")
    for level, filters in enumerate(widths[1:], start=1):
        x = BilinearUpsampling(name=f"up{level}")(x)
        x = styled(x, filters, f"conv{level}_1")
        x = styled(x, filters, f"conv{level}_2")
        larger = BilinearUpsampling(name=f"image{level}_up")(image)
        image = keras.layers.Add(name=f"image{level}_sum")(
            [larger, modulated(x, example_shape[-1], 1, f"image{level}")]
        )
    floats = keras.config.floatx()
    image = keras.layers.Rescaling(1.0 / (levels + 1), name="mean", dtype=floats)(image)  # where tanh is not flat yet
    image = keras.layers.Activation("tanh", name="images", dtype=floats)(image)
    return keras.Model(tensors, image, name="generator")


def _mapped(tensors: Any, classes: int, size: int, layers: int) -> Any:
    """Return styles `[N, size]` of latents and labels, both with a mean square of 1."""
    floats = keras.config.floatx()
    x = _normalised(tensors[0], "latents")
    if classes:
        start = keras.initializers.RandomNormal(0.0, 1.0)
        code = keras.layers.Embedding(classes, size, start, name="label_embedding", dtype=floats)(tensors[1])
        x = keras.layers.Concatenate(name="conditioned_latents", dtype=floats)([x, _normalised(code, "labels")])
    for number in range(1, layers + 1):
        name = f"mapping{number}"
        x = _rectified(EqualizedDense(size, MAPPING_RATE, name=name, dtype=floats)(x), name, dtype=floats)
    return StyleMean(name="styles", dtype=floats)(x)


def _normalised(x: Any, name: str) -> Any:
    floats = keras.config.floatx()
    unit = keras.layers.UnitNormalization(name=f"{name}_unit", dtype=floats)(x)
    return keras.layers.Rescaling(math.sqrt(x.shape[-1]), name=f"{name}_normalised", dtype=floats)(unit)


def _rectified(x: Any, name: str, **how: Any) -> Any:
    """Apply a leaky ReLU that keeps the mean square of N(0, 1), but for 4%."""
    return keras.layers.Rescaling(math.sqrt(2.0), name=f"{name}_gain", **how)(
        keras.layers.LeakyReLU(LEAK, name=f"{name}_relu", **how)(x)
    )
