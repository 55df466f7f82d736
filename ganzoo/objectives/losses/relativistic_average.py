"""Relativistic average loss."""

from __future__ import annotations

import tensorflow as tf

from ganzoo.core.replicas import global_mean
from ganzoo.objectives.losses.loss import AdversarialLoss
from ganzoo.registry import register


@register("loss", "relativistic_average")
class RelativisticAverage(AdversarialLoss):
    """Loss on the difference between each example's logit and the mean logit of the other kind (RaGAN).

    The means are over the global batch and, for patches, over all of them.

    Source: Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.2 (RaSGAN).
    """

    compares = True
    over_batch = True
    threshold = None

    def discriminator(self, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
        """`-log s(D(x) - mean D(G(z))) - log(1 - s(D(G(z)) - mean D(x)))`."""
        above, below = real_logits - global_mean(fake_logits), fake_logits - global_mean(real_logits)
        return tf.nn.softplus(-above) + tf.nn.softplus(below)

    def generator(self, real_logits: tf.Tensor | None, fake_logits: tf.Tensor) -> tf.Tensor:
        """The discriminator's with real and generated examples exchanged."""
        return self.discriminator(fake_logits, real_logits)
