"""For translation where the truth is known, and for the way there and back: how far each image is from its own."""

from __future__ import annotations

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.evaluation.metrics.metric import Comparison, Value, metric

EXAMPLES_A_PART = 500


@metric(paired_error="lower")
def paired_error(comparison: Comparison) -> dict[str, Value]:
    """Mean absolute difference between generated image i and real image i, in [0, 1], and its deviation over the pairs.

    Against the true translations it is the paired error; of images that went there and back, against the images
    themselves, the cycle error. The extractor has no part in it.

    Raises:
      UsageError: points, or as many generated images as real ones there are not.
    """
    real, fake = comparison.real.examples, comparison.fake.examples
    if len(real.shape) != 3 or real.count != fake.count:
        raise UsageError(
            f"metrics: paired_error needs an image of {fake.name} for each of {real.name}, in one order: "
            f"{fake.count:,} for {real.count:,} given (leave it out)"
        )
    pairs = zip(real.parts(EXAMPLES_A_PART), fake.parts(EXAMPLES_A_PART), strict=True)
    errors = np.concatenate([mean_absolute_error(truth, made) for truth, made in pairs])
    return {"paired_error": Value(float(errors.mean()), float(errors.std()))}


def mean_absolute_error(truth: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Of each pair of images uint8 `[n, H, W, C]`: float64 `[n]` in [0, 1]."""
    difference = truth.astype(np.int16) - made
    return np.abs(difference).mean(axis=(1, 2, 3)) / 255.0
