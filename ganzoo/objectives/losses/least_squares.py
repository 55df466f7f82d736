"""Least squares."""

from __future__ import annotations

import tensorflow as tf

from ganzoo.objectives.losses.loss import AdversarialLoss
from ganzoo.objectives.losses.minimax import Smoothing
from ganzoo.registry import register


@register("loss", "least_squares")
class LeastSquares(AdversarialLoss):
    """Squared distances to the targets 1 (real) and 0 (fake), with gradients for samples far from the boundary too.

    Args:
      label_smoothing: one-sided: the real target is `1 - label_smoothing`.

    Sources: Mao et al. 2017, arXiv:1611.04076, eq. 9 (a = 0, b = c = 1); the discriminator's loss is halved and the
    generator's is not, as in CycleGAN: Zhu et al. 2017, arXiv:1703.10593, section 4.
    """

    threshold = 0.5

    def __init__(self, *, label_smoothing: Smoothing = 0.0) -> None:
        self.label_smoothing = label_smoothing

    def discriminator(self, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
        """`(D(x) - 1 + s)^2 / 2 + D(G(z))^2 / 2`, with one-sided smoothing s."""
        return 0.5 * (tf.square(real_logits - 1.0 + self.label_smoothing) + tf.square(fake_logits))

    def generator(self, real_logits: tf.Tensor | None, fake_logits: tf.Tensor) -> tf.Tensor:
        """`(D(G(z)) - 1)^2`."""
        return tf.square(fake_logits - 1.0)
