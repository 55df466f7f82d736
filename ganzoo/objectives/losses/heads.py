"""Several losses on one discriminator."""

from __future__ import annotations

from typing import Annotated, Any

import tensorflow as tf
from pydantic import Field

from ganzoo.errors import ConfigError
from ganzoo.objectives.losses.loss import AdversarialLoss
from ganzoo.objectives.parts import loss
from ganzoo.registry import register


@register("loss", "heads")
class Heads(AdversarialLoss):
    """Weighted sum of losses, each on a logit of its own from the same discriminator (`discriminator.heads`).

    Penalties treat the logits as they treat those of patches: gradients are those of their sum.

    Args:
      losses: name, or name and options, of each loss, in the order of the discriminator's logits: for example
        `[hinge, non_saturating]`.
      weights: factor of each loss; 1 by default.

    Raises:
      ConfigError: if there are fewer than two losses, another number of weights, an unknown name or option, or `heads`
        among the losses.
    """

    def __init__(
        self,
        *,
        losses: list[str | dict[str, Any]],
        weights: list[Annotated[float, Field(gt=0.0)]] | None = None,
    ) -> None:
        if len(losses) < 2:
            raise ConfigError(f"loss.losses: expected at least two losses, got {len(losses)} (set loss.name to it)")
        if weights is not None and len(weights) != len(losses):
            raise ConfigError(f"loss.weights: expected {len(losses)} numbers, one for each loss, got {len(weights)}")
        self.losses = [_of(one, f"loss.losses.{number}") for number, one in enumerate(losses)]
        self.weights = weights or [1.0] * len(losses)
        self.heads = len(losses)
        self.compares = any(getattr(one, "compares", False) for one in self.losses)
        self.over_batch = any(getattr(one, "over_batch", False) for one in self.losses)
        thresholds = {getattr(one, "threshold", 0.0) for one in self.losses}
        self.threshold = thresholds.pop() if len(thresholds) == 1 else None

    def discriminator(self, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
        """`sum_k w_k L_k(D_k(x), D_k(G(z)))`, from `[N, K]` or `[N, h, w, K]` to `[N]` or `[N, h, w]`."""
        return self._sum("discriminator", real_logits, fake_logits)

    def generator(self, real_logits: tf.Tensor | None, fake_logits: tf.Tensor) -> tf.Tensor:
        """`sum_k w_k L_k(D_k(x), D_k(G(z)))` with each loss's own for the generator."""
        return self._sum("generator", real_logits, fake_logits)

    def _sum(self, update: str, real_logits: tf.Tensor | None, fake_logits: tf.Tensor) -> tf.Tensor:
        of_real = [None] * self.heads if real_logits is None else tf.unstack(real_logits, self.heads, axis=-1)
        of_fake = tf.unstack(fake_logits, self.heads, axis=-1)
        each = zip(self.weights, self.losses, of_real, of_fake, strict=True)
        return tf.add_n([weight * getattr(one, update)(real, fake) for weight, one, real, fake in each])


def _of(given: str | dict[str, Any], at: str) -> Any:
    """Return one of the losses; errors about it name its place."""
    try:
        made = loss(given, at)
    except ConfigError as error:
        raise ConfigError(str(error).replace("loss.", f"{at}.", 1) if at not in str(error) else str(error)) from None
    if isinstance(made, Heads):
        raise ConfigError(f"{at}: expected a loss for one logit, got heads (list all losses in loss.losses)")
    return made
