"""Sets of generated or real examples to compare: a count and a read function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.data import kinds
from ganzoo.data.kinds import Kind
from ganzoo.data.open import open_source
from ganzoo.data.source import Mixture, Source
from ganzoo.errors import DataError, UsageError
from ganzoo.schema import DatasetConfig

if TYPE_CHECKING:
    from ganzoo.models.generative import GenerativeModel

Read = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Examples:
    """Set of examples; example i is the same at every read.

    Attributes:
      name: name in messages.
      count: number of examples.
      kind: data kind, with the shape of an example.
      read: function from ascending int64 `[n]` indices below `count` to external examples `[n, *shape]` (see `Kind`).
      labels: int32 `[count]`, or None.
      class_names: names of the labels, if known.
      about: description for the protocol.
      mixture: distribution of the examples, if it is a known mixture of Gaussians.
    """

    name: str
    count: int
    kind: Kind
    read: Read
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] = ()
    about: dict[str, Any] = field(default_factory=dict)
    mixture: Mixture | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.kind.shape

    def parts(self, size: int) -> Iterator[np.ndarray]:
        """Yield all examples in order, `size` at a time."""
        for start in range(0, self.count, size):
            yield self.read(np.arange(start, min(start + size, self.count)))

    def picked(self, numbers: np.ndarray) -> Examples:
        """Select examples by ascending int64 `[n]` indices."""
        fewer = {"of": self.count} if len(numbers) < self.count else {}
        labels = None if self.labels is None else self.labels[numbers]
        read, about = (lambda at: self.read(numbers[at])), {**fewer, **self.about}
        return replace(self, count=len(numbers), read=read, labels=labels, about=about)


def from_source(source: Source, count: int | None = None, *, seed: int = 0, first: int = 0) -> Examples:
    """Return examples of a data set.

    Args:
      source: data set.
      count: number of examples, a random choice; None is all (10,000 of an endless source).
      seed: seed of the choice.
      first: index of the first example of an endless source.

    Raises:
      UsageError: the data set has fewer examples.
    """
    import tensorflow as tf

    if source.length is None:
        chosen = np.arange(first, first + (count or 10_000))
    else:
        if count is not None and count > source.length:
            raise UsageError(
                f"{source.name}: expected at most {source.length:,} examples, got count {count:,} (use fewer)"
            )
        chosen = np.arange(source.length)
        if count is not None and count < source.length:
            chosen = np.sort(np.random.default_rng(seed).choice(source.length, count, replace=False))

    def fetch(numbers: np.ndarray, key: str) -> np.ndarray:
        return source.fetch(tf.constant(chosen[numbers], tf.int64))[key].numpy()

    labels = None
    if source.class_names:
        parts = [np.arange(start, min(start + 1000, len(chosen))) for start in range(0, len(chosen), 1000)]
        labels = np.concatenate([fetch(part, "labels") for part in parts])
    about = {} if source.length is None else {"of": source.length}

    def read(numbers: np.ndarray) -> np.ndarray:
        return fetch(numbers, "examples")

    return Examples(source.name, len(chosen), source.kind, read, labels, source.class_names, about, source.mixture)


def at_most(source: Source, count: int, *, seed: int = 0) -> Examples:
    """Return at most `count` examples of a data set; see `from_source`."""
    return from_source(source, count if source.length is None else min(count, source.length), seed=seed)


def of_dataset(dataset: DatasetConfig, count: int, *, seed: int = 0, data_dir: str | Path | None = None) -> Examples:
    """Return at most `count` examples of a config's data set; see `from_source`.

    Raises:
      DataError: as `open_source`.
    """
    source = open_source(dataset.model_copy(update={"classes": 0}), data_dir=data_dir, seed=seed)  # classes unchecked
    examples = at_most(source, count, seed=seed)
    if source.length is not None:
        examples.about["split"] = dataset.split
    if dataset.arguments:
        examples.about["options"] = dict(dataset.arguments)
    return examples


def held_out_of(dataset: DatasetConfig, count: int, *, seed: int = 0, data_dir: str | Path | None = None) -> Examples:
    """Return examples that no model was trained on: the split `test`, or those of an endless source from `count` on.

    Raises:
      DataError: there are none, or they are not available.
    """
    if dataset.split in ("test", "all"):
        raise DataError(f"{dataset.name}: split {dataset.split} leaves nothing to hold out (train on another one)")
    source = open_source(dataset.model_copy(update={"classes": 0}), data_dir=data_dir, seed=seed)
    if source.length is None:
        return from_source(source, count, first=count)
    return of_dataset(dataset.model_copy(update={"split": "test"}), count, seed=seed, data_dir=data_dir)


def from_model(
    model: GenerativeModel, count: int, *, labels: np.ndarray | None = None, seed: int = 0, truncation: float = 1.0
) -> Examples:
    """Return samples 0 … count-1 of a model and seed.

    Args:
      model: model that draws.
      count: number of samples.
      labels: labels of real examples, int `[m]`, whose proportions a conditional model reproduces (see `spread`); by
        default all classes in turn.
      seed, truncation: as for `generate`.

    Raises:
      UsageError: as `generate`.
    """
    asked = None
    if model.classes:
        asked = np.arange(count) % model.classes if labels is None else spread(labels, count)

    def read(numbers: np.ndarray) -> np.ndarray:
        chosen = None if asked is None else asked[numbers]
        return model.generate(labels=chosen, seed=seed, truncation=truncation, positions=numbers)

    config = getattr(model, "config", None)  # a model built by hand has none
    kind = kinds.of_shape(read(np.arange(1)).shape[1:]) if config is None else kinds.of(config.dataset)
    return Examples(model.name, count, kind, read, asked, about={"seed": seed, "truncation": truncation})


def spread(labels: np.ndarray, count: int) -> np.ndarray:
    """Return int32 `[count]` labels in the proportions of `labels`, up to one of each."""
    return np.sort(labels)[np.arange(count) * len(labels) // count].astype(np.int32)


def from_array(name: str, examples: Any, kind: Kind | None = None) -> Examples:
    """Return examples in memory.

    Args:
      name: name in messages.
      examples: images uint8 `[n, H, W, C]`, or floats in [-1, 1] of that shape; points `[n, columns]` of any float
        type; or examples of `kind`.
      kind: data kind; by default images or points, by shape. Images keep their size in any case.

    Raises:
      UsageError: invalid shape, dtype or range, NaN or infinity; the message names the first such example.
    """
    if kind is None or kind.is_image:
        kind = kinds.of_array(examples, name)
    array = kind.check(examples, name)
    return Examples(name, len(array), kind, lambda numbers: array[numbers])
