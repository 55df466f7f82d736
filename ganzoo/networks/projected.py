"""Projected discriminator: small discriminators on the features of a frozen network, at four sizes.

Source: Sauer et al. 2021, arXiv:2111.01007, sections 3 and 4. Here the features are mixed at their own sizes, and the
discriminators have spectral normalisation but no batch normalisation, so that each image is judged by itself; the
fixed convolutions divide the features by `FEATURE_SIZES` instead.
"""

from __future__ import annotations

import functools
from typing import Annotated, Any

import keras
from pydantic import Field

from ganzoo.errors import ConfigError
from ganzoo.networks.conditioning import one_hot
from ganzoo.networks.kinds import inputs
from ganzoo.networks.layers import Conv2D, FrozenFeatures, Mixing, SpectralConv2D
from ganzoo.registry import register

LEAK = 0.2
STRIDE = 32  # pixels of the image per logit
# Root mean squares of the features of photographs. Undivided, logits left the hinge's margins in the first steps.
FEATURE_SIZES = (9.0, 8.0, 7.0, 3.0)


@register("discriminator", "projected", kinds=("image",))
def projected_discriminator(
    example_shape: tuple[int, ...],
    classes: int = 0,
    conditioning: str | None = None,
    *,
    width: Annotated[int, Field(ge=1, le=512)] = 64,
    pixels: Annotated[int, Field(ge=0, le=512)] = 0,
) -> keras.Model:
    """Discriminators on EfficientNet-Lite0's features of 4, 8, 16 and 32 pixels, all with logits per 32x32 pixels.

    Fixed random 1x1 convolutions mix the channels of each size, and add the next larger size's features to it
    (cross-channel and cross-scale mixing): a discriminator cannot rely on a few features.

    Args:
      example_shape: (H, W, channels) of the training images; images of any size that 32 divides are accepted.
      classes: number of labels, 0 for none; each discriminator adds `<embedding(label), its last features>`.
      conditioning: must be projection if there are classes.
      width: channels of the mixed features of 4 pixels, doubled at each larger size.
      pixels: channels of the first layer of a discriminator of the pixels themselves, without spectral normalisation,
        doubled at each larger size; 0 for none. Frozen features overlook fine grain and the range of colours.

    Returns:
      images `[N, H, W, channels]` in [-1, 1] (and labels int32 `[N]`) -> logits `[N, H / 32, W / 32, 4]`, one per
      size, and a fifth of the pixels.

    Raises:
      ConfigError: if labels are not used by projection, 32 does not divide H and W, or the channels are not those of
        one image.
      WeightsError: if the weights are not installed.
    """
    if classes and conditioning != "projection":
        raise ConfigError(
            f"model.conditioning: expected projection for network projected, got {conditioning} "
            "(or use discriminator.network: dcgan)"
        )
    *sides, channels = example_shape
    for side in sides:
        if side % STRIDE:
            raise ConfigError(f"dataset.size: expected a multiple of 32 for network projected, got {side}")
    if channels not in (1, 3):
        raise ConfigError(
            f"network projected: expected images of 1 or 3 channels, got {channels} (pix2pix shows two images at once: "
            "use discriminator.network: patchgan)"
        )
    tensors = inputs((None, None, channels), classes, "images")
    code = one_hot(tensors[1], classes) if classes else None
    levels = FrozenFeatures(name="features", dtype="float32")(tensors[0])
    mixed: Any = None
    logits = []
    for level in reversed(range(len(levels))):
        wide = width * 2**level
        scale = FEATURE_SIZES[level] ** -2
        larger = None if mixed is None else _random(wide, 0.5, f"larger{level}")(mixed)
        share = 1.0 if larger is None else 0.5  # of the variance
        x = _random(wide, share * scale, f"channels{level}")(levels[level])
        mixed = x if larger is None else Mixing(name=f"scales{level}")([x, larger])
        widths = [wide << number for number in range(1, len(levels) - level)]
        logits.append(_judged(mixed, widths, code, f"level{level}"))
    if pixels:
        plain = functools.partial(Conv2D, kernel_initializer="he_normal")
        widths = [pixels << number for number in range(STRIDE.bit_length() - 1)]
        logits.append(_judged(tensors[0], widths, code, "pixels", plain))
    joined = keras.layers.Concatenate(name="logits", dtype=keras.config.floatx())(logits)
    return keras.Model(tensors if classes else tensors[0], joined, name="discriminator")


def _random(channels: int, scale: float, name: str) -> Conv2D:
    """Return a fixed convolution whose outputs have `scale` times the mean square of its inputs."""
    start = keras.initializers.VarianceScaling(scale, distribution="untruncated_normal")
    return Conv2D(channels, 1, kernel_initializer=start, trainable=False, name=name)


def _judged(x: Any, widths: list[int], code: Any, name: str, convolution: Any = SpectralConv2D) -> Any:
    """Return the logits of one size, after a convolution of stride 2 for each width."""
    floats = keras.config.floatx()
    for number, channels in enumerate(widths):
        x = convolution(channels, 4, 2, border=1, name=f"{name}_down{number}")(x)
        x = keras.layers.LeakyReLU(LEAK, name=f"{name}_relu{number}")(x)
    logits = convolution(1, 3, border=1, name=f"{name}_logit", dtype=floats)(x)
    if code is None:
        return logits
    of_classes = convolution(code.shape[-1], 1, use_bias=False, name=f"{name}_classes", dtype=floats)(x)
    chosen = keras.layers.Reshape((code.shape[-1], 1), name=f"{name}_label", dtype=floats)(code)
    projected = keras.layers.Dot((3, 1), name=f"{name}_projection", dtype=floats)([of_classes, chosen])
    return keras.layers.Add(name=f"{name}_conditioned", dtype=floats)([logits, projected])
