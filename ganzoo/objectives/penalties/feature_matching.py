"""Feature matching."""

from __future__ import annotations

import keras
import tensorflow as tf

from ganzoo.core.replicas import global_mean
from ganzoo.objectives.penalties.penalty import PenaltyContext
from ganzoo.registry import register


@register("penalty", "feature_matching")
class FeatureMatching:
    """Squared distance between the mean features of real and of generated examples, in the generator's loss.

    The features are the discriminator's output `features` (`discriminator.features: true`); the means are over the
    global batch. The paper has it in place of the generator's adversarial loss, here it is added to it.

    Source: Salimans et al. 2016, arXiv:1606.03498, section 3.1.
    """

    update = "generator"
    outputs = ("features",)
    over_batch = True

    def __call__(self, context: PenaltyContext) -> tf.Tensor:
        """Return the scalar `||mean f(x) - mean f(G(z))||_2^2`, a sum over the features."""
        real, fake = (
            global_mean(tf.cast(outputs["features"], keras.config.floatx()), axis=0)
            for outputs in (context.real_outputs, context.fake_outputs)
        )
        return tf.reduce_sum(tf.square(real - fake))
