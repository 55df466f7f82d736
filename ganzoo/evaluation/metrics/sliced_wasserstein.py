"""Sliced Wasserstein distance: compares sets of features along random directions."""

from __future__ import annotations

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.evaluation.features import check_features, in_pieces
from ganzoo.evaluation.metrics.metric import Comparison, Value, metric

DIRECTIONS_AT_ONCE = 64
DIRECTIONS_KEY = 1


@metric(needs=("features",), sliced_wasserstein="lower")
def of_features(comparison: Comparison) -> dict[str, Value]:
    """Compute the sliced 2-Wasserstein distance of the features."""
    real, fake = comparison.real.kept(), comparison.fake.kept()
    return {"sliced_wasserstein": Value(sliced_wasserstein(real, fake, seed=comparison.seed))}


def sliced_wasserstein(real: np.ndarray, fake: np.ndarray, projections: int = 256, seed: int = 0) -> float:
    """Return the sliced 2-Wasserstein distance in units of the features: root mean of W_2^2 over unit directions.

    Sets of different sizes are compared exactly, through their quantile functions. For two sets that differ by a shift
    it is about the shift's length over the square root of the dimensions.

    Args:
      real, fake: features `[n, d]` and `[m, d]` of any real dtype, or memory maps.
      projections: number of directions, uniform on the sphere, 1 or more.
      seed: seed of the directions.

    Raises:
      UsageError: no projection, fewer than 2 samples, different dimensions, or non-finite values.

    Source: Bonneel et al. 2015, "Sliced and Radon Wasserstein barycenters of measures", eq. 8; Deshpande et al. 2018,
    arXiv:1803.11188, eq. 3.
    """
    check_features(real=real, fake=fake)
    if projections < 1:
        raise UsageError(f"projections: expected 1 or more, got {projections}")
    # A key beside the seed, else features drawn from the same seed would equal the directions.
    directions = np.random.default_rng([seed, DIRECTIONS_KEY]).standard_normal((projections, real.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    squares = [
        _wasserstein_2_squared(_project(real, some), _project(fake, some))
        for some in np.array_split(directions, -(-projections // DIRECTIONS_AT_ONCE))
    ]
    return float(np.sqrt(np.concatenate(squares).mean()))


def _project(features: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Return projections, float64 `[directions, n]`, each row sorted."""
    pieces = [directions @ np.asarray(rows, np.float64).T for _, rows in in_pieces(features)]
    return np.sort(np.concatenate(pieces, axis=1), axis=1)


def _wasserstein_2_squared(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return `W_2^2` `[k]` of sorted rows of x `[k, n]` and y `[k, m]`: integrated squared quantile difference.

    The quantile functions step at i / n and j / m, which are integers in units of 1 / (n m), so none is missed.
    """
    n, m = x.shape[1], y.shape[1]
    steps = np.union1d(np.arange(n + 1) * m, np.arange(m + 1) * n)
    starts, lengths = steps[:-1], np.diff(steps)
    difference = x[:, starts // m] - y[:, starts // n]
    return difference**2 @ (lengths / (n * m))
