"""Multi-layer perceptrons: networks of the 2014 paper, and for points."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import keras
from pydantic import Field

from ganzoo.data.kinds import of_shape
from ganzoo.networks.conditioning import Heads, condition_examples, condition_latents, judge
from ganzoo.networks.kinds import inputs
from ganzoo.networks.layers import Dropout, Maxout
from ganzoo.registry import register

Widths = Annotated[list[Annotated[int, Field(ge=1, le=65536)]], Field(min_length=1, max_length=16)]
Rate = Annotated[float, Field(ge=0.0, lt=1.0)]
LEAK = 0.2


@register("generator", "mlp")
def mlp_generator(
    latent_size: int,
    example_shape: tuple[int, ...],
    classes: int = 0,
    conditioning: str | None = None,
    *,
    widths: Widths = [256, 512],  # noqa: B006 (read, never changed)
    activation: Literal["relu", "leaky_relu"] = "relu",
) -> keras.Model:
    """Dense layers from latents to an example.

    Args:
      latent_size: size of the latents.
      example_shape: (side, side, channels) for images, which end in tanh, or (columns,) for points, which end linear.
      classes, conditioning: see networks.conditioning.
      widths: units of the hidden layers.
      activation: after each hidden layer.

    Returns:
      latents `[N, latent_size]` (and labels int32 `[N]`) -> `[N, *example_shape]`.
    """
    tensors = inputs((latent_size,), classes, "latents")
    x = tensors[0]
    if classes:
        x = condition_latents(x, tensors[1], classes, conditioning or "concatenation")
    for i, units in enumerate(widths, start=1):
        x = keras.layers.Dense(units, kernel_initializer="he_normal", name=f"hidden{i}")(x)
        x = _activate(x, activation, f"hidden{i}_{activation}")
    x = keras.layers.Dense(math.prod(example_shape), name="flat_examples")(x)
    x = keras.layers.Reshape(example_shape, name="shaped_examples")(x)
    x = keras.layers.Activation(of_shape(example_shape).activation, name="examples", dtype=keras.config.floatx())(x)
    return keras.Model(tensors, x, name="generator")


@register("discriminator", "mlp")
def mlp_discriminator(
    example_shape: tuple[int, ...],
    classes: int = 0,
    conditioning: str | None = None,
    *,
    widths: Widths = [512, 256],  # noqa: B006 (read, never changed)
    activation: Literal["relu", "leaky_relu", "maxout"] = "leaky_relu",
    pieces: Annotated[int, Field(ge=2, le=32)] = 5,
    dropout: Rate = 0.0,
    input_dropout: Rate = 0.0,
    heads: Heads = 1,
    features: bool = False,
) -> keras.Model:
    """Dense layers from an example to one logit.

    Args:
      example_shape: (side, side, channels) or (columns,).
      classes, conditioning: see networks.conditioning.
      widths: units of the hidden layers.
      activation: of the hidden layers; `maxout` is the largest of `pieces` affine maps.
      pieces: number of affine maps of maxout.
      dropout: share dropped after each hidden layer.
      input_dropout: share of the input dropped.
      heads: number of logits, for the loss `heads`.
      features: also return the input of the last layer, for the penalty `feature_matching`.

    Returns:
      examples `[N, *example_shape]` (and labels int32 `[N]`) -> logits `[N, heads]`.
    """
    tensors = inputs(example_shape, classes, "examples")
    x = keras.layers.Flatten(name="flat_examples")(tensors[0])
    if input_dropout:
        x = Dropout(input_dropout, name="input_dropout")(x)
    if classes:
        x = condition_examples(x, tensors[1], classes, conditioning or "concatenation")
    for i, units in enumerate(widths, start=1):
        if activation == "maxout":
            x = Maxout(units, pieces, name=f"hidden{i}")(x)
        else:
            x = keras.layers.Dense(units, kernel_initializer="he_normal", name=f"hidden{i}")(x)
            x = _activate(x, activation, f"hidden{i}_{activation}")
        if dropout:
            x = Dropout(dropout, name=f"hidden{i}_dropout")(x)
    logits = keras.layers.Dense(heads, name="logits", dtype=keras.config.floatx())(x)
    return judge(tensors, x, logits, classes, conditioning, features=features)


@register("encoder", "mlp")
def mlp_encoder(
    example_shape: tuple[int, ...],
    outputs: int,
    *,
    widths: Widths = [512, 256],  # noqa: B006 (read, never changed)
    activation: Literal["relu", "leaky_relu"] = "relu",
) -> keras.Model:
    """Dense layers from an example to a vector.

    Args:
      example_shape: (side, side, channels) or (columns,).
      outputs: size of the vector.
      widths: units of the hidden layers.
      activation: after each hidden layer.

    Returns:
      examples `[N, *example_shape]` -> `[N, outputs]`.
    """
    tensor = keras.Input(example_shape, name="examples")
    x = keras.layers.Flatten(name="flat_examples")(tensor)
    for i, units in enumerate(widths, start=1):
        x = keras.layers.Dense(units, kernel_initializer="he_normal", name=f"hidden{i}")(x)
        x = _activate(x, activation, f"hidden{i}_{activation}")
    vector = keras.layers.Dense(outputs, name="outputs", dtype=keras.config.floatx())(x)
    return keras.Model(tensor, vector, name="encoder")


def _activate(x: Any, activation: str, name: str) -> Any:
    if activation == "relu":
        return keras.layers.ReLU(name=name)(x)
    return keras.layers.LeakyReLU(LEAK, name=name)(x)
