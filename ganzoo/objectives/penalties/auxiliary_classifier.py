"""The loss of an auxiliary classifier."""

from __future__ import annotations

import keras
import tensorflow as tf

from ganzoo.objectives.penalties.penalty import PenaltyContext
from ganzoo.registry import register


@register("penalty", "auxiliary_classifier")
class AuxiliaryClassifier:
    """Cross-entropy of the discriminator's `class_logits`, in both updates: for `model.conditioning: auxiliary`.

    The discriminator learns to name the classes of real and generated examples, and the generator to make examples
    whose class it names.

    Source: Odena et al. 2017, arXiv:1610.09585, section 3, L_C.
    """

    update = ("discriminator", "generator")
    outputs = ("class_logits",)
    compares = False

    def __call__(self, context: PenaltyContext) -> tf.Tensor:
        """Return `-log P(c | G(z))`, in the discriminator's update plus `-log P(c | x)`: `[N]`."""
        (labels,) = context.conditions
        given = [context.fake_outputs]
        if context.update == "discriminator":  # real examples say nothing about a generator
            given.append(context.real_outputs)
        logits = [tf.cast(one["class_logits"], keras.config.floatx()) for one in given]
        return tf.add_n([tf.nn.sparse_softmax_cross_entropy_with_logits(labels, one) for one in logits])
