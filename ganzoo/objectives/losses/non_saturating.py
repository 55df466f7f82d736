"""The non-saturating loss, used to train the original GAN."""

from __future__ import annotations

import tensorflow as tf

from ganzoo.objectives.losses.loss import cross_entropy
from ganzoo.objectives.losses.minimax import Minimax
from ganzoo.registry import register


@register("loss", "non_saturating")
class NonSaturating(Minimax):
    """Minimax discriminator loss; the generator maximises `log D(G(z))`: same fixed point, stronger early gradients.

    Args:
      label_smoothing: see Minimax.

    Source: Goodfellow et al. 2014, arXiv:1406.2661, section 3.
    """

    def generator(self, real_logits: tf.Tensor | None, fake_logits: tf.Tensor) -> tf.Tensor:
        """`-log D(G(z))`."""
        return cross_entropy(fake_logits, 1.0)
