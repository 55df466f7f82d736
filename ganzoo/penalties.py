"""Penalties on a discriminator: one number an example, added to its loss. Mathematics only.

A penalty is a function `(discriminator, real, fake, mix) -> [N]` registered with `@PENALTIES.register("name")`.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from ganzoo.registry import Registry

Discriminator = Callable[[tf.Tensor], tf.Tensor]
Penalty = Callable[[Discriminator, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]

PENALTIES: Registry[Penalty] = Registry("penalty", "penalties")


@PENALTIES.register("r1")
def r1(discriminator: Discriminator, real: tf.Tensor, fake: tf.Tensor, mix: tf.Tensor) -> tf.Tensor:
    """Half the squared norm of the discriminator's gradient on real examples.

    Args:
      discriminator: maps examples `[N, …]` to logits `[N]`.
      real: examples `[N, …]`.
      fake, mix: not used by this penalty.

    Returns:
      `[N]`: `||grad D(x)||_2^2 / 2`, to be weighted by the paper's gamma.

    Source: Mescheder et al. 2018, arXiv:1801.04406, eq. 9.
    """
    del fake, mix
    with tf.GradientTape() as tape:
        tape.watch(real)
        logits = discriminator(real)
    gradient = tape.gradient(logits, real)
    return 0.5 * tf.reduce_sum(tf.square(gradient), axis=list(range(1, gradient.shape.rank)))
