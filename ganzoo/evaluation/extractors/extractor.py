"""Feature extractors: the class, and opening one by name.

Register an extractor as a function without arguments that returns it: `@register("extractor", "name")`. If its weights
are missing or damaged, the function raises WeightsError with one line that tells the mend, within two seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ganzoo.data.kinds import KINDS, Kind
from ganzoo.errors import UsageError
from ganzoo.registry import of

if TYPE_CHECKING:
    import tensorflow as tf


class Features(NamedTuple):
    """Output of an extractor.

    Attributes:
      features: float32 `[n, dimensions]`.
      probabilities: class probabilities, float32 `[n, classes]`; None if the extractor does not classify.
    """

    features: np.ndarray
    probabilities: np.ndarray | None


class Extractor:
    """Feature extractor that runs in batches, through one compiled function.

    Args:
      name: registered name, part of every metric's name.
      sha256: hash of the weights and all else that determines the features; only equal hashes are comparable.
      dimensions: dimensions of a feature; None for those of the example.
      prepare: NumPy function from external examples (uint8 `[n, H, W, C]` of any size; float32 for other kinds) to the
        input of `network`; runs in another thread, one batch ahead.
      network: graph function from a prepared batch to (features `[n, dimensions]`, logits `[n, classes]` or None).
      embed: differentiable graph function from internal float32 examples (images `[n, H, W, C]` in [-1, 1]) to
        features, without quantisation, for path lengths; or None.
      class_names: one name per logit; empty if the extractor does not classify.
      licence: licence of the weights.
      trained_on: examples that it was trained on and that may be evaluated with it; "" if there are none.
      batch_size: images per call.
      kinds: names of the supported data kinds.
      adapt: function from the real examples' kind to an extractor for them, if it depends on them; see `for_kind`.
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
        trained_on: str = "",
        batch_size: int = 250,
        kinds: tuple[str, ...] = ("image",),
        adapt: Callable[[Kind], Extractor] | None = None,
    ) -> None:
        import tensorflow as tf

        self.name = name
        self.sha256 = sha256
        self.dimensions = dimensions
        self.class_names = class_names
        self.embed = embed
        self.licence = licence
        self.trained_on = trained_on
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
        """Return the extractor for a data kind.

        Args:
          kind: kind of the real examples.
          name: name of the real examples in messages.

        Raises:
          UsageError: the extractor does not support this kind.
        """
        if kind.name not in self.kinds:
            takes = " and ".join(KINDS[known].plural for known in self.kinds)
            raise UsageError(
                f"features: {self.name}: expected {takes}, got {kind.plural} of {name} (use {kind.default_features()})"
            )
        return self if self._adapt is None else self._adapt(kind)

    def __call__(self, examples: np.ndarray) -> Features:
        """Compute features of external examples `[n, …]`, n of 1 or more: uint8 images, float32 for other kinds."""
        parts = [self._compute(prepared) for prepared in self._prepared(examples)]
        columns = [np.concatenate([part.numpy() for part in column]) for column in zip(*parts, strict=True)]
        return Features(columns[0], columns[1] if len(columns) > 1 else None)

    def _prepared(self, examples: np.ndarray) -> Iterator[np.ndarray]:
        """Yield prepared batches, each prepared while the network runs the previous one."""
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
    """Open an extractor by name.

    Raises:
      ConfigError: the name is unknown.
      WeightsError: the weights are missing and cannot be fetched, or have another hash.
    """
    return EXTRACTORS.get(name)()


def names() -> list[str]:
    """Return the names of all extractors, sorted."""
    return EXTRACTORS.names()


def fingerprint(*parts: Any) -> str:
    """Return the SHA-256 of the text of all parts: hash of the weights, version of the resizing, and so on."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()
