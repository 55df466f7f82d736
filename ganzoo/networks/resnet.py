"""ResNet translator: downsampling by 4, residual blocks, upsampling.

Source: Zhu et al. 2017, arXiv:1703.10593, section 7.2, after Johnson et al. 2016, arXiv:1603.08155. A bias before a
normalisation has no effect and is left out.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import keras
from pydantic import Field

from ganzoo.compat import layer_of
from ganzoo.errors import ConfigError
from ganzoo.networks.initial import initial
from ganzoo.networks.layers import (
    BilinearUpsampling,
    Conv2D,
    Conv2DTranspose,
    InstanceNormalization,
    ReflectionPadding2D,
    ResidualTanh,
)
from ganzoo.registry import register

STRIDE = 4


@register("translator", "resnet", kinds=("image",))
def resnet_translator(
    example_shape: tuple[int, ...],
    *,
    width: Annotated[int, Field(ge=1, le=1024)] = 64,
    blocks: Annotated[int, Field(ge=1, le=64)] = 9,
    upsampling: Literal["transposed", "transposed4", "resize", "bilinear"] = "transposed",
    residual: Literal["none", "fine", "coarse"] = "none",
    detail: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0,
    normalization: Literal["instance", "none"] = "instance",
) -> keras.Model:
    """Translator of images with sides that are multiples of 4.

    Args:
      example_shape: (H, W, channels) of the training images.
      width: channels at full size, doubled at each halving; 64 in the paper.
      blocks: residual blocks at a quarter of the size; in the paper 6 for 128x128, 9 for 256x256 and more.
      upsampling: `transposed`: 3x3 convolutions of stride 2, as in the paper and PyTorch; `transposed4`: kernels of
        4x4, which the stride divides; `resize`: nearest pixel, then a convolution; `bilinear`: linear
        interpolation, then a convolution. The latter three avoid checkerboard artefacts (Odena et al. 2016).
      residual: learn a change instead of the image: of the image itself (`fine`) or of the image without its detail
        (`coarse`), see `layers.ResidualTanh`.
      detail: share of the image's detail that a coarse residual keeps; can also be set after training.
      normalization: after each convolution except the last; with `none`, convolutions have biases and He
        initialisation (2015, arXiv:1502.01852), and parts of an image are translated independently of each other.

    Returns:
      images `[N, H, W, channels]` in [-1, 1] -> the same.

    Raises:
      ConfigError: if H is not a multiple of 4, or detail is given without a coarse residual.
    """
    side, channels = example_shape[0], example_shape[-1]
    if side % STRIDE:
        raise ConfigError(f"dataset.size: expected a multiple of 4 for network resnet, got {side}")
    if detail and residual != "coarse":
        raise ConfigError(f"generator.detail: {detail:g} is for residual: coarse (leave it out with {residual})")
    image = keras.Input((None, None, channels), name="images")
    part = _Part(normalization == "instance")
    x = ReflectionPadding2D(3, name="start_pad")(image)
    x = part.rectified(part.convolution(width, 7, name="start")(x))
    for level in (1, 2):
        x = part.rectified(part.convolution(width * 2**level, 3, 2, border=1, name=f"down{level}")(x))
    for block in range(1, blocks + 1):
        x = part.block(x, f"block{block}")
    for level in (1, 2):
        x = part.rectified(part.doubled(x, width * 4 // 2**level, upsampling, f"up{level}"))
    x = ReflectionPadding2D(3, name="end_pad")(x)
    x = Conv2D(channels, 7, kernel_initializer=initial(), name="end")(x)
    floats = keras.config.floatx()
    if residual == "none":
        x = keras.layers.Activation("tanh", name="translated", dtype=floats)(x)
    else:
        coarseness = STRIDE if residual == "coarse" else 1
        x = ResidualTanh(coarseness, detail, name="translated", dtype=floats)([x, image])
    network = keras.Model(image, x, name="translator")
    network.stride = STRIDE
    network.encoder_layers = ("images", "down1", "down2", *dict.fromkeys(("block1_sum", f"block{min(blocks, 5)}_sum")))
    return network


class _Part:
    """Builder of a translator's parts, with or without instance normalisation."""

    def __init__(self, normalised: bool) -> None:
        self.normalised = normalised

    def convolution(self, *args: Any, **kwargs: Any) -> Conv2D:
        """Return a convolution to be followed by `normalise`."""
        return Conv2D(*args, **self._plain(), **kwargs)

    def normalise(self, x: Any) -> Any:
        """Apply the normalisation after a convolution; it is named after the convolution."""
        return InstanceNormalization(name=f"{layer_of(x)}_norm")(x) if self.normalised else x

    def rectified(self, x: Any) -> Any:
        """Apply the normalisation and a rectifier."""
        return keras.layers.ReLU(name=f"{layer_of(x)}_relu")(self.normalise(x))

    def block(self, x: Any, name: str) -> Any:
        """Apply a residual block."""
        width = x.shape[-1]
        change = ReflectionPadding2D(1, name=f"{name}_pad1")(x)
        change = self.rectified(self.convolution(width, 3, name=f"{name}_conv1")(change))
        change = ReflectionPadding2D(1, name=f"{name}_pad2")(change)
        change = self.normalise(self.convolution(width, 3, name=f"{name}_conv2")(change))
        return keras.layers.Add(name=f"{name}_sum")([x, change])

    def doubled(self, x: Any, width: int, upsampling: str, name: str) -> Any:
        """Upsample `[N, H, W, C] -> [N, 2 H, 2 W, width]`."""
        if upsampling == "transposed4":
            return Conv2DTranspose(width, 4, 2, "same", name=name, **self._plain())(x)
        if upsampling == "transposed":  # cropped like PyTorch's padding and output_padding of 1
            return Conv2DTranspose(width, 3, 2, "valid", crop=1, name=name, **self._plain())(x)
        resize = BilinearUpsampling if upsampling == "bilinear" else keras.layers.UpSampling2D  # both by 2
        x = resize(name=f"{name}_resize")(x)
        x = ReflectionPadding2D(1, name=f"{name}_pad")(x)
        return self.convolution(width, 3, name=name)(x)

    def _plain(self) -> dict[str, Any]:
        start = initial() if self.normalised else keras.initializers.HeNormal()
        return {"use_bias": not self.normalised, "kernel_initializer": start}
