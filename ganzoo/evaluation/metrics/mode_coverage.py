"""Coverage of modes: of a classifier's classes, such as stacked MNIST, and of a mixture of Gaussians."""

from __future__ import annotations

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.evaluation.metrics.metric import Comparison, Value, metric

COVERED = 0.1


@metric(needs=("classes",), mode_coverage="higher", mode_reverse_kl="lower", mode_jensen_shannon="lower")
def of_classes(comparison: Comparison) -> dict[str, Value]:
    """Compute which classes the generated examples cover, by the extractor, and how close their shares are."""
    fake, real = comparison.fake.classes, comparison.real.classes
    assert fake is not None and real is not None, "the need is checked before"  # noqa: PT018
    found = mode_coverage(fake, real, len(comparison.extractor.class_names))
    return {
        "mode_coverage": Value(found["mode_share"]),
        "mode_reverse_kl": Value(found["reverse_kl"]),
        "mode_jensen_shannon": Value(found["jensen_shannon"]),
    }


def mode_coverage(fake_classes: np.ndarray, real_classes: np.ndarray, classes: int) -> dict[str, float]:
    """Return the number of modes found, and the distance of their shares from the real ones.

    Args:
      fake_classes: a classifier's classes of generated samples, int `[n]` in 0 … classes-1; n of 2 or more.
      real_classes: classes of real samples, int `[m]`.
      classes: number of modes, 1 or more.

    Returns:
      `modes`: real modes whose share among the fakes is at least a tenth of that among the reals. (The papers below
      count a mode from its first sample, even a stray one; both agree for few samples per mode.)
      `mode_share`: `modes` over the number of real modes, in [0, 1].
      `reverse_kl`: KL(fake || real) of the shares in nats, 0 or more; infinite if fakes have a mode that reals lack.
      `jensen_shannon`: Jensen-Shannon divergence of the shares in nats, from 0 to log 2.

    Raises:
      UsageError: fewer than 2 samples, or classes out of range.

    Source: Srivastava et al. 2017 (VEEGAN), arXiv:1705.07761, section 5; Lin et al. 2018 (PacGAN), arXiv:1712.04086,
    section 4.
    """
    fake = _shares(fake_classes, classes, "fake")
    real = _shares(real_classes, classes, "real")
    exist = real > 0.0
    covered = (fake >= COVERED * real) & exist
    middle = (fake + real) / 2.0
    return {
        "modes": float(covered.sum()),
        "mode_share": float(covered.sum() / exist.sum()),
        "reverse_kl": _divergence(fake, real),
        "jensen_shannon": (_divergence(fake, middle) + _divergence(real, middle)) / 2.0,
    }


@metric(needs=("features", "mixture"), mixture_modes="higher", mixture_good="higher", mixture_reverse_kl="lower")
def of_mixture(comparison: Comparison) -> dict[str, Value]:
    """Compute which Gaussians of a known mixture the generated points cover, and how closely."""
    mixture = comparison.real.examples.mixture
    assert mixture is not None, "the need is checked before"
    found = mixture_coverage(comparison.fake.kept(), mixture.centres, mixture.deviation)
    return {f"mixture_{name}": Value(value) for name, value in found.items()}


def mixture_coverage(points: np.ndarray, centres: np.ndarray, deviation: float) -> dict[str, float]:
    """Return how well points cover equally likely Gaussians: PacGAN's protocol, there with 2,500 points.

    A point belongs to the mode with the nearest centre, the first of several. It is good if it is at most 3 standard
    deviations away from it: of a Gaussian in the plane, 1 - exp(-9/2) = 98.9% are.

    Args:
      points: generated points, float `[n, columns]`, n of 1 or more.
      centres: centres of the modes, float `[modes, columns]`.
      deviation: standard deviation of each mode in each column.

    Returns:
      `modes`: number of modes that have a good point.
      `good`: share of good points, in [0, 1].
      `reverse_kl`: KL(p || u) = sum over k of p_k log(modes p_k) in nats, 0 or more, of the shares p of the modes among
      all points, good or not, from the uniform distribution u. (PacGAN's u is that of as many real points.) A perfect
      generator's is (modes - 1) / (2 n) on average.

    Source: Lin et al. 2018 (PacGAN), arXiv:1712.04086, section 4.1.
    """
    points, centres = np.asarray(points, np.float64), np.asarray(centres, np.float64)
    distances = np.linalg.norm(points[:, np.newaxis] - centres, axis=2)
    nearest = distances.argmin(axis=1)
    good = distances.min(axis=1) <= 3.0 * deviation
    modes = len(centres)
    return {
        "modes": float(len(np.unique(nearest[good]))),
        "good": float(good.mean()),
        "reverse_kl": _divergence(np.bincount(nearest, minlength=modes) / len(points), np.full(modes, 1.0 / modes)),
    }


def _shares(labels: np.ndarray, classes: int, name: str) -> np.ndarray:
    """Return the share of each class, float64 `[classes]` of sum 1."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or len(labels) < 2:
        raise UsageError(
            f"{name} classes: expected integers [2 or more samples], got {labels.dtype} {list(labels.shape)}"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise UsageError(f"{name} classes: expected 0 to {classes - 1}, got {labels.min()} to {labels.max()}")
    return np.bincount(labels, minlength=classes) / len(labels)


def _divergence(p: np.ndarray, q: np.ndarray) -> float:
    """Return KL(p || q) in nats, 0 or more."""
    some = p > 0.0
    if (q[some] == 0.0).any():
        return float("inf")
    return max(float(np.sum(p[some] * np.log(p[some] / q[some]))), 0.0)
