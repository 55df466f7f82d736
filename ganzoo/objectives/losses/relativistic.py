"""Relativistic pairing loss."""

from __future__ import annotations

import tensorflow as tf

from ganzoo.objectives.losses.loss import AdversarialLoss
from ganzoo.registry import register


@register("loss", "relativistic")
class Relativistic(AdversarialLoss):
    """Loss on the difference between each generated example's logit and that of the real example paired with it.

    Sources: Jolicoeur-Martineau 2018, arXiv:1807.00734, eq. 5 and 6; with R1 and R2 as in Huang et al. 2024,
    arXiv:2501.05441, eq. 2.
    """

    compares = True
    threshold = None

    def discriminator(self, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
        """`-log s(D(x) - D(G(z))) = softplus(D(G(z)) - D(x))`."""
        return tf.nn.softplus(fake_logits - real_logits)

    def generator(self, real_logits: tf.Tensor | None, fake_logits: tf.Tensor) -> tf.Tensor:
        """`-log s(D(G(z)) - D(x)) = softplus(D(x) - D(G(z)))`."""
        return tf.nn.softplus(real_logits - fake_logits)
