"""Toy distributions: endless points with a known density, so that a GAN's result can be measured exactly.

Point i is a function of (seed, split, i) only. `train` and `test` are independent draws.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ganzoo.data import draws, kinds
from ganzoo.data.arrays import check_split
from ganzoo.data.source import Source
from ganzoo.registry import register
from ganzoo.schema import DatasetConfig

if TYPE_CHECKING:
    import tensorflow as tf

SPLITS = ("train", "test")

# `ring`: mode k is at angle 2 pi k / RING_MODES.
RING_MODES = 8
RING_RADIUS = 2.0
RING_SD = 0.05

# `grid`: mode 5 r + c is at (c - 2, r - 2) * GRID_SPACING.
GRID_SIDE = 5
GRID_SPACING = 1.0
GRID_SD = 0.05

# `swiss_roll`: t (cos t, sin t) / SWISS_ROLL_SCALE, t uniform in [1.5 pi, 4.5 pi): scikit-learn's roll in section,
# scaled as in the code of Gulrajani et al. 2017 (arXiv:1704.00028); their noise of 0.25 is added before scaling.
SWISS_ROLL_SCALE = 7.5
SWISS_ROLL_SD = 0.25 / 7.5


def ring_centres() -> tf.Tensor:
    """Return the eight modes of `ring`: float32 `[8, 2]`."""
    import tensorflow as tf

    angles = [2 * math.pi * k / RING_MODES for k in range(RING_MODES)]
    return tf.constant([[RING_RADIUS * math.cos(a), RING_RADIUS * math.sin(a)] for a in angles], tf.float32)


def grid_centres() -> tf.Tensor:
    """Return the 25 modes of `grid`: float32 `[25, 2]`."""
    import tensorflow as tf

    steps = [(k - GRID_SIDE // 2) * GRID_SPACING for k in range(GRID_SIDE)]
    return tf.constant([[x, y] for y in steps for x in steps], tf.float32)


@register("dataset", "ring", kind="points")
def ring(dataset: DatasetConfig, *, seed: int, **_: Any) -> Source:
    """Eight Gaussians (standard deviation 0.05) on a circle of radius 2; the label is the mode."""
    return _mixture(dataset, seed, ring_centres(), RING_SD)


@register("dataset", "grid", kind="points")
def grid(dataset: DatasetConfig, *, seed: int, **_: Any) -> Source:
    """25 Gaussians (standard deviation 0.05) on a 5x5 grid of spacing 1 around the origin; the label is the mode."""
    return _mixture(dataset, seed, grid_centres(), GRID_SD)


@register("dataset", "swiss_roll", kind="points")
def swiss_roll(dataset: DatasetConfig, *, seed: int, **_: Any) -> Source:
    """A spiral in the plane with Gaussian noise, radius 0.6 to 1.9."""
    import tensorflow as tf

    purpose = _purpose(dataset)

    def block(number: tf.Tensor) -> tf.Tensor:
        t = 1.5 * math.pi * (1 + 2 * draws.uniform_block(seed, purpose + "/place", number, 1))
        roll = t * tf.concat([tf.cos(t), tf.sin(t)], axis=1) / SWISS_ROLL_SCALE
        return roll + SWISS_ROLL_SD * draws.normal_block(seed, purpose + "/noise", number, 2)

    def fetch(indices: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"examples": draws.by_block(indices, 2, block)}

    return Source(dataset.name, None, kinds.Points(2), (), fetch)


@register("dataset", "gaussian", kind="points")
def gaussian(dataset: DatasetConfig, *, seed: int, **_: Any) -> Source:
    """Standard normal distribution in `dataset.columns` dimensions."""
    purpose = _purpose(dataset)
    kind = kinds.Points.of(dataset)

    def fetch(indices: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"examples": draws.normal(seed, purpose + "/noise", indices, kind.columns)}

    return Source(dataset.name, None, kind, (), fetch)


def _mixture(dataset: DatasetConfig, seed: int, centres: tf.Tensor, sd: float) -> Source:
    """Return equally likely Gaussians around `centres` (float32 `[modes, 2]`)."""
    import tensorflow as tf

    purpose = _purpose(dataset)
    modes = centres.shape[0]

    def fetch(indices: tf.Tensor) -> dict[str, tf.Tensor]:
        labels = tf.cast(draws.uniform(seed, purpose + "/mode", indices, 1)[:, 0] * modes, tf.int32)
        points = tf.gather(centres, labels) + sd * draws.normal(seed, purpose + "/noise", indices, 2)
        return {"examples": points, "labels": labels}

    return Source(dataset.name, None, kinds.Points(2), tuple(f"mode {k}" for k in range(modes)), fetch)


def _purpose(dataset: DatasetConfig) -> str:
    check_split(dataset.name, dataset.split, SPLITS)
    return f"{dataset.name}/{dataset.split}"
