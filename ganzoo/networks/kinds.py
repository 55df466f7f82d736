"""Kinds of networks: their arguments, inputs and outputs.

A network is a function registered with `@register(KIND, "name")` that returns a keras.Model. Its positional parameters
come from the data and the scheme; its keyword-only ones are its options, which a config may set.

  generator      f(latent_size, example_shape, classes, conditioning, *, …): latents `[N, latent_size]`, and labels
                 int32 `[N]` as second input if `classes > 0`, -> `[N, *example_shape]`
  discriminator  f(example_shape, classes, conditioning, *, …): examples `[N, *example_shape]` (and labels) -> logits
                 `[N, 1]`, or `[N, h, w, k]` with k per patch; or a mapping with these as `logits` and further
                 outputs
  translator     f(example_shape, *, …): images `[N, H, W, C]` in [-1, 1] -> the same, for any H and W that are
                 multiples of the model's attribute `stride`
  encoder        f(example_shape, outputs, *, …): examples -> `[N, outputs]`
"""

from __future__ import annotations

from typing import Any

import keras


def judge(tensors: Any, logits: Any, features: Any = None) -> keras.Model:
    """Return a discriminator of logits, or of `logits` and `features` by name if features are given."""
    outputs = logits if features is None else {"logits": logits, "features": features}
    return keras.Model(tensors, outputs, name="discriminator")


def inputs(shape: tuple[int, ...], classes: int, name: str) -> list[Any]:
    """Return the input tensors of a network: `[N, *shape]`, and labels int32 `[N]` if there are classes."""
    tensors = [keras.Input(shape, name=name)]
    if classes:
        tensors.append(keras.Input((), dtype="int32", name="labels"))
    return tensors
