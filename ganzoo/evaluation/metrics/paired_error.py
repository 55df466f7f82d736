"""Paired error: difference of each image from its true translation, or from itself after a round trip."""

from __future__ import annotations

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.evaluation.metrics.metric import Comparison, Value, mean, metric

EXAMPLES_A_PART = 500


@metric(paired_error="lower")
def paired_error(comparison: Comparison) -> dict[str, Value]:
    """Return the mean absolute difference of image pairs in [0, 1].

    With true translations it is the paired error; between images and their round trips, the cycle error. The extractor
    is not used.

    Raises:
      UsageError: the examples are points, or the numbers of generated and real images differ.
    """
    real, fake = comparison.real.examples, comparison.fake.examples
    if len(real.shape) != 3 or real.count != fake.count:
        raise UsageError(
            f"metrics: paired_error: expected {real.count:,} images of {fake.name}, one per image of {real.name} in "
            f"order, got {fake.count:,} (leave it out)"
        )
    pairs = zip(real.parts(EXAMPLES_A_PART), fake.parts(EXAMPLES_A_PART), strict=True)
    errors = np.concatenate([mean_absolute_error(truth, made) for truth, made in pairs])
    return {"paired_error": mean(errors)}


def mean_absolute_error(truth: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Return the error of each pair of images uint8 `[n, H, W, C]`: float64 `[n]` in [0, 1]."""
    difference = truth.astype(np.int16) - made
    return np.abs(difference).mean(axis=(1, 2, 3)) / 255.0
