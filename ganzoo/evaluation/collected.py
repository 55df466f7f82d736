"""Statistics of a set of examples, and its features if a metric needs them."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.evaluation.examples import Examples
from ganzoo.evaluation.extractors.extractor import Extractor
from ganzoo.evaluation.moments import Moments

EXAMPLES_A_PART = 1000  # bounds the memory
IN_MEMORY_BYTES = 128 * 2**20  # larger arrays go to a temporary file


@dataclass
class Collected:
    """Statistics of a set of examples, for metrics.

    Attributes:
      examples: the examples.
      moments: mean and covariance of the features.
      features: float32 `[count, dimensions]`, if kept; a memory map of a temporary file if large.
      probabilities: class probabilities, float32 `[count, classes]`; None if the extractor does not classify.
    """

    examples: Examples
    moments: Moments
    features: np.ndarray | None
    probabilities: np.ndarray | None

    @property
    def count(self) -> int:
        return self.examples.count

    @property
    def classes(self) -> np.ndarray | None:
        """Return the most likely class of each example, int `[count]`; None if the extractor does not classify."""
        return None if self.probabilities is None else np.argmax(self.probabilities, axis=1)

    @property
    def labels(self) -> np.ndarray:
        """Return the label of each example, int `[count]`; 0 if there are none."""
        return np.zeros(self.count, np.int32) if self.examples.labels is None else self.examples.labels

    def evenly(self, count: int) -> Collected:
        """Return `count` examples at even distances, which keeps the shares of sorted classes."""
        return self.picked(np.arange(count) * self.count // count)

    def picked(self, numbers: np.ndarray) -> Collected:
        """Return the statistics of the examples with these ascending int64 `[n]` indices; features must be kept."""
        features, probabilities = self.kept()[numbers], self.probabilities
        moments = Moments(features.shape[1])
        moments.update(features)
        chosen = None if probabilities is None else probabilities[numbers]
        return Collected(self.examples.picked(numbers), moments, features, chosen)

    def kept(self) -> np.ndarray:
        """Return the features, which must have been kept."""
        assert self.features is not None, "a metric that needs features says so"
        return self.features


def collect(
    examples: Examples,
    extractor: Extractor,
    *,
    keep_features: bool = False,
) -> Collected:
    """Compute the statistics of all examples, part by part.

    Args:
      examples: at least two examples.
      extractor: feature extractor.
      keep_features: keep each example's features.

    Raises:
      UsageError: there are fewer than two examples.
    """
    if examples.count < 2:
        raise UsageError(f"{examples.name}: expected 2 or more examples, got {examples.count} (give more samples)")
    moments = features = probabilities = None
    done = 0
    for part in examples.parts(EXAMPLES_A_PART):
        found = extractor(part)
        if moments is None:
            dimensions = found.features.shape[1]
            moments = Moments(dimensions)
            if keep_features:
                features = scratch((examples.count, dimensions), np.float32)
            if found.probabilities is not None:
                probabilities = scratch((examples.count, found.probabilities.shape[1]), np.float32)
        moments.update(found.features)
        place = slice(done, done + len(part))
        if features is not None:
            features[place] = found.features
        if probabilities is not None:
            probabilities[place] = found.probabilities
        done += len(part)
    assert moments is not None
    return Collected(examples, moments, features, probabilities)


def scratch(shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
    """Return an empty array, in memory or in a temporary file that is deleted with it."""
    if math.prod(shape) * np.dtype(dtype).itemsize <= IN_MEMORY_BYTES:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype, "w+", shape=shape)
