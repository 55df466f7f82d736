"""Sample sheets of a run: always the same samples, so that progress is visible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo.core import figures
from ganzoo.data.domains import Domains
from ganzoo.data.source import Source

TRANSLATED = 4  # images per domain; a large one takes a second for both directions

Picture = Callable[[Any], np.ndarray]  # a model -> uint8 `[H, W, C]`


def picture_of(source: Source | Domains, seed: int) -> Picture:
    """Return a function that draws a model's sheet: translations, or samples drawn as their data kind is."""
    if isinstance(source, Domains):
        return translations(source)
    kind = source.kind
    real = _first(source, kind.on_a_sheet(0)) if kind.over_real else None

    def draw(model: Any) -> np.ndarray:
        count = kind.on_a_sheet(model.classes) if real is None else len(real)
        columns = kind.columns_on_a_sheet(model.classes)
        names = model.class_names if model.classes else ()
        captions = [names[i % len(names)] for i in range(count)] if names else []
        title = f"step {model.step:,}"
        return kind.draw(model.generate(count, seed=seed), real, columns=columns, title=title, captions=captions)

    return draw


def _first(source: Source, count: int) -> np.ndarray:
    """Return up to `count` examples of a source: the first of an endless one, else evenly spaced ones."""
    if source.length is None:
        return source.fetch(tf.range(count, dtype=tf.int64))["examples"].numpy()
    return _spread(source, min(count, source.length))


def translations(source: Domains) -> Picture:
    """Return a function that draws rows of image, translation and back-translation (or the pair's target)."""
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
    """Return evenly spaced examples of a source."""
    assert source.length is not None, "endless sources have no evenly spaced examples"
    chosen = np.unique(np.linspace(0, source.length - 1, count).astype(np.int64))
    return source.fetch(tf.constant(np.resize(chosen, count)))["examples"].numpy()
