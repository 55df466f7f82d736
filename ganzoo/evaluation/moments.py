"""Mean and covariance of features that come in batches."""

from __future__ import annotations

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.evaluation.features import check_features, in_pieces


class Moments:
    """Mean and covariance in float64, with no sample kept; any split into batches gives the same up to rounding.

    Each batch is centred on its own mean and joined to what came before by the pairwise update, so that a large common
    offset costs no digits.

    Args:
      dimensions: of a feature, 1 or more.

    Attributes:
      count: samples so far.

    Source: Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances",
    eq. 2.1.
    """

    def __init__(self, dimensions: int) -> None:
        if dimensions < 1:
            raise UsageError(f"moments of {dimensions} dimensions: give 1 or more")
        self.dimensions = dimensions
        self.count = 0
        self._mean = np.zeros(dimensions)
        self._scatter = np.zeros((dimensions, dimensions))  # sum of (x - mean) (x - mean)^T

    def update(self, features: np.ndarray) -> None:
        """Takes in features `[n, dimensions]` of any real dtype, n of 0 or more.

        Raises:
          UsageError: other dimensions, or a NaN or an infinity among them; nothing is taken in then.
        """
        check_features(least=0, new=features)
        self._check_dimensions(features.shape[1])
        for _, rows in in_pieces(features):
            rows = np.asarray(rows, np.float64)
            mean = rows.mean(axis=0)
            centred = rows - mean
            self._join(len(rows), mean, centred.T @ centred)

    def merge(self, other: Moments) -> None:
        """Takes in all that `other` has seen, another worker's share for example; `other` stays as it is.

        Raises:
          UsageError: other dimensions.
        """
        self._check_dimensions(other.dimensions)
        if other.count:
            self._join(other.count, other._mean, other._scatter)

    @property
    def mean(self) -> np.ndarray:
        """Float64 `[dimensions]`; UsageError before the first sample."""
        self._check_count(1, "a mean")
        return self._mean.copy()

    @property
    def covariance(self) -> np.ndarray:
        """Float64 `[dimensions, dimensions]`, unbiased (over count - 1); UsageError before the second sample."""
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
                f"features of {dimensions} dimensions for moments of {self.dimensions}: take all from one extractor"
            )

    def _check_count(self, least: int, what: str) -> None:
        if self.count < least:
            raise UsageError(f"{what} of {self.count} samples: give {least} or more")
