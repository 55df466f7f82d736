"""The sliced Wasserstein distance: sets of features compared along random directions."""

from __future__ import annotations

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.evaluation.features import check_features, in_pieces
from ganzoo.evaluation.metrics.metric import Comparison, Value, metric

DIRECTIONS_AT_ONCE = 64
DIRECTIONS_KEY = 1


@metric(needs=("features",), sliced_wasserstein="lower")
def of_features(comparison: Comparison) -> dict[str, Value]:
    """The sliced 2-Wasserstein distance of the features."""
    real, fake = comparison.real.kept(), comparison.fake.kept()
    return {"sliced_wasserstein": Value(sliced_wasserstein(real, fake, seed=comparison.seed))}


def sliced_wasserstein(real: np.ndarray, fake: np.ndarray, projections: int = 256, seed: int = 0) -> float:
    """The sliced 2-Wasserstein distance, in units of the features: the root of the mean of W_2^2 over unit directions.

    Sets of different sizes are compared through their quantile functions, exactly. Between two sets that differ by a
    shift it is about the shift's length over the square root of the dimensions.

    Args:
      real, fake: features `[n, d]` and `[m, d]` of any real dtype, memory maps too.
      projections: directions, uniform on the sphere, 1 or more.
      seed: of the directions.

    Raises:
      UsageError: no projection, fewer than 2 samples, dimensions that differ, or values that are not finite.

    Source: Bonneel et al. 2015, "Sliced and Radon Wasserstein barycenters of measures", eq. 8; Deshpande et al. 2018,
    arXiv:1803.11188, eq. 3.
    """
    check_features(real=real, fake=fake)
    if projections < 1:
        raise UsageError(f"{projections} projections: give 1 or more")
    # A key beside the seed: features that someone drew from the same seed would themselves be the directions.
    directions = np.random.default_rng([seed, DIRECTIONS_KEY]).standard_normal((projections, real.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    squares = [
        _wasserstein_2_squared(_project(real, some), _project(fake, some))
        for some in np.array_split(directions, -(-projections // DIRECTIONS_AT_ONCE))
    ]
    return float(np.sqrt(np.concatenate(squares).mean()))


def _project(features: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Float64 `[directions, n]`, each row sorted."""
    pieces = [directions @ np.asarray(rows, np.float64).T for _, rows in in_pieces(features)]
    return np.sort(np.concatenate(pieces, axis=1), axis=1)


def _wasserstein_2_squared(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """`W_2^2` `[k]` between the sorted rows of x `[k, n]` and y `[k, m]`: the quantiles' integrated square difference.

    The quantile functions are steps at i / n and j / m: in units of 1 / (n m) whole numbers, so that none is missed.
    """
    n, m = x.shape[1], y.shape[1]
    steps = np.union1d(np.arange(n + 1) * m, np.arange(m + 1) * n)
    starts, lengths = steps[:-1], np.diff(steps)
    difference = x[:, starts // m] - y[:, starts // n]
    return difference**2 @ (lengths / (n * m))
