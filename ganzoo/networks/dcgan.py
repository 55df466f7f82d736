"""DCGAN networks for square images of 28, 32, 64 … pixels.

Source: Radford et al. 2016, arXiv:1511.06434. Kernels are 4x4 by default, because kernels divisible by the stride of 2
avoid checkerboard artefacts (Odena et al. 2016). A bias before a normalisation has no gradient and is left out.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import keras
from pydantic import Field

from ganzoo.errors import ConfigError
from ganzoo.networks.conditioning import Heads, batch_normalised, condition_examples, condition_latents, judge
from ganzoo.networks.initial import initial
from ganzoo.networks.kinds import inputs, smallest_side
from ganzoo.networks.layers import BatchNormalization, Conv2D, Conv2DTranspose, Dropout, MinibatchDeviation
from ganzoo.registry import register

Width = Annotated[int, Field(ge=1, le=4096)]
Kernel = Annotated[int, Field(ge=1, le=15)]
Normalization = Literal["batch", "none"]
Leak = Annotated[float, Field(ge=0.0, lt=1.0)]


@register("generator", "dcgan", kinds=("image",))
def dcgan_generator(
    latent_size: int,
    example_shape: tuple[int, ...],
    classes: int = 0,
    conditioning: str | None = None,
    *,
    width: Width = 64,
    kernel: Kernel = 4,
    normalization: Literal["batch", "conditional_batch", "none"] = "batch",
    leak: Leak = 0.0,
    refine: Annotated[int, Field(ge=0, le=8)] = 0,
) -> keras.Model:
    """Dense layer to the smallest size, then transposed convolutions of stride 2 up to the image.

    Args:
      latent_size: size of the latents.
      example_shape: (side, side, channels); the side is 4, 5, 6 or 7 times a power of two.
      classes: number of labels, 0 for none.
      conditioning: see networks.conditioning.
      width: channels before the last layer, doubled at each smaller size.
      kernel: side of the transposed convolutions.
      normalization: after each layer except the last; `conditional_batch` has a scale and a shift for each class,
        instead of labels at the input.
      leak: slope of the rectifiers below zero.
      refine: transposed convolutions of stride 1 at the smallest size; each layer except the last halves the channels.

    Returns:
      latents `[N, latent_size]` (and labels int32 `[N]`) -> images `[N, side, side, channels]` in [-1, 1].
    """
    side, levels = smallest_side(example_shape[0], "dcgan")
    tensors = inputs((latent_size,), classes, "latents")
    x, labels = tensors[0], tensors[1:] if normalization == "conditional_batch" else []
    if normalization == "conditional_batch" and not classes:
        raise ConfigError(
            "generator.normalization: expected batch or none without labels, got conditional_batch (use batch)"
        )
    if classes and not labels:
        x = condition_latents(x, tensors[1], classes, conditioning or "concatenation")
    strides = [1] * refine + [2] * levels
    channels = width * 2 ** (len(strides) - 1)
    normalised = normalization != "none"
    x = keras.layers.Dense(side * side * channels, use_bias=not normalised, kernel_initializer=initial(), name="start")(
        x
    )
    x = keras.layers.Reshape((side, side, channels), name="start_image")(x)
    if normalised:
        x = batch_normalised(x, labels, classes, "start_norm")
    x = _rectify(x, leak, "start_relu")
    for level, stride in enumerate(strides[:-1], start=1):
        x = Conv2DTranspose(
            channels // 2**level,
            kernel,
            stride,
            "same",
            use_bias=not normalised,
            kernel_initializer=initial(),
            name=f"up{level}",
        )(x)
        if normalised:
            x = batch_normalised(x, labels, classes, f"up{level}_norm")
        x = _rectify(x, leak, f"up{level}_relu")
    x = Conv2DTranspose(example_shape[-1], kernel, 2, "same", kernel_initializer=initial(), name=f"up{len(strides)}")(x)
    x = keras.layers.Activation("tanh", name="images", dtype=keras.config.floatx())(x)
    return keras.Model(tensors, x, name="generator")


@register("discriminator", "dcgan", kinds=("image",))
def dcgan_discriminator(
    example_shape: tuple[int, ...],
    classes: int = 0,
    conditioning: str | None = None,
    *,
    width: Width = 64,
    kernel: Kernel = 4,
    normalization: Normalization = "none",
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0,
    leak: Leak = 0.2,
    minibatch_deviation: bool = False,
    group: Annotated[int, Field(ge=2)] = 4,
    heads: Heads = 1,
    features: bool = False,
) -> keras.Model:
    """Convolutions of stride 2 down to the smallest size, then one logit.

    Args:
      example_shape: (side, side, channels) as for the generator.
      classes, conditioning: see networks.conditioning.
      width: channels after the first layer, doubled at each smaller size.
      kernel: side of the convolutions.
      normalization: after each convolution except the first.
      dropout: share of activations dropped after each convolution.
      leak: slope of the rectifiers below zero.
      minibatch_deviation: append the deviation in groups of examples (`layers.MinibatchDeviation`) before the logit.
      group: number of examples in such a group.
      heads: number of logits, for the loss `heads`.
      features: also return the input of the last layer, for the penalty `feature_matching`.

    Returns:
      images `[N, side, side, channels]` in [-1, 1] (and labels int32 `[N]`) -> logits `[N, heads]`.
    """
    _, levels = smallest_side(example_shape[0], "dcgan")
    tensors = inputs(example_shape, classes, "images")
    x = tensors[0]
    if classes:
        x = condition_examples(x, tensors[1], classes, conditioning or "concatenation")
    x = _halved(x, levels, width, kernel, normalization, leak, dropout)
    if minibatch_deviation:
        x = MinibatchDeviation(group, name="deviation")(x)
    x = keras.layers.Flatten(name="features")(x)
    logits = keras.layers.Dense(heads, kernel_initializer=initial(), name="logits", dtype=keras.config.floatx())(x)
    return judge(tensors, x, logits, classes, conditioning, features=features)


@register("encoder", "dcgan", kinds=("image",))
def dcgan_encoder(
    example_shape: tuple[int, ...],
    outputs: int,
    *,
    width: Width = 64,
    kernel: Kernel = 4,
    normalization: Normalization = "none",
    leak: Leak = 0.2,
) -> keras.Model:
    """The discriminator's convolutions, then a vector instead of a logit.

    Args:
      example_shape: (side, side, channels) as for the generator.
      outputs: size of the vector.
      width, kernel, normalization, leak: see `dcgan_discriminator`.

    Returns:
      images `[N, side, side, channels]` in [-1, 1] -> `[N, outputs]`.
    """
    image = keras.Input(example_shape, name="images")
    x = _halved(image, smallest_side(example_shape[0], "dcgan")[1], width, kernel, normalization, leak, 0.0)
    vector = keras.layers.Dense(outputs, kernel_initializer=initial(), name="outputs", dtype=keras.config.floatx())(
        keras.layers.Flatten(name="features")(x)
    )
    return keras.Model(image, vector, name="encoder")


def _halved(x: Any, levels: int, width: int, kernel: int, normalization: str, leak: float, dropout: float) -> Any:
    """Apply convolutions of stride 2, each with twice the channels of the previous one."""
    for level in range(1, levels + 1):
        normalised = normalization == "batch" and level > 1
        x = Conv2D(
            width * 2 ** (level - 1),
            kernel,
            2,
            "same",
            use_bias=not normalised,
            kernel_initializer=initial(),
            name=f"down{level}",
        )(x)
        if normalised:
            x = BatchNormalization(name=f"down{level}_norm")(x)
        x = _rectify(x, leak, f"down{level}_relu")
        if dropout:
            x = Dropout(dropout, name=f"down{level}_dropout")(x)
    return x


def _rectify(x: Any, leak: float, name: str) -> Any:
    return keras.layers.LeakyReLU(leak, name=name)(x) if leak else keras.layers.ReLU(name=name)(x)
