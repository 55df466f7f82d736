"""What a run's sample sheets show: always the same samples, so that one sees them improve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo.core import figures
from ganzoo.data.domains import Domains
from ganzoo.data.source import Source

TRANSLATED = 4  # images of each domain: large ones take a second each, there and back

Picture = Callable[[Any], np.ndarray]  # a model -> uint8 `[H, W, C]`


def picture_of(source: Source | Domains, seed: int) -> Picture:
    """The sheet that suits what a model learns: translations, or its samples as their kind of data is drawn."""
    if isinstance(source, Domains):
        return translations(source)
    kind = source.kind
    real = _first(source, kind.on_a_sheet(0)) if kind.over_real else None

    def draw(model: Any) -> np.ndarray:
        count = kind.on_a_sheet(model.classes) if real is None else len(real)
        columns = kind.columns_on_a_sheet(model.classes)
        return kind.draw(model.generate(count, seed=seed), real, columns=columns, title=f"step {model.step:,}")

    return draw


def _first(source: Source, count: int) -> np.ndarray:
    """So many examples of a source, or as many as there are: the first of an endless one, from all over another."""
    if source.length is None:
        return source.fetch(tf.range(count, dtype=tf.int64))["examples"].numpy()
    return _spread(source, min(count, source.length))


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
    """So many of a source's examples, from all over it."""
    assert source.length is not None, "an endless source has no end to go to"
    chosen = np.unique(np.linspace(0, source.length - 1, count).astype(np.int64))
    return source.fetch(tf.constant(np.resize(chosen, count)))["examples"].numpy()
