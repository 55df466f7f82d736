"""DiffAugment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import tensorflow as tf
from pydantic import Field

from ganzoo.errors import UsageError
from ganzoo.objectives.augmentations.augmentation import Draws
from ganzoo.registry import register

TRANSLATION = 1 / 8  # fraction of the side
CUTOUT = 1 / 2
Policy = Annotated[list[Literal["color", "translation", "cutout"]], Field(min_length=1)]


@register("augmentation", "diffaugment", kinds=("image",))
class DiffAugment:
    """Random colour, translation and cutout of images.

    Args:
      policy: the transforms, in this order.

    Source: Zhao et al. 2020, arXiv:2006.10738, section 3 and appendix (brightness plus U(-0.5, 0.5), saturation times
    U(0, 2), contrast times U(0.5, 1.5); translation by up to an eighth of the side, filled with zeros; a zero square of
    half the side).
    """

    def __init__(
        self,
        *,
        policy: Policy = ["color", "translation", "cutout"],  # noqa: B006 (read, never changed)
    ) -> None:
        self.policy = tuple(policy)

    def __call__(self, examples: tf.Tensor, draws: Draws) -> tf.Tensor:
        """Transform images `[N, H, W, C]` in [-1, 1] to the same shape; as in the paper, values may leave the range."""
        if examples.shape.rank != 4:
            raise UsageError(f"diffaugment: expected images [N, H, W, C], got {examples.shape} (use instance_noise)")
        for name in self.policy:
            examples = POLICIES[name](examples, draws)
        return examples


def color(images: tf.Tensor, draws: Draws) -> tf.Tensor:
    """Change brightness, saturation and contrast."""
    images += draws.uniform(0, (1, 1, 1), -0.5, 0.5)
    grey = tf.reduce_mean(images, axis=-1, keepdims=True)
    images = (images - grey) * draws.uniform(1, (1, 1, 1), 0.0, 2.0) + grey
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return (images - mean) * draws.uniform(2, (1, 1, 1), 0.5, 1.5) + mean


def translation(images: tf.Tensor, draws: Draws) -> tf.Tensor:
    """Shift by whole pixels, up to an eighth of the side in either direction, and fill with zeros."""
    shifted = images
    for number, axis in ((3, 1), (4, 2)):
        side = tf.shape(images)[axis]
        most = tf.cast(tf.cast(side, tf.float32) * TRANSLATION + 0.5, tf.int32)
        shift = _whole(draws.uniform(number), -most, most + 1)
        at = tf.range(side)[tf.newaxis] - shift[:, tf.newaxis]
        inside = tf.logical_and(at >= 0, at < side)
        moved = tf.gather(shifted, tf.clip_by_value(at, 0, side - 1), axis=axis, batch_dims=1)
        shifted = moved * _along(inside, axis, images.dtype)
    return shifted


def cutout(images: tf.Tensor, draws: Draws) -> tf.Tensor:
    """Set a square of half the side to zero; its centre is uniform in the image."""
    masks = []
    for number, axis in ((5, 1), (6, 2)):
        side = tf.shape(images)[axis]
        size = tf.cast(tf.cast(side, tf.float32) * CUTOUT + 0.5, tf.int32)
        centre = _whole(draws.uniform(number), 0, side + (1 - size % 2))
        first = centre - size // 2
        at = tf.range(side)[tf.newaxis]
        covered = tf.logical_and(at >= first[:, tf.newaxis], at < (first + size)[:, tf.newaxis])
        masks.append(_along(covered, axis, images.dtype))
    return images * (1.0 - masks[0] * masks[1])


def _whole(unit: tf.Tensor, low: tf.Tensor | int, high: tf.Tensor | int) -> tf.Tensor:
    """Map uniform numbers in [0, 1) to integers in [low, high)."""
    return low + tf.cast(tf.floor(unit * tf.cast(high - low, unit.dtype)), tf.int32)


def _along(mask: tf.Tensor, axis: int, dtype: tf.DType) -> tf.Tensor:
    """Reshape `[N, side]` to a factor for one axis of `[N, H, W, C]`."""
    shape: Sequence[int] = [-1, 1, 1, 1][:axis] + [tf.shape(mask)[1]] + [1] * (3 - axis)
    return tf.cast(tf.reshape(mask, [tf.shape(mask)[0], *shape[1:]]), dtype)


POLICIES = {"color": color, "translation": translation, "cutout": cutout}
