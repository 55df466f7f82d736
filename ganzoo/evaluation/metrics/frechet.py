"""Fréchet distance between Gaussians fitted to two sets of features; with Inception features, the FID."""

from __future__ import annotations

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.evaluation.metrics.metric import Comparison, Value, metric
from ganzoo.evaluation.moments import Moments


@metric(fid="lower")
def fid(comparison: Comparison) -> dict[str, Value]:
    """Compute the Fréchet distance of the features; `fid_inception_fid` is the FID of the papers."""
    return {"fid": Value(frechet_distance(comparison.real.moments, comparison.fake.moments))}


def frechet_distance(real: Moments, fake: Moments) -> float:
    """Return `||m_r - m_f||^2 + tr(S_r + S_f - 2 (S_r S_f)^(1/2))`, in units of the features squared; 0 or more.

    With `S = A A^T`, the trace of the root is the sum of the singular values of `A_r^T A_f`: real and finite for all
    covariances, even with fewer samples than dimensions or one repeated sample.

    Args:
      real, fake: moments of equal dimensions, of 2 or more samples.

    Raises:
      UsageError: dimensions differ, or there are fewer than 2 samples.

    Source: Dowson and Landau 1982, "The Fréchet distance between multivariate normal distributions", eq. 16; Heusel et
    al. 2017, arXiv:1706.08500, eq. 6.
    """
    if real.dimensions != fake.dimensions:
        raise UsageError(
            f"fake features: expected {real.dimensions} dimensions like real features, got {fake.dimensions} "
            "(use one extractor for both)"
        )
    real_covariance, fake_covariance = real.covariance, fake.covariance
    singular_values = np.linalg.svd(_factor(real_covariance).T @ _factor(fake_covariance), compute_uv=False)
    difference = real.mean - fake.mean
    distance = (
        difference @ difference + np.trace(real_covariance) + np.trace(fake_covariance) - 2.0 * singular_values.sum()
    )
    return max(float(distance), 0.0)


def _factor(covariance: np.ndarray) -> np.ndarray:
    """Return `A` `[d, rank]` with `A A^T` the covariance, without eigenvalues that rounding made negative."""
    values, vectors = np.linalg.eigh(covariance)
    positive = values > 0.0
    return vectors[:, positive] * np.sqrt(values[positive])
