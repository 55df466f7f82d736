"""What every metric asks of the features that it is given."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ganzoo.errors import UsageError

ROWS_AT_ONCE = 4096


def check_features(*, least: int = 2, **sets: np.ndarray) -> None:
    """Sees that sets of features can be compared.

    Args:
      least: samples that each set must have.
      sets: float `[n, dimensions]` by the name that an error shall use, `real=…, fake=…`; memory maps too, in pieces.

    Raises:
      UsageError: a set is no matrix of real numbers, has too few samples, other dimensions than the first one, or a
        NaN or an infinity.
    """
    first = next(iter(sets))
    for name, features in sets.items():
        if features.ndim != 2 or features.dtype.kind not in "fiub":
            raise UsageError(
                f"{name} features of shape {features.shape}, {features.dtype}: give real numbers [samples, dimensions]"
            )
        if len(features) < least:
            raise UsageError(f"{name} features of {len(features)} samples: give {least} or more")
        if features.shape[1] != sets[first].shape[1] or not features.shape[1]:
            raise UsageError(
                f"{name} features of {features.shape[1]} dimensions, {first} ones of {sets[first].shape[1]}: "
                "take both from one extractor"
            )
        for start, rows in in_pieces(features):
            finite = np.isfinite(rows).all(axis=1)
            if not finite.all():
                raise UsageError(
                    f"{name} features of sample {start + int(np.argmin(finite))} hold NaN or infinity: "
                    "leave the sample out, or mend what made it"
                )


def in_pieces(features: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Where a piece begins, and its rows, a few thousand at a time."""
    for start in range(0, len(features), ROWS_AT_ONCE):
        yield start, features[start : start + ROWS_AT_ONCE]
