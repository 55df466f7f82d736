"""Kernel distance (KID) between two sets of features: a maximum mean discrepancy, unbiased for independent draws.

Sets that are balanced by class are not independent draws: they have fewer pairs of one class, and it is too low.
"""

from __future__ import annotations

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.evaluation.features import check_features
from ganzoo.evaluation.metrics.metric import SUBSETS, Comparison, Value, metric

SUBSET_SIZE = 1000


@metric(needs=("features",), kid="lower")
def kid(comparison: Comparison) -> dict[str, Value]:
    """Compute the kernel distance of the features (papers often print it times 1000)."""
    value, _ = kernel_distance(comparison.real.kept(), comparison.fake.kept(), comparison.subsets, seed=comparison.seed)
    return {"kid": Value(value)}


def kernel_distance(
    real: np.ndarray, fake: np.ndarray, subsets: int = SUBSETS, subset_size: int = SUBSET_SIZE, seed: int = 0
) -> tuple[float, float]:
    """Return mean and spread of `mmd_squared` over random subsets, not times 1000. It can be negative near 0.

    Each subset has min(subset_size, n, m) samples of either set, drawn without replacement, real ones first, from one
    `np.random.default_rng(seed)`. If that is all of both sets, it is computed once, and the spread is 0.

    Args:
      real, fake: features `[n, d]` and `[m, d]` of any real dtype, or memory maps; only one subset is float64.
      subsets: number of subsets, 1 or more.
      subset_size: samples per subset, 2 or more.
      seed: seed of the draws.

    Returns:
      Mean and standard deviation over the subsets (ddof 0, as in torch-fidelity).

    Raises:
      UsageError: numbers out of range, fewer than 2 samples, different dimensions, or non-finite values.

    Source: Bińkowski et al. 2018, arXiv:1801.01401, section 4 (the kernel) and appendix D (the subsets).
    """
    check_features(real=real, fake=fake)
    if subsets < 1 or subset_size < 2:
        raise UsageError(f"subsets: expected 1 or more of 2 or more samples, got {subsets} of {subset_size}")
    size = min(subset_size, len(real), len(fake))
    if size == len(real) == len(fake):
        return _mmd_squared(real, fake), 0.0
    generator = np.random.default_rng(seed)
    values = [_mmd_squared(_draw(real, size, generator), _draw(fake, size, generator)) for _ in range(subsets)]
    return float(np.mean(values)), float(np.std(values))


def mmd_squared(x: np.ndarray, y: np.ndarray) -> float:
    """Return the unbiased squared maximum mean discrepancy with the kernel `k(a, b) = (a . b / d + 1)^3`.

    This is the mean of k over pairs of different samples of x, plus that of y, minus twice that of x and y.

    Args:
      x, y: features `[n, d]` and `[m, d]`, n and m of 2 or more, small enough for matrices n x n, m x m and n x m.

    Raises:
      UsageError: fewer than 2 samples, different dimensions, or non-finite values.

    Source: Gretton et al. 2012, "A kernel two-sample test", JMLR 13, eq. 3; Bińkowski et al. 2018, arXiv:1801.01401.
    """
    check_features(x=x, y=y)
    return _mmd_squared(x, y)


def _mmd_squared(x: np.ndarray, y: np.ndarray) -> float:
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    return _mean_of_different(_kernel(x, x)) + _mean_of_different(_kernel(y, y)) - 2.0 * float(_kernel(x, y).mean())


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    base = x @ y.T / x.shape[1] + 1.0
    return base * base * base


def _mean_of_different(kernel: np.ndarray) -> float:
    count = len(kernel)
    np.fill_diagonal(kernel, 0.0)
    return float(kernel.sum() / (count * (count - 1)))


def _draw(features: np.ndarray, size: int, generator: np.random.Generator) -> np.ndarray:
    """Draw rows without replacement; sorted, to read a memory map forwards (sums do not change)."""
    return features[np.sort(generator.choice(len(features), size, replace=False))]
