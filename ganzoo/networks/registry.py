"""Names of networks -> the functions that build them.

A network is a function in a module of this package, decorated with `@generator("name")` or `@discriminator("name")`;
every module is imported on first use, so a new file is all it takes. Positional parameters come from the data and the
latents, keyword-only ones are the network's own arguments, which a config may set.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

import keras

import ganzoo.networks
from ganzoo.registry import Registry

Builder = Callable[..., keras.Model]

_builders: dict[str, Registry[Builder]] = {
    "generator": Registry("network", "generator.network"),
    "discriminator": Registry("network", "discriminator.network"),
    "translator": Registry("translator", "generator.network"),
    "patch_discriminator": Registry("patch discriminator", "discriminator.network"),
}


def generator(name: str) -> Callable[[Builder], Builder]:
    """Registers `f(latent_size, example_shape, classes, conditioning, *, …) -> keras.Model`.

    The model maps `[latents [N, latent_size]]`, with `labels int32 [N]` as second input where `classes > 0`, to `[N,
    *example_shape]`.
    """
    return _builders["generator"].register(name)


def discriminator(name: str) -> Callable[[Builder], Builder]:
    """Registers `f(example_shape, classes, conditioning, *, …) -> keras.Model`.

    The model maps `[examples [N, *example_shape]]`, with `labels int32 [N]` as second input where `classes > 0`, to
    logits `[N, 1]`.
    """
    return _builders["discriminator"].register(name)


def translator(name: str) -> Callable[[Builder], Builder]:
    """Registers `f(example_shape, *, …) -> keras.Model`, a generator from images to images.

    The model maps `[N, H, W, C]` in [-1, 1] to the same, for any H and W that are multiples of its attribute `stride`.
    """
    return _builders["translator"].register(name)


def patch_discriminator(name: str) -> Callable[[Builder], Builder]:
    """Registers `f(channels, *, …) -> keras.Model`.

    The model maps images `[N, H, W, channels]` of any size to logits `[N, h, w, 1]`, one for each patch.
    """
    return _builders["patch_discriminator"].register(name)


def get(role: str, name: str) -> Builder:
    """The builder of a network.

    Args:
      role: `generator`, `discriminator`, `translator` or `patch_discriminator`.
      name: as in a config.

    Raises:
      ConfigError: there is no network of that name.
    """
    for module in pkgutil.iter_modules(ganzoo.networks.__path__):
        importlib.import_module(f"ganzoo.networks.{module.name}")
    return _builders[role].get(name)


def config_key(role: str) -> str:
    """Where a config has the networks of a role."""
    return _builders[role].key.partition(".")[0]


def inputs(shape: tuple[int, ...], classes: int, name: str) -> list[Any]:
    """The input tensors of a network: `[N, *shape]`, and labels int32 `[N]` where there are classes."""
    tensors = [keras.Input(shape, name=name)]
    if classes:
        tensors.append(keras.Input((), dtype="int32", name="labels"))
    return tensors
