"""Instance noise."""

from __future__ import annotations

from typing import Annotated

import tensorflow as tf
from pydantic import Field

from ganzoo.objectives.augmentations.augmentation import Draws
from ganzoo.registry import register


@register("augmentation", "instance_noise")
def instance_noise(
    examples: tf.Tensor,
    draws: Draws,
    *,
    sigma: Annotated[float, Field(gt=0.0)] = 0.1,
    steps: Annotated[int, Field(ge=1)] | None = None,
) -> tf.Tensor:
    """Add Gaussian noise, so that the distributions of real and generated examples overlap.

    Args:
      examples: `[N, …]`.
      draws: random numbers, and the step.
      sigma: standard deviation at step 0, in the networks' units: images are in [-1, 1].
      steps: step at which the deviation, which decreases linearly, is 0; None to keep sigma.

    Returns:
      `x + sigma max(0, 1 - step / steps) noise`, noise ~ N(0, 1).

    Sources: Arjovsky & Bottou 2017, arXiv:1701.04862, section 3; annealing, Sønderby et al. 2017, arXiv:1610.04490,
    section 3.1.
    """
    noise = draws.normal(0, examples.shape[1:])
    left = 1.0 if steps is None else tf.nn.relu(1.0 - tf.cast(draws.step, noise.dtype) / steps)
    return examples + sigma * left * noise
