"""The R1 penalty."""

from __future__ import annotations

import tensorflow as tf

from ganzoo.objectives.penalties.penalty import PenaltyContext, each_alone, gradient_of
from ganzoo.registry import register


@register("penalty", "r1")
@each_alone
def r1(context: PenaltyContext) -> tf.Tensor:
    """Half the squared norm of the discriminator's gradient on real examples.

    Args:
      context: only `real`, `[N, …]`, and the discriminator are used.

    Returns:
      `[N]`: `||grad D(x)||_2^2 / 2`; the weight is the paper's gamma.

    Source: Mescheder et al. 2018, arXiv:1801.04406, eq. 9.
    """
    return 0.5 * tf.reduce_sum(tf.square(gradient_of(context.discriminator, context.real)), axis=-1)
