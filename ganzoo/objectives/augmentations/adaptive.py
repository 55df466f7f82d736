"""Adaptive discriminator augmentation."""

from __future__ import annotations

from typing import Annotated, ClassVar

import tensorflow as tf
from pydantic import Field

from ganzoo.core.replicas import global_mean
from ganzoo.objectives.augmentations.augmentation import Draws
from ganzoo.objectives.augmentations.diffaugment import POLICIES, Policy
from ganzoo.registry import register

CHOICE = 10  # index of the first draw that is not DiffAugment's


@register("augmentation", "adaptive", kinds=("image",))
class Adaptive:
    """Adaptive augmentation (ADA): DiffAugment's transforms, each with a probability that follows the overfitting.

    The probability p starts at 0. In each update of the discriminator it rises if the mean sign of the logits of real
    examples, over the global batch, is above the target, and falls otherwise (in the paper after every fourth batch).

    Args:
      policy: transforms of DiffAugment, in this order.
      target: mean sign of the logits that is asked for, in (-1, 1).
      images: number of real images in which p can rise from 0 to 1.

    Source: Karras et al. 2020, arXiv:2006.06676, section 3.1 (r_t = E[sign(D_train)]); its transforms are others.
    """

    over_batch = True
    state: ClassVar = {"probability": 0.0}

    def __init__(
        self,
        *,
        policy: Policy = ["color", "translation", "cutout"],  # noqa: B006 (read, never changed)
        target: Annotated[float, Field(gt=-1.0, lt=1.0)] = 0.6,
        images: Annotated[int, Field(ge=1)] = 500_000,
    ) -> None:
        self.policy = tuple(policy)
        self.target = target
        self.images = images

    def __call__(self, examples: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Transform images `[N, H, W, C]` in [-1, 1], each by each transform with probability p."""
        probability = draws.state["probability"].value
        for number, name in enumerate(self.policy):
            chosen = draws.uniform(CHOICE + number, (1, 1, 1)) < probability
            examples = tf.where(chosen, POLICIES[name](examples, draws), examples)
        return examples

    def observe(self, real_logits: tf.Tensor, draws: Draws) -> None:
        """Move p by `rows / images` towards the target, within [0, 1]."""
        probability = draws.state["probability"]
        signs = global_mean(tf.sign(tf.cast(real_logits, probability.dtype)))
        change = tf.sign(signs - self.target) * tf.cast(draws.place.total, signs.dtype) / self.images
        probability.assign(tf.clip_by_value(probability.value + change, 0.0, 1.0))
