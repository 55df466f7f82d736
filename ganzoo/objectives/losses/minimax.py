"""The minimax loss of the original GAN."""

from __future__ import annotations

from typing import Annotated

import tensorflow as tf
from pydantic import Field

from ganzoo.objectives.losses.loss import Flipping, LabelledLoss, cross_entropy
from ganzoo.registry import register

Smoothing = Annotated[float, Field(ge=0.0, lt=0.5)]


@register("loss", "minimax")
class Minimax(LabelledLoss):
    """Zero-sum cross-entropy: the generator minimises `log(1 - D(G(z)))`, which saturates while the discriminator wins.

    The discriminator minimises `-log D(x) - log(1 - D(G(z)))`.

    Args:
      label_smoothing: one-sided: the real target is `1 - label_smoothing` (Salimans et al. 2016, arXiv:1606.03498).
      label_flipping: share of the discriminator's labels that are swapped, in expectation; see LabelledLoss.

    Source: Goodfellow et al. 2014, arXiv:1406.2661, eq. 1.
    """

    def __init__(self, *, label_smoothing: Smoothing = 0.0, label_flipping: Flipping = 0.0) -> None:
        self.label_smoothing = label_smoothing
        self.label_flipping = label_flipping
        self.equilibrium = 0.5 * (1.0 - label_smoothing)

    def verdict(self, logits: tf.Tensor) -> tf.Tensor:
        """`sigmoid(logit)`, the probability of real."""
        return tf.sigmoid(logits)

    def as_real(self, logits: tf.Tensor) -> tf.Tensor:
        """`-log D(x)`; with a smoothing of s, `-(1 - s) log D(x) - s log(1 - D(x))`."""
        return cross_entropy(logits, 1.0 - self.label_smoothing)

    def as_fake(self, logits: tf.Tensor) -> tf.Tensor:
        """`-log(1 - D(x))`."""
        return cross_entropy(logits, 0.0)

    def generator(self, real_logits: tf.Tensor | None, fake_logits: tf.Tensor) -> tf.Tensor:
        """`log(1 - D(G(z))) = -softplus(logit)`."""
        return -tf.nn.softplus(fake_logits)
