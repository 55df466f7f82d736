"""Consistency regularisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from ganzoo.errors import ConfigError
from ganzoo.objectives.parts import made_of
from ganzoo.objectives.penalties.penalty import PenaltyContext
from ganzoo.registry import register


@register("penalty", "consistency")
class Consistency:
    """Squared change of the logits when the examples are augmented, real and generated ones (bCR).

    `(D(x) - D(T(x)))^2 + (D(G(z)) - D(T(G(z))))^2` for a random transform T. The generator never sees T.
    Where the model has augmentations, D has a draw of its own of these in each term.

    Args:
      augmentation: T, the name or the name and options of an augmentation without state, such as
        `{name: diffaugment, policy: [translation]}` for images.

    Raises:
      ConfigError: if there is no such augmentation or option, or it has state.

    Source: Zhao et al. 2020, arXiv:2002.04724, algorithm 1 (both weights 10).
    """

    def __init__(self, *, augmentation: str | dict[str, Any]) -> None:
        at = "penalties.consistency.augmentation"
        self.augmentation = made_of("augmentation", augmentation, at, at)
        if getattr(self.augmentation, "state", None):
            name = augmentation["name"] if isinstance(augmentation, Mapping) else augmentation
            raise ConfigError(f"{at}: expected one without state, got {name} (for example diffaugment)")

    def __call__(self, context: PenaltyContext) -> tf.Tensor:
        """Return `[N]` (`[N, h, w]` for patches)."""
        changes = (
            context.discriminator(self.augmentation(examples, context.draws())) - outputs["logits"]
            for examples, outputs in ((context.real, context.real_outputs), (context.fake, context.fake_outputs))
        )
        return tf.add_n([tf.square(change) for change in changes])
