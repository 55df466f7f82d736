"""Projected discriminator: small discriminators on the features of a frozen network, at four sizes.

Source: Sauer et al. 2021, arXiv:2111.01007, sections 3 and 4. Here the features are mixed at their own sizes, and the
discriminators have spectral normalisation but no batch normalisation, so that each image is judged by itself.
"""

from __future__ import annotations

from typing import Annotated, Any

import keras
from pydantic import Field

from ganzoo.errors import ConfigError
from ganzoo.networks.layers import Conv2D, FrozenFeatures, Mixing, SpectralConv2D
from ganzoo.registry import register

LEAK = 0.2
STRIDE = 32  # pixels of the image per logit


@register("discriminator", "projected", kinds=("image",))
def projected_discriminator(
    example_shape: tuple[int, ...],
    classes: int = 0,
    conditioning: str | None = None,
    *,
    width: Annotated[int, Field(ge=1, le=512)] = 64,
) -> keras.Model:
    """Discriminators on EfficientNet-Lite0's features of 4, 8, 16 and 32 pixels, all with logits per 32x32 pixels.

    Fixed random 1x1 convolutions mix the channels of each size, and add the next larger size's features to it
    (cross-channel and cross-scale mixing): a discriminator cannot rely on a few features.

    Args:
      example_shape: (H, W, channels) of the training images; images of any size that 32 divides are accepted.
      classes: must be 0.
      conditioning: ignored.
      width: channels of the mixed features of 4 pixels, doubled at each larger size.

    Returns:
      images `[N, H, W, channels]` in [-1, 1] -> logits `[N, H / 32, W / 32, 4]`, one per size.

    Raises:
      ConfigError: if the model is conditional, 32 does not divide H and W, or the channels are not those of one image.
      WeightsError: if the weights are not installed.
    """
    if classes:
        raise ConfigError("network projected: is for images without labels (use discriminator.network: dcgan or mlp)")
    *sides, channels = example_shape
    for side in sides:
        if side % STRIDE:
            raise ConfigError(f"dataset.size: expected a multiple of 32 for network projected, got {side}")
    if channels not in (1, 3):
        raise ConfigError(
            f"network projected: expected images of 1 or 3 channels, got {channels} (pix2pix shows two images at once: "
            "use discriminator.network: patchgan)"
        )
    image = keras.Input((None, None, channels), name="images")
    levels = FrozenFeatures(name="features", dtype="float32")(image)
    mixed: Any = None
    logits = []
    for level in reversed(range(len(levels))):
        wide = width * 2**level
        x = _random(wide, f"channels{level}")(levels[level])
        mixed = x if mixed is None else Mixing(name=f"scales{level}")([x, _random(wide, f"larger{level}")(mixed)])
        logits.append(_judged(mixed, len(levels) - 1 - level, f"level{level}"))
    joined = keras.layers.Concatenate(name="logits", dtype=keras.config.floatx())(logits)
    return keras.Model(image, joined, name="discriminator")


def _random(channels: int, name: str) -> Conv2D:
    return Conv2D(channels, 1, kernel_initializer=keras.initializers.HeNormal(), trainable=False, name=name)


def _judged(x: Any, halvings: int, name: str) -> Any:
    """Return the logits of one size."""
    for number in range(halvings):
        x = SpectralConv2D(2 * x.shape[-1], 4, 2, border=1, name=f"{name}_down{number}")(x)
        x = keras.layers.LeakyReLU(LEAK, name=f"{name}_relu{number}")(x)
    return SpectralConv2D(1, 3, border=1, name=f"{name}_logit", dtype=keras.config.floatx())(x)
