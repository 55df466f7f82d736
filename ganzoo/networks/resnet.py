"""The ResNet translator: down by 4, residual blocks, up again.

Source: Zhu et al. 2017, arXiv:1703.10593, section 7.2, after Johnson et al. 2016, arXiv:1603.08155. A bias before a
normalisation would have no effect, so there is none.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import keras
from pydantic import Field

from ganzoo.layers import Conv2D, Conv2DTranspose, InstanceNormalization, ReflectionPadding2D, ResidualTanh
from ganzoo.networks.registry import translator

STRIDE = 4


@translator("resnet")
def resnet_translator(
    example_shape: tuple[int, ...],
    *,
    width: Annotated[int, Field(ge=1, le=1024)] = 64,
    blocks: Annotated[int, Field(ge=1, le=64)] = 9,
    upsampling: Literal["transposed", "transposed4", "resize"] = "transposed",
    residual: Literal["none", "fine", "coarse"] = "none",
) -> keras.Model:
    """Works on images of any size that is a multiple of 4.

    Args:
      example_shape: (H, W, channels); only the channels matter.
      width: channels at full size, doubled at each halving; the paper has 64.
      blocks: residual blocks at a quarter of the size; the paper has 6 for 128x128, 9 for 256x256 and more.
      upsampling: `transposed` 3x3 convolutions of stride 2, the paper's and PyTorch's; `transposed4` with kernels of
        4x4, which the stride divides, and `resize` to the nearest pixel followed by a convolution, both of them
        without checkerboards (Odena et al. 2016).
      residual: learn the change and not the picture: of the image itself (`fine`) or of the image without its detail
        (`coarse`), see `layers.ResidualTanh`.

    Returns:
      images `[N, H, W, channels]` in [-1, 1] -> the same.
    """
    channels = example_shape[-1]
    image = keras.Input((None, None, channels), name="images")
    x = ReflectionPadding2D(3, name="start_pad")(image)
    x = _normalised(Conv2D(width, 7, **_plain("start"))(x), "start")
    for level in (1, 2):
        x = _normalised(Conv2D(width * 2**level, 3, 2, border=1, **_plain(f"down{level}"))(x), f"down{level}")
    for block in range(1, blocks + 1):
        x = _block(x, f"block{block}")
    for level in (1, 2):
        x = _normalised(_doubled(x, width * 4 // 2**level, upsampling, f"up{level}"), f"up{level}")
    x = ReflectionPadding2D(3, name="end_pad")(x)
    x = Conv2D(channels, 7, kernel_initializer=_initial(), name="end")(x)
    floats = keras.config.floatx()
    if residual == "none":
        x = keras.layers.Activation("tanh", name="translated", dtype=floats)(x)
    else:
        coarseness = STRIDE if residual == "coarse" else 1
        x = ResidualTanh(coarseness, name="translated", dtype=floats)([x, image])
    network = keras.Model(image, x, name="translator")
    network.stride = STRIDE
    return network


def _block(x: Any, name: str) -> Any:
    width = x.shape[-1]
    change = ReflectionPadding2D(1, name=f"{name}_pad1")(x)
    change = _normalised(Conv2D(width, 3, **_plain(f"{name}_conv1"))(change), f"{name}_conv1")
    change = ReflectionPadding2D(1, name=f"{name}_pad2")(change)
    change = Conv2D(width, 3, **_plain(f"{name}_conv2"))(change)
    change = InstanceNormalization(name=f"{name}_conv2_norm")(change)
    return keras.layers.Add(name=f"{name}_sum")([x, change])


def _doubled(x: Any, width: int, upsampling: str, name: str) -> Any:
    """`[N, H, W, C] -> [N, 2 H, 2 W, width]`."""
    if upsampling == "transposed4":
        return Conv2DTranspose(width, 4, 2, "same", **_plain(name))(x)
    if upsampling == "transposed":  # cropped as PyTorch does with padding and output_padding of 1
        return Conv2DTranspose(width, 3, 2, "valid", crop=1, **_plain(name))(x)
    x = keras.layers.UpSampling2D(2, name=f"{name}_resize")(x)
    x = ReflectionPadding2D(1, name=f"{name}_pad")(x)
    return Conv2D(width, 3, **_plain(name))(x)


def _normalised(x: Any, name: str) -> Any:
    return keras.layers.ReLU(name=f"{name}_relu")(InstanceNormalization(name=f"{name}_norm")(x))


def _plain(name: str) -> dict[str, Any]:
    """The arguments of a convolution before a normalisation."""
    return {"use_bias": False, "kernel_initializer": _initial(), "name": name}


def _initial() -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(0.0, 0.02)
