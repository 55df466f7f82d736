"""The objective that the first GAN was trained with."""

from __future__ import annotations

import tensorflow as tf

from ganzoo.objectives.losses.loss import cross_entropy
from ganzoo.objectives.losses.minimax import Minimax
from ganzoo.registry import register


@register("loss", "non_saturating")
class NonSaturating(Minimax):
    """Minimax's discriminator; the generator maximises `log D(G(z))`: the same fixed point, stronger gradients early.

    Args:
      label_smoothing: see Minimax.

    Source: Goodfellow et al. 2014, arXiv:1406.2661, section 3.
    """

    def generator(self, real_logits: tf.Tensor | None, fake_logits: tf.Tensor) -> tf.Tensor:
        """`-log D(G(z))`."""
        return cross_entropy(fake_logits, 1.0)
