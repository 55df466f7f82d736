"""Sets of examples that can be compared, whether they are drawn by a model or real: a count and a way to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.data.source import Source
from ganzoo.errors import UsageError

if TYPE_CHECKING:
    from ganzoo.models.generative import GenerativeModel

Read = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Examples:
    """So many examples; number i is the same one whenever it is read.

    Attributes:
      name: for messages.
      count: how many.
      shape: `(H, W, C)` of images, `(columns,)` of points.
      read: int64 `[n]` numbers below `count`, ascending -> uint8 `[n, H, W, C]`, or float32 `[n, columns]`.
      labels: int32 `[count]`, or None.
      about: what they are, for the protocol.
    """

    name: str
    count: int
    shape: tuple[int, ...]
    read: Read
    labels: np.ndarray | None = None
    about: dict[str, Any] = field(default_factory=dict)

    def parts(self, size: int) -> Iterator[np.ndarray]:
        """All of them, in order, `size` at a time."""
        for start in range(0, self.count, size):
            yield self.read(np.arange(start, min(start + size, self.count)))


def from_source(source: Source, count: int | None = None, *, seed: int = 0, first: int = 0) -> Examples:
    """Examples of a data set.

    Args:
      source: the data set.
      count: how many; None is all (10,000 of an endless source). Fewer than there are is a random choice.
      seed: of the choice.
      first: of an endless source, the number of the first one.

    Raises:
      UsageError: it has fewer.
    """
    import tensorflow as tf

    if source.length is None:
        chosen = np.arange(first, first + (count or 10_000))
    else:
        if count is not None and count > source.length:
            raise UsageError(f"{source.name}: has {source.length:,} examples, {count:,} asked for (ask for fewer)")
        chosen = np.arange(source.length)
        if count is not None and count < source.length:
            chosen = np.sort(np.random.default_rng(seed).choice(source.length, count, replace=False))

    def fetch(numbers: np.ndarray, key: str) -> np.ndarray:
        return source.fetch(tf.constant(chosen[numbers], tf.int64))[key].numpy()

    labels = None
    if source.class_names:
        parts = [np.arange(start, min(start + 1000, len(chosen))) for start in range(0, len(chosen), 1000)]
        labels = np.concatenate([fetch(part, "labels") for part in parts])
    return Examples(source.name, len(chosen), source.example_shape, lambda numbers: fetch(numbers, "images"), labels)


def from_model(
    model: GenerativeModel, count: int, *, labels: np.ndarray | None = None, seed: int = 0, truncation: float = 1.0
) -> Examples:
    """Examples that a model draws: numbers 0 … count-1 of a seed.

    Args:
      model: draws them.
      count: how many.
      labels: of a conditional model, int `[m]`: over again up to `count`; by default all classes in turn.
      seed, truncation: as for `generate`.

    Raises:
      UsageError: as `generate`.
    """
    asked = None
    if model.classes:
        asked = np.arange(count) % model.classes if labels is None else np.resize(labels, count)

    def read(numbers: np.ndarray) -> np.ndarray:
        chosen = None if asked is None else asked[numbers]
        return model.generate(labels=chosen, seed=seed, truncation=truncation, positions=numbers)

    about = {"seed": seed, "truncation": truncation}
    return Examples(model.name, count, tuple(read(np.arange(1)).shape[1:]), read, asked, about)


def from_array(name: str, examples: Any) -> Examples:
    """Examples in memory.

    Args:
      name: for messages.
      examples: images uint8 `[n, H, W, C]`, or floats in [-1, 1] of that shape; points `[n, columns]` of any float
        type.

    Raises:
      UsageError: another shape or type, NaN or infinity, or floats beyond [-1, 1]; the first such example is named.
    """
    array = np.asarray(examples)
    if array.ndim not in (2, 4) or 0 in array.shape:
        wanted = "[n, height, width, channels] or [n, columns]"
        raise UsageError(f"{name}: shape {list(array.shape)} given, {wanted} wanted")
    if array.ndim == 4 and array.shape[3] not in (1, 3):
        raise UsageError(f"{name}: {array.shape[3]} channels given, 1 (grey) or 3 (RGB) wanted")
    if array.ndim == 4 and array.dtype == np.uint8:
        return Examples(name, len(array), array.shape[1:], lambda numbers: array[numbers])
    if not np.issubdtype(array.dtype, np.floating):
        raise UsageError(f"{name}: {array.dtype} given, uint8 pixels or floats wanted")
    rows = array.reshape(len(array), -1)
    broken = ~np.isfinite(rows).all(axis=1)
    if broken.any():
        raise UsageError(f"{name}: example {int(np.argmax(broken))} holds NaN or infinity (leave such examples out)")
    if array.ndim == 2:
        points = array.astype(np.float32)
        return Examples(name, len(points), points.shape[1:], lambda numbers: points[numbers])
    beyond = (np.abs(rows) > 1.0).any(axis=1)
    if beyond.any():
        first = int(np.argmax(beyond))
        low, high = rows[first].min(), rows[first].max()
        raise UsageError(
            f"{name}: example {first} has values from {low:g} to {high:g}: floats must be in [-1, 1] "
            "(pixels of 0 to 255 are uint8)"
        )
    from ganzoo.images import to_uint8

    pixels = to_uint8(array).numpy()
    return Examples(name, len(pixels), pixels.shape[1:], lambda numbers: pixels[numbers])
