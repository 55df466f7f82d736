"""What a feature extractor is, and how a name becomes one.

An extractor is a function without arguments that opens it, decorated with `@register("extractor", "name")`. It raises
WeightsError where its weights are absent or damaged: one line with the ways out, within two seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ganzoo.data.kinds import KINDS, Kind
from ganzoo.errors import UsageError
from ganzoo.registry import of


class Features(NamedTuple):
    """What an extractor says of images.

    Attributes:
      features: float32 `[n, dimensions]`.
      probabilities: of the classes, float32 `[n, classes]`; None where the extractor is no classifier.
    """

    features: np.ndarray
    probabilities: np.ndarray | None


class Extractor:
    """Images -> features, in batches, through one compiled function.

    Args:
      name: as registered; part of every metric's name.
      sha256: of the weights and of all else that decides the features; results with another one do not compare.
      dimensions: of a feature; None: those of the example.
      prepare: examples at the edge (uint8 `[n, H, W, C]` of any size; float32 of other kinds) -> what `network` takes,
        NumPy; called in another thread, one batch ahead.
      network: graph function from a prepared batch to (features `[n, dimensions]`, logits `[n, classes]` or None).
      embed: graph function from float32 examples inside (images `[n, H, W, C]` in [-1, 1]) to features, differentiable
        and unquantised, for path lengths; None where there is none.
      class_names: one a logit; empty where the extractor is no classifier.
      licence: of the weights.
      batch_size: images a call.
      kinds: names of the kinds of data that it looks at.
      adapt: kind of the real examples -> the extractor for them, where it depends on them; see `for_kind`.
    """

    def __init__(
        self,
        name: str,
        *,
        sha256: str,
        dimensions: int | None,
        prepare: Callable[[np.ndarray], np.ndarray],
        network: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor | None]],
        embed: Callable[[tf.Tensor], tf.Tensor] | None = None,
        class_names: tuple[str, ...] = (),
        licence: str = "",
        batch_size: int = 250,
        kinds: tuple[str, ...] = ("image",),
        adapt: Callable[[Kind], Extractor] | None = None,
    ) -> None:
        self.name = name
        self.sha256 = sha256
        self.dimensions = dimensions
        self.class_names = class_names
        self.embed = embed
        self.licence = licence
        self.batch_size = batch_size
        self.prepare = prepare
        self.network = network
        self.kinds = kinds
        self._adapt = adapt

        @tf.function(reduce_retracing=True, autograph=False)
        def compute(prepared: tf.Tensor) -> tuple[tf.Tensor, ...]:
            features, logits = network(prepared)
            features = tf.cast(features, tf.float32)
            return (features,) if logits is None else (features, tf.nn.softmax(tf.cast(logits, tf.float32)))

        self._compute = compute

    def for_kind(self, kind: Kind, name: str) -> Extractor:
        """The extractor that looks at examples of that kind.

        Args:
          kind: of the real examples.
          name: of them, for messages.

        Raises:
          UsageError: it is for other kinds of data.
        """
        if kind.name not in self.kinds:
            takes = " and ".join(KINDS[known].plural for known in self.kinds)
            raise UsageError(
                f"features: {self.name} is for {takes}, {name} has {kind.plural} (use {kind.default_features()})"
            )
        return self if self._adapt is None else self._adapt(kind)

    def __call__(self, examples: np.ndarray) -> Features:
        """The features of examples `[n, …]` at the edge, n of 1 or more: uint8 images, float32 of other kinds."""
        parts = [self._compute(prepared) for prepared in self._prepared(examples)]
        columns = [np.concatenate([part.numpy() for part in column]) for column in zip(*parts, strict=True)]
        return Features(columns[0], columns[1] if len(columns) > 1 else None)

    def _prepared(self, examples: np.ndarray) -> Iterator[np.ndarray]:
        """Batches that are ready for the network, each made while the network has the one before."""
        batches = [examples[start : start + self.batch_size] for start in range(0, len(examples), self.batch_size)]
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(self.prepare, batches[0])
            for batch in batches[1:]:
                ready, ahead = ahead.result(), pool.submit(self.prepare, batch)
                yield ready
            yield ahead.result()


Opener = Callable[[], Extractor]

EXTRACTORS = of("extractor")


def open_extractor(name: str) -> Extractor:
    """The extractor of that name.

    Raises:
      ConfigError: there is none.
      WeightsError: its weights are absent and cannot be fetched, or are not what they should be.
    """
    return EXTRACTORS.get(name)()


def names() -> list[str]:
    """The names of all extractors, sorted."""
    return EXTRACTORS.names()


def fingerprint(*parts: Any) -> str:
    """SHA-256 of the text of all parts: weights' hash, the version of the resizing, and so on."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()
