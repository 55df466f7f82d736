"""Shapes of learning-rate schedules, as pure functions of progress.

A shape maps progress in [0, 1] to the remaining share of the learning rate, 1 at 0 and 0 at 1. Register one with
`@SHAPES.register("name")`; no other edit is needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

from ganzoo.registry import Registry

Shape = Callable[[tf.Tensor], tf.Tensor]

SHAPES: Registry[Shape] = Registry("schedule", "schedule.name")


def factor(shape: str, step: tf.Tensor, start: int, end: int, final: float) -> tf.Tensor:
    """Return the factor of a learning rate at a step: 1 up to `start`, `final` from `end` on, the shape in between.

    Args:
      shape: name of a registered shape.
      step: float scalar.
      start, end: steps, `end` after `start`.
      final: in [0, 1].

    Raises:
      ConfigError: if there is no such shape.
    """
    progress = tf.clip_by_value((step - start) / (end - start), 0.0, 1.0)
    return final + (1.0 - final) * SHAPES.get(shape)(progress)


@SHAPES.register("constant")
def constant(progress: tf.Tensor) -> tf.Tensor:
    """Always 1, whatever `final` is; turns off a config's schedule."""
    return tf.ones_like(progress)


@SHAPES.register("linear")
def linear(progress: tf.Tensor) -> tf.Tensor:
    """`1 - p`. Source: Zhu et al. 2017, arXiv:1703.10593, section 4 (constant, then linear to zero)."""
    return 1.0 - progress


@SHAPES.register("cosine")
def cosine(progress: tf.Tensor) -> tf.Tensor:
    """`(1 + cos(pi p)) / 2`. Source: Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5."""
    return 0.5 * (1.0 + tf.cos(math.pi * progress))
