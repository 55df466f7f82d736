"""The Wasserstein loss."""

from __future__ import annotations

import tensorflow as tf

from ganzoo.objectives.losses.loss import AdversarialLoss
from ganzoo.registry import register


@register("loss", "wasserstein")
class Wasserstein(AdversarialLoss):
    """Difference of critic values; for a 1-Lipschitz critic the negative loss bounds the earth mover's distance.

    The Lipschitz bound comes from `gradient_penalty` or `weight_clipping`, not from this loss.

    Source: Arjovsky et al. 2017, arXiv:1701.07875, eq. 2 and algorithm 1.
    """

    threshold = None

    def discriminator(self, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
        """`D(G(z)) - D(x)`."""
        return fake_logits - real_logits

    def generator(self, real_logits: tf.Tensor | None, fake_logits: tf.Tensor) -> tf.Tensor:
        """`-D(G(z))`."""
        return -fake_logits
