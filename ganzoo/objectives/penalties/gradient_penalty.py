"""The gradient penalty of WGAN-GP."""

from __future__ import annotations

from typing import Annotated, Literal

import tensorflow as tf
from pydantic import Field

from ganzoo.objectives.penalties.penalty import PenaltyContext, each_alone, gradient_of
from ganzoo.registry import register


@register("penalty", "gradient_penalty")
@each_alone
def gradient_penalty(
    context: PenaltyContext,
    *,
    target: Annotated[float, Field(gt=0.0)] = 1.0,
    sides: Literal["both", "above"] = "both",
    epsilon: Annotated[float, Field(gt=0.0, le=1e-3)] = 1e-12,
) -> tf.Tensor:
    """Squared distance of the critic's gradient norm to the target, at mixtures of real and generated examples.

    Args:
      context: the examples are `mix * real + (1 - mix) * fake`, with a mix uniform in [0, 1) per pair.
      target: target norm.
      sides: `both`, or `above` to penalise only norms above the target (the paper's one-sided form).
      epsilon: added to the squared norm, because the square root has no gradient at 0.

    Returns:
      `[N]`: `(||grad D(x_mix)||_2 - target)^2`; the weight is the paper's lambda, 10.

    Source: Gulrajani et al. 2017, arXiv:1704.00028, eq. 3.
    """
    mix = context.uniform([1] * (context.real.shape.rank - 1))
    mixed = mix * context.real + (1.0 - mix) * context.fake
    gradient = gradient_of(context.discriminator, mixed)
    excess = tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=-1) + epsilon) - target
    return tf.square(excess if sides == "both" else tf.nn.relu(excess))
