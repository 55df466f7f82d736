"""The R2 penalty."""

from __future__ import annotations

import tensorflow as tf

from ganzoo.objectives.penalties.penalty import PenaltyContext, each_alone, gradient_of
from ganzoo.registry import register


@register("penalty", "r2")
@each_alone
def r2(context: PenaltyContext) -> tf.Tensor:
    """Half the squared norm of the discriminator's gradient on generated examples.

    Args:
      context: only `fake`, `[N, …]`, and the discriminator are used.

    Returns:
      `[N]`: `||grad D(G(z))||_2^2 / 2`; the weight is the paper's gamma.

    Source: Mescheder et al. 2018, arXiv:1801.04406, section 4.1.
    """
    return 0.5 * tf.reduce_sum(tf.square(gradient_of(context.discriminator, context.fake)), axis=-1)
