"""Speed of an extractor, compared with a naive loop: small batches, one eager call after another."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ganzoo.evaluation.extractors.extractor import Extractor, open_extractor

PLAIN_BATCH = 32
TURNS = 5
SECONDS = 1.0  # about as long as a turn of the plain loop takes


@dataclasses.dataclass(frozen=True)
class Speed:
    """Speeds in images/s, medians over turns that measure both loops.

    Attributes:
      features: name of the extractor.
      images: number of images per turn.
      compiled: speed of the extractor.
      plain: speed of an eager loop over batches of 32.
      ratio: median of the turns' ratios.
    """

    features: str
    images: int
    compiled: float
    plain: float
    ratio: float

    def to_dict(self) -> dict[str, Any]:
        """For machines."""
        return dataclasses.asdict(self)

    def describe(self) -> str:
        """For people."""
        return (
            f"{self.features}: {self.compiled:,.0f} images/s, a plain loop {self.plain:,.0f}: "
            f"{self.ratio:.1f} times as fast (medians of {TURNS} turns of {self.images:,} images)"
        )


def measure(features: str) -> Speed:
    """Measure on random images: 28x28 grey for small classifiers, 64x64 in colour for the others.

    Raises:
      ConfigError, WeightsError: as `open_extractor`.
    """
    extractor = open_extractor(features)
    shape = (28, 28, 1) if features.endswith("_cnn") else (64, 64, 3)
    draw = np.random.default_rng(0)

    def images(count: int) -> np.ndarray:
        if extractor.dimensions is None:
            return draw.normal(size=(count, 2)).astype(np.float32)
        return draw.integers(0, 256, (count, *shape), np.uint8)

    few = images(4 * PLAIN_BATCH)
    _plain(extractor, few)
    count = max(PLAIN_BATCH, round(len(few) * SECONDS / _seconds(_plain, extractor, few)))
    many = images(count)
    extractor(many)
    pairs = [(_seconds(_compiled, extractor, many), _seconds(_plain, extractor, many)) for _ in range(TURNS)]
    return Speed(
        features,
        count,
        count / statistics.median(compiled for compiled, _ in pairs),
        count / statistics.median(plain for _, plain in pairs),
        statistics.median(plain / compiled for compiled, plain in pairs),
    )


def _compiled(extractor: Extractor, images: np.ndarray) -> None:
    extractor(images)


def _plain(extractor: Extractor, images: np.ndarray) -> None:
    for start in range(0, len(images), PLAIN_BATCH):
        features, _ = extractor.network(extractor.prepare(images[start : start + PLAIN_BATCH]))
        np.asarray(features)


def _seconds(loop: Callable[[Extractor, np.ndarray], None], extractor: Extractor, images: np.ndarray) -> float:
    began = time.perf_counter()
    loop(extractor, images)
    return time.perf_counter() - began
