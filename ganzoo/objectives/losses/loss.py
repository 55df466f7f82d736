"""What an adversarial loss offers: logits in, one number for each of them out. Mathematics only.

A loss is a class that is registered with `@register("loss", "name")`. Its options are the parameters of its `__init__`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import tensorflow as tf


class AdversarialLoss(ABC):
    """A pair of losses, both to be *minimised*; averaging over the global batch is the model's business.

    Logits are `[N]`, or one for each patch `[N, h, w]`, of any float type; results have the shape and type of the
    logits.

    Attributes:
      compares: whether the generator's loss looks at the logits of real examples; only then are they computed for it.
      threshold: the logit above which the discriminator means real; None where only differences mean something.
    """

    compares: bool = False
    threshold: float | None = 0.0

    @abstractmethod
    def discriminator(self, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
        """The discriminator's loss for real and generated examples."""

    @abstractmethod
    def generator(self, real_logits: tf.Tensor | None, fake_logits: tf.Tensor) -> tf.Tensor:
        """The generator's loss; `real_logits` is None unless the loss `compares`."""


def cross_entropy(logits: tf.Tensor, target: float) -> tf.Tensor:
    """Binary cross-entropy of sigmoid(logits) against one target in [0, 1], stable for any logit.

    `-t log s(x) - (1 - t) log(1 - s(x)) = softplus(x) - t x`, elementwise.
    """
    return tf.nn.softplus(logits) - target * logits


def accuracy(loss: object, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """The share of right verdicts; a scalar in [0, 1].

    A loss with a `threshold` is right about an example whose logit is on its side; as many real ones count as
    generated ones. One without is right about a pair whose real example has the larger logit.
    """
    threshold = getattr(loss, "threshold", 0.0)
    if threshold is None:
        return tf.reduce_mean(tf.cast(real_logits > fake_logits, real_logits.dtype))
    verdicts = (real_logits > threshold, fake_logits < threshold)
    return tf.reduce_mean(tf.stack([tf.reduce_mean(tf.cast(right, real_logits.dtype)) for right in verdicts]))
