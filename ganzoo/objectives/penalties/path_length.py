"""Path length regularisation."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar

import keras
import tensorflow as tf
from pydantic import Field

from ganzoo.core import randomness
from ganzoo.core.replicas import global_mean
from ganzoo.objectives.penalties.penalty import PenaltyContext
from ganzoo.registry import register

EPSILON = 1e-12  # the root has no gradient at 0


@register("penalty", "path_length")
class PathLength:
    """Squared distance of the length of `J^T y` to its moving average, in the generator's loss.

    J is the Jacobian of the image by the styles, at new latents; y is Gaussian noise over the image, divided by the
    square root of its pixels. The average is over the global batches of earlier updates in which the penalty was due,
    0 before the first.

    Args:
      decay: decay of the average in each of these updates.

    Source: Karras et al. 2020, arXiv:1912.04958, eq. 4. The authors' code, with `weight: 2` and `every: 4` or 8, has
    styles for each layer and averages the squares of their lengths, and subtracts the average after its update.
    """

    update = "generator"
    over_batch = True
    compares = False
    styles = True
    state: ClassVar = {"average": 0.0}

    def __init__(self, *, decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.99) -> None:
        self.decay = decay

    def __call__(self, context: PenaltyContext) -> tf.Tensor:
        """Return `(||J^T y||_2 - average)^2`, `[N]`, and update the average."""
        rows = randomness.rows_of(context.fake)
        nothing = tf.zeros([rows], keras.config.floatx())
        lengths = tf.cond(context.due, lambda: path_lengths(context), lambda: nothing)
        average = context.state["average"].value
        value = tf.square(lengths - average)
        moved = average + (1.0 - self.decay) * (global_mean(lengths) - average)
        context.state["average"].assign(tf.where(context.due, moved, average))
        return value


def path_lengths(context: PenaltyContext) -> tf.Tensor:
    """Return `||J^T y||_2`, `[N]`."""
    styles = context.styles()
    with tf.GradientTape() as tape:
        tape.watch(styles)
        images = tf.cast(context.synthesis(styles), keras.config.floatx())
        noise = context.draws().normal(0, images.shape[1:]) / math.sqrt(math.prod(images.shape[1:-1]))
        product = tf.reduce_sum(images * noise)
    gradient = tape.gradient(product, styles)
    return tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=-1) + EPSILON)
