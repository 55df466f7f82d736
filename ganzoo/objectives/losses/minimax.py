"""The minimax loss of the original GAN."""

from __future__ import annotations

from typing import Annotated

import tensorflow as tf
from pydantic import Field

from ganzoo.objectives.losses.loss import AdversarialLoss, cross_entropy
from ganzoo.registry import register

Smoothing = Annotated[float, Field(ge=0.0, lt=0.5)]


@register("loss", "minimax")
class Minimax(AdversarialLoss):
    """Zero-sum cross-entropy: the generator minimises `log(1 - D(G(z)))`, which saturates while the discriminator wins.

    Args:
      label_smoothing: one-sided: the real target is `1 - label_smoothing` (Salimans et al. 2016, arXiv:1606.03498).

    Source: Goodfellow et al. 2014, arXiv:1406.2661, eq. 1.
    """

    def __init__(self, *, label_smoothing: Smoothing = 0.0) -> None:
        self.label_smoothing = label_smoothing

    def discriminator(self, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
        """`-log D(x) - log(1 - D(G(z)))`."""
        return cross_entropy(real_logits, 1.0 - self.label_smoothing) + cross_entropy(fake_logits, 0.0)

    def generator(self, real_logits: tf.Tensor | None, fake_logits: tf.Tensor) -> tf.Tensor:
        """`log(1 - D(G(z))) = -softplus(logit)`."""
        return -tf.nn.softplus(fake_logits)
