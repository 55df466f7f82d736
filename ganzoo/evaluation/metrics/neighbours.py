"""Metrics from nearest neighbours among features: precision, recall, density, coverage, realism, memorisation.

Distances are matrix products in float64, in blocks; those within rounding of their limit are recomputed from the
difference, so that ties, copies and repeated samples are exact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.evaluation.features import check_features
from ganzoo.evaluation.metrics.metric import Comparison, Value, metric

NEAREST = 5
BLOCK_BYTES = 8 << 20  # per block; about four are alive at once
REALISM_LIMIT = 1e6


@metric(
    needs=("features",),
    least=NEAREST + 1,
    precision="higher",
    recall="higher",
    density="higher",
    coverage="higher",
)
def manifolds(comparison: Comparison) -> dict[str, Value]:
    """Compute improved precision and recall, density and coverage, with five neighbours."""
    found = precision_recall_density_coverage(comparison.real.kept(), comparison.fake.kept(), NEAREST)
    return {name: Value(value) for name, value in found.items()}


@metric(needs=("features", "held_out"), memorisation="lower", copies="lower")
def copying(comparison: Comparison) -> dict[str, Value]:
    """Compare the distances of generated and held-out examples to the training examples: 0.5 is equal."""
    assert comparison.held_out is not None, "the need is checked before"
    found = memorisation(comparison.real.kept(), comparison.fake.kept(), comparison.held_out.kept())
    return {name: Value(value) for name, value in found.items()}


def precision_recall_density_coverage(real: np.ndarray, fake: np.ndarray, nearest: int = NEAREST) -> dict[str, float]:
    """Return the shares of fakes among the reals, and of reals among the fakes.

    A sample's ball is open and reaches to its nearest-th neighbour in its own set, excluding itself. Distances are
    compared in float32 if both sets are float32, as the authors' `prdc` does, else in float64; the neighbours of a
    repeated sample are its copies, at distance 0.

    Args:
      real, fake: features `[n, d]` and `[m, d]`; beyond float64 copies, memory stays below 64 MiB.
      nearest: number of the neighbour, from 1 to the smaller set's size minus 1.

    Returns:
      `precision`: share of fakes in some real's ball, in [0, 1].
      `recall`: share of reals in some fake's ball, in [0, 1].
      `density`: mean number of reals' balls around a fake, over `nearest`: 0 or more, about 1 for equal distributions.
      `coverage`: share of reals with a fake in their ball, in [0, 1].

    Raises:
      UsageError: `nearest` out of range, fewer than 2 samples, different dimensions, or non-finite values.

    Source: Kynkäänniemi et al. 2019, arXiv:1904.06991, eq. 1 and 2; Naeem et al. 2020, arXiv:2002.09797, eq. 3 and 5.
    """
    check_features(real=real, fake=fake)
    _check_nearest(nearest, real=real, fake=fake)
    real_radii, fake_radii = _radii(real, nearest), _radii(fake, nearest)
    pairs = _Pairs(real, fake)
    balls = np.zeros(len(fake), np.int64)  # number of reals' balls around each fake
    recalled = covered = 0
    for rows, squares in pairs.blocks():
        pairs.refine(rows, squares, real_radii[rows, None])
        pairs.refine(rows, squares, fake_radii)
        distances = np.sqrt(squares.astype(pairs.dtype))
        inside = distances < np.sqrt(real_radii[rows, None].astype(pairs.dtype))
        balls += inside.sum(axis=0)
        covered += int(inside.any(axis=1).sum())
        recalled += int((distances < np.sqrt(fake_radii.astype(pairs.dtype))).any(axis=1).sum())
    return {
        "precision": float(np.mean(balls > 0)),
        "recall": recalled / len(real),
        "density": float(np.mean(balls)) / nearest,
        "coverage": covered / len(real),
    }


def realism(real: np.ndarray, fake: np.ndarray, nearest: int = 3) -> np.ndarray:
    """Return the realism of each fake: the largest ratio, over reals, of the real's radius to its distance.

    Only the half of the reals with the smaller radii (rounded down) counts, as sparse regions reach too far. Above 1,
    the fake is in some real's ball.

    Args:
      real, fake: features `[n, d]` and `[m, d]`.
      nearest: number of the neighbour that defines a radius, from 1 to n - 1.

    Returns:
      Float64 `[m]`, from 0 to 1e6, the value of a copy of a real.

    Raises:
      UsageError: `nearest` out of range, fewer than 2 samples, different dimensions, or non-finite values.

    Source: Kynkäänniemi et al. 2019, arXiv:1904.06991, eq. 3.
    """
    check_features(real=real, fake=fake)
    _check_nearest(nearest, real=real)
    radii = _radii(real, nearest)
    dense = np.sort(np.argsort(radii, kind="stable")[: len(real) // 2])
    pairs = _Pairs(real[dense], fake)
    largest = np.zeros(len(fake))
    for rows, squares in pairs.blocks():
        pairs.refine(rows, squares, 0.0)
        reach = np.broadcast_to(radii[dense][rows, None], squares.shape)
        ratios = np.divide(reach, squares, where=squares > 0.0, out=np.full_like(squares, np.inf))
        largest = np.maximum(largest, ratios.max(axis=0))
    return np.minimum(np.sqrt(largest), REALISM_LIMIT)


def memorisation(train: np.ndarray, fake: np.ndarray, held_out: np.ndarray) -> dict[str, float]:
    """Compare generated and held-out samples by the distance to their nearest training sample.

    Args:
      train: features `[k, d]` of training samples.
      fake: features `[n, d]` of generated samples.
      held_out: features `[m, d]` of real samples of the same source outside the training set.

    Returns:
      `memorisation`: probability that a fake is nearer than a held-out sample, ties half (the Mann-Whitney statistic
      over n m): 0.5 for new real data, 1 if all fakes are nearer, below 0.5 if they are farther.
      `copies`: share of fakes within the held-out samples' first percentile: 0.01 for new real data.

    Raises:
      UsageError: fewer than 2 samples, different dimensions, or non-finite values.

    Source: Meehan, Chaudhuri and Dasgupta 2020, arXiv:2004.05675, section 4: the statistic of its global test, as a
    probability instead of a z-score. `copies` is ours: an outlier test at the 1 % level.
    """
    check_features(train=train, fake=fake, held_out=held_out)
    fake_distances = np.sqrt(_nearest_squares(_Pairs(fake, train), 1))
    held_out_distances = np.sort(np.sqrt(_nearest_squares(_Pairs(held_out, train), 1)))
    farther = len(held_out) - np.searchsorted(held_out_distances, fake_distances, side="right")
    not_nearer = len(held_out) - np.searchsorted(held_out_distances, fake_distances, side="left")
    return {
        "memorisation": float((farther + not_nearer).mean()) / (2 * len(held_out)),
        "copies": float(np.mean(fake_distances <= np.quantile(held_out_distances, 0.01))),
    }


class _Pairs:
    """Squared distances between the rows of x `[n, d]` and y `[m, d]`, in blocks of whole rows.

    Attributes:
      dtype: dtype to compare distances in.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.dtype = np.float32 if x.dtype == y.dtype == np.float32 else np.float64
        self._shift = np.mean(y, axis=0, dtype=np.float64)  # products near 0 lose fewer digits
        self._x, self._y = self._centred(x), self._centred(y)
        self._x_raw, self._y_raw = x, y
        self._x_norms, self._y_norms = (np.einsum("nd,nd->n", each, each) for each in (self._x, self._y))
        self._x_group, self._y_group = _groups(x, y)
        # Twice the worst case of three sums of d products and the norms' sum, relative to the norms.
        self._rounding = 4.0 * (x.shape[1] + 4) * np.finfo(np.float64).eps

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield rows of x and their squared distances `[rows, m]`: float64, exact 0 for copies, else up to rounding."""
        height = max(1, BLOCK_BYTES // (8 * len(self._y)))
        for start in range(0, len(self._x), height):
            rows = slice(start, start + height)
            squares = self._x[rows] @ self._y.T
            squares *= -2.0
            squares += self._x_norms[rows, None]
            squares += self._y_norms
            np.maximum(squares, 0.0, out=squares)
            squares[self._x_group[rows, None] == self._y_group] = 0.0
            yield rows, squares

    def refine(self, rows: slice, squares: np.ndarray, limits: np.ndarray | float) -> None:
        """Recompute in place the squares of a block that rounding may have put on the wrong side of `limits`.

        Args:
          limits: squared distances to compare the block with, broadcastable to its shape.
        """
        tolerance = self._x_norms[rows, None] + self._y_norms
        tolerance *= self._rounding
        close = np.abs(squares - limits) <= tolerance
        close &= squares > 0.0
        near, far = np.nonzero(close)
        pieces = max(1, BLOCK_BYTES // (8 * self._x.shape[1]))
        for start in range(0, len(near), pieces):
            i, j = near[start : start + pieces], far[start : start + pieces]
            difference = self._x_raw[rows][i].astype(np.float64) - self._y_raw[j]
            squares[i, j] = np.einsum("nd,nd->n", difference, difference)

    def _centred(self, features: np.ndarray) -> np.ndarray:
        return features - self._shift


def _nearest_squares(pairs: _Pairs, nearest: int) -> np.ndarray:
    """Return float64 `[n]`: the squared distance of each x to its nearest-th y, counted from 1."""
    found = []
    for rows, squares in pairs.blocks():
        about = np.partition(squares, nearest - 1, axis=1)[:, nearest - 1 : nearest]
        pairs.refine(rows, squares, about)
        found.append(np.partition(squares, nearest - 1, axis=1)[:, nearest - 1])
    return np.concatenate(found)


def _radii(features: np.ndarray, nearest: int) -> np.ndarray:
    """Return float64 `[n]`: the squared distance of each sample to its nearest-th neighbour, excluding itself."""
    return _nearest_squares(_Pairs(features, features), nearest + 1)


def _groups(*sets: np.ndarray) -> list[np.ndarray]:
    """Return int64 `[n]` per set: a number per row, equal only for equal rows."""
    known: dict[bytes, int] = {}
    return [np.array([known.setdefault(_digest(row), len(known)) for row in features], np.int64) for features in sets]


def _digest(row: np.ndarray) -> bytes:
    return hashlib.blake2b((row.astype(np.float64) + 0.0).tobytes(), digest_size=16).digest()  # -0 + 0 is 0


def _check_nearest(nearest: int, **sets: np.ndarray) -> None:
    for name, features in sets.items():
        if not 1 <= nearest < len(features):
            raise UsageError(
                f"nearest: expected 1 to {len(features) - 1} for {len(features)} {name} samples, got {nearest}"
            )
