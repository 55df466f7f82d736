"""What a run's sample sheets show: always the same samples, so that one sees them improve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo import figures
from ganzoo.data.domains import Domains
from ganzoo.data.source import Source

REFERENCE_POINTS = 1000
TRANSLATED = 4  # images of each domain: large ones take a second each, there and back
WIDEST = 20

Picture = Callable[[Any], np.ndarray]  # a model -> uint8 `[H, W, C]`


def picture_of(source: Source | Domains, seed: int) -> Picture:
    """The sheet that suits what a model learns: points over real ones, a grid with a column a class, translations."""
    if isinstance(source, Domains):
        return translations(source)
    if len(source.example_shape) == 3:
        return lambda model: _grid(model, seed)
    reference = source.fetch(tf.range(REFERENCE_POINTS, dtype=tf.int64))["images"].numpy()
    return lambda model: figures.points(model.generate(len(reference), seed=seed), reference, f"step {model.step:,}")


def _grid(model: Any, seed: int) -> np.ndarray:
    columns = min(model.classes or 10, WIDEST)
    return figures.sheet(model.generate(10 * columns, seed=seed), columns=columns)


def translations(source: Domains) -> Picture:
    """Rows of an image, its translation, and what that is translated back to (or the pair's other half)."""
    shown = {domain: _spread(one, TRANSLATED) for domain, one in source.sources.items()}

    def draw(model: Any) -> np.ndarray:
        columns = []
        for to in model.translators:
            given = shown[model.other(to)]
            translated = model.translate(given, to)
            back = model.other(to)
            last = model.translate(translated, back) if back in model.translators else shown[to]
            columns += [given, translated, last]
        return figures.sheet(np.stack(columns, axis=1).reshape(-1, *given.shape[1:]), columns=len(columns))

    return draw


def _spread(source: Source, count: int) -> np.ndarray:
    """So many of a source's images, from all over it."""
    assert source.length is not None, "images have an end"
    chosen = np.unique(np.linspace(0, source.length - 1, count).astype(np.int64))
    return source.fetch(tf.constant(np.resize(chosen, count)))["images"].numpy()
