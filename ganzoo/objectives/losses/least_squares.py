"""Least squares."""

from __future__ import annotations

import tensorflow as tf

from ganzoo.errors import ConfigError
from ganzoo.objectives.losses.loss import Flipping, LabelledLoss
from ganzoo.objectives.losses.minimax import Smoothing
from ganzoo.registry import register


@register("loss", "least_squares")
class LeastSquares(LabelledLoss):
    """Squared distances to targets, with gradients for samples far from the boundary too.

    With a = -1, b = 1, c = 0 (b - c = 1 and b - a = 2) and a perfect discriminator, the generator minimises the Pearson
    chi-squared divergence.

    Args:
      a: the discriminator's target for generated examples.
      b: its target for real ones, above a.
      c: the generator's target for generated examples.
      label_smoothing: one-sided: the real target is `b - label_smoothing (b - a)`.
      label_flipping: share of the discriminator's labels that are swapped, in expectation; see LabelledLoss.

    Raises:
      ConfigError: if b is not above a.

    Sources: Mao et al. 2017, arXiv:1611.04076, eq. 2, 8 (Pearson) and 9 (a = 0, b = c = 1, the default); the
    discriminator's loss is halved and the generator's is not, as in CycleGAN: Zhu et al. 2017, arXiv:1703.10593,
    section 4.
    """

    def __init__(
        self,
        *,
        a: float = 0.0,
        b: float = 1.0,
        c: float = 1.0,
        label_smoothing: Smoothing = 0.0,
        label_flipping: Flipping = 0.0,
    ) -> None:
        if a >= b:
            raise ConfigError(f"loss.b: expected a number above loss.a = {a:g}, got {b:g}")
        self.a, self.b, self.c = a, b, c
        self.label_smoothing = label_smoothing
        self.label_flipping = label_flipping
        self.threshold = 0.5 * (a + b)
        self.equilibrium = 0.5 * (1.0 - label_smoothing)

    def verdict(self, logits: tf.Tensor) -> tf.Tensor:
        """`(logit - a) / (b - a)`: 0 at the target for generated examples, 1 at that for real ones."""
        return (logits - self.a) / (self.b - self.a)

    def as_real(self, logits: tf.Tensor) -> tf.Tensor:
        """`(D(x) - b + s (b - a))^2 / 2`, with one-sided smoothing s."""
        return 0.5 * tf.square(logits - self.b + self.label_smoothing * (self.b - self.a))

    def as_fake(self, logits: tf.Tensor) -> tf.Tensor:
        """`(D(x) - a)^2 / 2`."""
        return 0.5 * tf.square(logits - self.a)

    def generator(self, real_logits: tf.Tensor | None, fake_logits: tf.Tensor) -> tf.Tensor:
        """`(D(G(z)) - c)^2`."""
        return tf.square(fake_logits - self.c)
