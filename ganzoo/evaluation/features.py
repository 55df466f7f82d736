"""Checks on the features that metrics receive."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ganzoo.errors import UsageError

ROWS_AT_ONCE = 4096


def check_features(*, least: int = 2, **sets: np.ndarray) -> None:
    """Check that sets of features can be compared.

    Args:
      least: smallest number of samples per set.
      sets: name in messages -> float `[n, dimensions]` (`real=…, fake=…`); memory maps are read in pieces.

    Raises:
      UsageError: a set is not a real matrix, has too few samples, other dimensions than the first one, NaN or infinity.
    """
    first = next(iter(sets))
    for name, features in sets.items():
        if features.ndim != 2 or features.dtype.kind not in "fiub":
            raise UsageError(
                f"{name} features: expected real [samples, dimensions], got {features.dtype} {list(features.shape)}"
            )
        if len(features) < least:
            raise UsageError(f"{name} features: expected {least} or more samples, got {len(features)}")
        if features.shape[1] != sets[first].shape[1] or not features.shape[1]:
            raise UsageError(
                f"{name} features: expected {sets[first].shape[1]} dimensions like {first} features, got "
                f"{features.shape[1]} (use one extractor for both)"
            )
        for start, rows in in_pieces(features):
            finite = np.isfinite(rows).all(axis=1)
            if not finite.all():
                raise UsageError(
                    f"{name} features: expected finite values, got NaN or infinity in sample "
                    f"{start + int(np.argmin(finite))} (leave it out, or mend its source)"
                )


def in_pieces(features: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield start and rows of each piece, a few thousand rows at a time."""
    for start in range(0, len(features), ROWS_AT_ONCE):
        yield start, features[start : start + ROWS_AT_ONCE]
