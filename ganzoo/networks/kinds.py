"""Kinds of networks: their arguments, inputs and outputs.

A network is a function registered with `@register(KIND, "name")` that returns a keras.Model. Its positional parameters
come from the data and the scheme; its keyword-only ones are its options, which a config may set.

  generator      f(latent_size, example_shape, classes, conditioning, *, …): latents `[N, latent_size]`, and labels
                 int32 `[N]` as second input if `classes > 0`, -> `[N, *example_shape]`
  discriminator  f(example_shape, classes, conditioning, *, …): examples `[N, *example_shape]` (and labels) -> logits
                 `[N, k]`, or `[N, h, w, k]` with k per patch, k mostly 1; or a mapping with these as `logits` and
                 further outputs, see `conditioning.judge`
  translator     f(example_shape, *, …): images `[N, H, W, C]` in [-1, 1] -> the same, for any H and W that are
                 multiples of the model's attribute `stride`; its attribute `encoder_layers`, if it has one, names
                 layers of its first half, whose features the scheme `cut` compares
  encoder        f(example_shape, outputs, *, …): examples -> `[N, outputs]`
"""

from __future__ import annotations

from typing import Any

import keras

from ganzoo.errors import ConfigError


def inputs(shape: tuple[int | None, ...], classes: int, name: str) -> list[Any]:
    """Return the input tensors of a network: `[N, *shape]`, and labels int32 `[N]` if there are classes."""
    tensors = [keras.Input(shape, name=name)]
    if classes:
        tensors.append(keras.Input((), dtype="int32", name="labels"))
    return tensors


def smallest_side(side: int, network: str) -> tuple[int, int]:
    """Return (side after all halvings, number of halvings): 28 -> (7, 2), 32 -> (4, 3), 64 -> (4, 4).

    Raises:
      ConfigError: if the side is not 4, 5, 6 or 7 times a power of two.
    """
    smallest, levels = side, 0
    while smallest % 2 == 0 and smallest > 7:
        smallest, levels = smallest // 2, levels + 1
    if smallest > 7 or levels == 0:
        raise ConfigError(
            f"dataset.size: expected 4 to 7 times a power of two for network {network}, got {side} "
            "(use 28, 32, 48, 64, 128 …)"
        )
    return smallest, levels
