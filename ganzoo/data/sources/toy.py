"""Toy distributions: endless points with a known density, so that a GAN's result can be measured exactly.

Point i is a function of (seed, split, i) only. `train` and `test` are independent draws.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from ganzoo.data import draws, kinds
from ganzoo.data.arrays import check_split
from ganzoo.data.source import Mixture, Source
from ganzoo.registry import register
from ganzoo.schema import DatasetConfig

if TYPE_CHECKING:
    import tensorflow as tf

SPLITS = ("train", "test")

RING_MODES = 8
GRID_SIDE = 5

# `swiss_roll`: t (cos t, sin t) / SWISS_ROLL_SCALE, t uniform in [1.5 pi, 4.5 pi): scikit-learn's roll in section,
# scaled as in the code of Gulrajani et al. 2017 (arXiv:1704.00028); their noise of 0.25 is added before scaling.
SWISS_ROLL_SCALE = 7.5
SWISS_ROLL_SD = 0.25 / 7.5

Length = Annotated[float, Field(gt=0.0, le=1e6)]


@register("dataset", "ring", kind="points")
def ring(dataset: DatasetConfig, *, seed: int, radius: Length = 2.0, deviation: Length = 0.05, **_: Any) -> Source:
    """Eight Gaussians on a circle around the origin; the label is the mode, k at the angle 2 pi k / 8.

    Args:
      dataset, seed: see OpenFunction.
      radius: radius of the circle.
      deviation: standard deviation of each Gaussian. PacGAN's ring (Lin et al. 2018, arXiv:1712.04086, section 4.1)
        has 0.01 and a radius of 1.
    """
    angles = 2.0 * math.pi * np.arange(RING_MODES) / RING_MODES
    return _mixture(dataset, seed, Mixture(radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), deviation))


@register("dataset", "grid", kind="points")
def grid(dataset: DatasetConfig, *, seed: int, spacing: Length = 1.0, deviation: Length = 0.05, **_: Any) -> Source:
    """25 Gaussians on a 5x5 grid around the origin; the label is the mode, 5 r + c at (c - 2, r - 2) times the spacing.

    Args:
      dataset, seed: see OpenFunction.
      spacing: distance of neighbouring modes. PacGAN's grid (Lin et al. 2018, section 4.1) has 2.
      deviation: standard deviation of each Gaussian.
    """
    steps = np.arange(GRID_SIDE) - GRID_SIDE // 2
    centres = np.stack([np.tile(steps, GRID_SIDE), np.repeat(steps, GRID_SIDE)], axis=1)
    return _mixture(dataset, seed, Mixture(spacing * centres, deviation))


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


def _mixture(dataset: DatasetConfig, seed: int, mixture: Mixture) -> Source:
    """Return the points of a mixture in the plane."""
    import tensorflow as tf

    purpose = _purpose(dataset)
    modes = len(mixture.centres)

    centres = tf.constant(mixture.centres, tf.float32)

    def fetch(indices: tf.Tensor) -> dict[str, tf.Tensor]:
        labels = tf.cast(draws.uniform(seed, purpose + "/mode", indices, 1)[:, 0] * modes, tf.int32)
        points = tf.gather(centres, labels) + mixture.deviation * draws.normal(seed, purpose + "/noise", indices, 2)
        return {"examples": points, "labels": labels}

    return Source(dataset.name, None, kinds.Points(2), tuple(f"mode {k}" for k in range(modes)), fetch, mixture=mixture)


def _purpose(dataset: DatasetConfig) -> str:
    check_split(dataset.name, dataset.split, SPLITS)
    return f"{dataset.name}/{dataset.split}"
