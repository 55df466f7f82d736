"""Sheet of the samples with the highest and the lowest realism."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ganzoo.core import figures, images
from ganzoo.errors import UsageError
from ganzoo.evaluation.collected import Collected, collect
from ganzoo.evaluation.extractors.extractor import open_extractor
from ganzoo.evaluation.metrics.neighbours import realism
from ganzoo.evaluation.result import Evaluation

COLUMNS = 10
ROWS = 3  # per half


def draw_extremes(evaluation: Evaluation, path: str | Path) -> None:
    """Write a sheet with the samples of highest realism in the upper half, those of lowest in the lower half.

    Args:
      evaluation: evaluation of images.
      path: PNG file; its metadata hold positions and realism scores of both halves.

    Raises:
      UsageError: the samples are not images, or too few.
      RunError: the file cannot be written.
    """
    fake = evaluation.fake
    kind = fake.examples.kind
    if not kind.is_image:
        raise UsageError(f"--sheet: expected images, got {kind.plural} of {fake.examples.name} (leave it out)")
    each = COLUMNS * ROWS
    if fake.count < 2 * each:
        raise UsageError(f"--sheet: expected {2 * each} or more samples, got {fake.count} (num_samples, --num_samples)")
    extractor = evaluation.protocol["features"]
    scores = realism(_features(evaluation.real, extractor), _features(fake, extractor))
    order = np.argsort(-scores, kind="stable")
    chosen = np.concatenate([order[:each], order[-each:]])
    ascending = np.sort(chosen)
    read = dict(zip(ascending.tolist(), fake.examples.read(ascending), strict=True))
    sheet = figures.sheet(np.stack([read[number] for number in chosen.tolist()]), columns=COLUMNS)
    metadata = {
        "best": ", ".join(f"{n}: {scores[n]:.3f}" for n in chosen[:each]),
        "worst": ", ".join(f"{n}: {scores[n]:.3f}" for n in chosen[each:]),
        "features": extractor,
    }
    images.write_png(path, sheet, metadata)


def _features(collected: Collected, extractor: str) -> np.ndarray:
    if collected.features is None:
        collected = collect(collected.examples, open_extractor(extractor), keep_features=True)
    return collected.kept()
