"""Adversarial losses: logits in, one number an example out. Mathematics only.

A loss is a class with `discriminator(real_logits, fake_logits, label_smoothing)` and `generator(fake_logits)`, each
giving `[N]`, to be *minimised*; averaging over the global batch is the model's business. Register one with
`@LOSSES.register("name")`: nothing else is to be edited.
"""

from __future__ import annotations

from typing import Protocol

import tensorflow as tf

from ganzoo.registry import Registry


class AdversarialLoss(Protocol):
    """What every loss offers; results have the logits' own shape (`[N]`, or one for each patch) and dtype.

    `threshold` is the logit above which the discriminator means real.
    """

    threshold: float

    def discriminator(self, real_logits: tf.Tensor, fake_logits: tf.Tensor, label_smoothing: float) -> tf.Tensor: ...

    def generator(self, fake_logits: tf.Tensor) -> tf.Tensor: ...


LOSSES: Registry[type[AdversarialLoss]] = Registry("loss", "loss.name")


def cross_entropy(logits: tf.Tensor, target: float) -> tf.Tensor:
    """Binary cross-entropy of sigmoid(logits) against one target in [0, 1], stable for any logit.

    `-t log s(x) - (1 - t) log(1 - s(x)) = softplus(x) - t x`, elementwise.
    """
    return tf.nn.softplus(logits) - target * logits


def accuracy(loss: AdversarialLoss, real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """The share of right verdicts, as many on real as on generated examples; a scalar in [0, 1]."""
    right = tf.stack(
        [
            tf.reduce_mean(tf.cast(verdict, real_logits.dtype))
            for verdict in (real_logits > loss.threshold, fake_logits < loss.threshold)
        ]
    )
    return tf.reduce_mean(right)


@LOSSES.register("minimax")
class Minimax:
    """The 2014 objective: the generator minimises `log(1 - D(G(z)))`, which saturates while the discriminator wins.

    Source: Goodfellow et al. 2014, arXiv:1406.2661, eq. 1.
    """

    threshold = 0.0

    def discriminator(self, real_logits: tf.Tensor, fake_logits: tf.Tensor, label_smoothing: float) -> tf.Tensor:
        """`-log D(x) - log(1 - D(G(z)))`; one-sided smoothing s makes the real target `1 - s` (arXiv:1606.03498)."""
        return cross_entropy(real_logits, 1.0 - label_smoothing) + cross_entropy(fake_logits, 0.0)

    def generator(self, fake_logits: tf.Tensor) -> tf.Tensor:
        """`log(1 - D(G(z))) = -softplus(logit)`."""
        return -tf.nn.softplus(fake_logits)


@LOSSES.register("non_saturating")
class NonSaturating(Minimax):
    """Minimax's discriminator; the generator maximises `log D(G(z))`: the same fixed point, stronger gradients early
    on.

    Source: Goodfellow et al. 2014, arXiv:1406.2661, section 3.
    """

    def generator(self, fake_logits: tf.Tensor) -> tf.Tensor:
        """`-log D(G(z))`."""
        return cross_entropy(fake_logits, 1.0)


@LOSSES.register("least_squares")
class LeastSquares:
    """Squared distances to the targets 1 (real) and 0 (fake), which pull at samples that are far from the boundary too.

    Sources: Mao et al. 2017, arXiv:1611.04076, eq. 9 (a = 0, b = c = 1); the discriminator's half of it and the
    generator's without, as CycleGAN has them: Zhu et al. 2017, arXiv:1703.10593, section 4.
    """

    threshold = 0.5

    def discriminator(self, real_logits: tf.Tensor, fake_logits: tf.Tensor, label_smoothing: float) -> tf.Tensor:
        """`(D(x) - 1 + s)^2 / 2 + D(G(z))^2 / 2`, with one-sided smoothing s."""
        return 0.5 * (tf.square(real_logits - 1.0 + label_smoothing) + tf.square(fake_logits))

    def generator(self, fake_logits: tf.Tensor) -> tf.Tensor:
        """`(D(G(z)) - 1)^2`."""
        return tf.square(fake_logits - 1.0)
