"""Mean and covariance of features, from batches."""

from __future__ import annotations

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.evaluation.features import check_features, in_pieces


class Moments:
    """Running mean and covariance in float64; any split into batches gives the same up to rounding.

    Each batch is centred on its own mean and merged by the pairwise update, so a large common offset loses no digits.

    Args:
      dimensions: dimensions of a feature, 1 or more.

    Attributes:
      count: number of samples so far.

    Source: Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances",
    eq. 2.1.
    """

    def __init__(self, dimensions: int) -> None:
        if dimensions < 1:
            raise UsageError(f"moments: expected 1 or more dimensions, got {dimensions}")
        self.dimensions = dimensions
        self.count = 0
        self._mean = np.zeros(dimensions)
        self._scatter = np.zeros((dimensions, dimensions))  # sum of (x - mean) (x - mean)^T

    def update(self, features: np.ndarray) -> None:
        """Add features `[n, dimensions]` of any real dtype, n of 0 or more.

        Raises:
          UsageError: dimensions differ, or there is NaN or infinity; nothing is added.
        """
        check_features(least=0, new=features)
        self._check_dimensions(features.shape[1])
        for _, rows in in_pieces(features):
            rows = np.asarray(rows, np.float64)
            mean = rows.mean(axis=0)
            centred = rows - mean
            self._join(len(rows), mean, centred.T @ centred)

    def merge(self, other: Moments) -> None:
        """Add the samples of `other`, such as another worker's share; `other` is unchanged.

        Raises:
          UsageError: dimensions differ.
        """
        self._check_dimensions(other.dimensions)
        if other.count:
            self._join(other.count, other._mean, other._scatter)

    @property
    def mean(self) -> np.ndarray:
        """Return float64 `[dimensions]`; UsageError before the first sample."""
        self._check_count(1, "a mean")
        return self._mean.copy()

    @property
    def covariance(self) -> np.ndarray:
        """Return float64 `[dimensions, dimensions]`, unbiased (over count - 1); UsageError before the second sample."""
        self._check_count(2, "a covariance")
        return self._scatter / (self.count - 1)

    def _join(self, count: int, mean: np.ndarray, scatter: np.ndarray) -> None:
        total = self.count + count
        difference = mean - self._mean
        self._mean = self._mean + difference * (count / total)
        self._scatter += scatter
        self._scatter += np.outer(difference, difference * (self.count * count / total))
        self.count = total

    def _check_dimensions(self, dimensions: int) -> None:
        if dimensions != self.dimensions:
            raise UsageError(
                f"features: expected {self.dimensions} dimensions, got {dimensions} (use one extractor for all)"
            )

    def _check_count(self, least: int, what: str) -> None:
        if self.count < least:
            raise UsageError(f"{what}: expected {least} or more samples, got {self.count}")
