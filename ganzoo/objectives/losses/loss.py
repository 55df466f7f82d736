"""Interface of adversarial losses, pure functions from logits to one loss per logit.

A loss is a class registered with `@register("loss", "name")`. Its options are the parameters of its `__init__`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

import tensorflow as tf
from pydantic import Field

Flipping = Annotated[float, Field(ge=0.0, le=0.5)]


class AdversarialLoss(ABC):
    """A pair of losses, both to be *minimised*; the model averages them over the global batch.

    Logits are `[N]`, `[N, h, w]` or `[N, h, w, k]` (one or k per patch), of any float dtype; results have their shape
    and dtype. Those of the loss `heads` have a last axis for its losses, which it sums over.

    Attributes:
      compares: whether the generator's loss uses the logits of real examples, which are computed only then.
      over_batch: whether an example's loss depends on the others of the global batch (`core.replicas.global_mean`),
        which gradient accumulation would split.
      threshold: the logit above which the discriminator decides for real; None if only differences have meaning.
      equilibrium: the constant `verdict` that is best when generated and real examples have the same distribution;
        None if more than one is.
    """

    compares: bool = False
    over_batch: bool = False
    threshold: float | None = 0.0
    equilibrium: float | None = None

    def verdict(self, logits: tf.Tensor) -> tf.Tensor:
        """Return D(x) as the loss's paper writes it, such as a probability; by default the logits themselves."""
        return logits

    @abstractmethod
    def discriminator(self, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
        """Return the discriminator's loss for real and generated examples."""

    @abstractmethod
    def generator(self, real_logits: tf.Tensor | None, fake_logits: tf.Tensor) -> tf.Tensor:
        """Return the generator's loss; `real_logits` is None unless `compares` is true."""


class LabelledLoss(AdversarialLoss):
    """A loss whose discriminator tells two labels apart, a share of which may be swapped (label flipping).

    Attributes:
      label_flipping: probability p of swapping a label. The loss is the expectation over the swaps,
        `(1 - p) (L_real(D(x)) + L_fake(D(G(z)))) + p (L_fake(D(x)) + L_real(D(G(z))))`: exact, and without random
        numbers.
    """

    label_flipping: float = 0.0

    @abstractmethod
    def as_real(self, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of logits whose label is real."""

    @abstractmethod
    def as_fake(self, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of logits whose label is generated."""

    def discriminator(self, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
        """`L_real(D(x)) + L_fake(D(G(z)))`, and in expectation over `label_flipping`."""
        loss = self.as_real(real_logits) + self.as_fake(fake_logits)
        if not self.label_flipping:
            return loss
        swapped = self.as_fake(real_logits) + self.as_real(fake_logits)
        return (1.0 - self.label_flipping) * loss + self.label_flipping * swapped


def cross_entropy(logits: tf.Tensor, target: float) -> tf.Tensor:
    """Return the binary cross-entropy of sigmoid(logits) for a target in [0, 1], stable for any logit.

    `-t log s(x) - (1 - t) log(1 - s(x)) = softplus(x) - t x`, elementwise.
    """
    return tf.nn.softplus(logits) - target * logits


def accuracy(loss: object, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """Return the share of correct decisions, a scalar in [0, 1].

    With a `threshold`, a decision is correct if the logit is on the correct side; real and generated examples have
    equal weight. Without one, a pair is correct if the real example has the larger logit.
    """
    threshold = getattr(loss, "threshold", 0.0)
    if threshold is None:
        return tf.reduce_mean(tf.cast(real_logits > fake_logits, real_logits.dtype))
    verdicts = (real_logits > threshold, fake_logits < threshold)
    return tf.reduce_mean(tf.stack([tf.reduce_mean(tf.cast(right, real_logits.dtype)) for right in verdicts]))
