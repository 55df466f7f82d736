"""Weight clipping."""

from __future__ import annotations

from typing import Annotated

import tensorflow as tf
from pydantic import Field

from ganzoo.registry import register


@register("constraint", "weight_clipping")
def weight_clipping(weight: tf.Tensor, *, limit: Annotated[float, Field(gt=0.0)] = 0.01) -> tf.Tensor:
    """Clip each entry of a critic's weight, to bound its Lipschitz constant.

    Args:
      weight: any shape.
      limit: largest absolute value.

    Returns:
      The weight, in [-limit, limit].

    Source: Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1.
    """
    return tf.clip_by_value(weight, -limit, limit)
