"""`identity` and `standardised`: points, sequences and table rows as their own features."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ganzoo.data.kinds import Kind, Table
from ganzoo.evaluation.extractors.extractor import Extractor, fingerprint
from ganzoo.registry import register


@register("extractor", "identity")
def identity() -> Extractor:
    """Return the extractor that flattens float32 `[n, …]` to `[n, d]`, without scaling."""
    return _plain("identity", fingerprint("identity", 1), _flat, ("points", "table", "sequence"))


@register("extractor", "standardised")
def standardised() -> Extractor:
    """Return the extractor that standardises each column of table rows, float32 `[n, columns]`.

    Means and deviations are those of the real data set, so that large-valued columns do not dominate.
    """
    return _plain("standardised", fingerprint("standardised", 1), _flat, ("table",), _for_table)


def _for_table(kind: Kind) -> Extractor:
    assert isinstance(kind, Table)
    scales = [(field.mean, field.deviation) for field in kind.fields]
    return _plain("standardised", fingerprint("standardised", 1, scales), kind.standardised, ("table",))


def _plain(
    name: str,
    sha256: str,
    prepare: Callable[[np.ndarray], np.ndarray],
    kinds: tuple[str, ...],
    adapt: Callable[[Kind], Extractor] | None = None,
) -> Extractor:
    return Extractor(
        name,
        sha256=sha256,
        dimensions=None,
        prepare=prepare,
        network=lambda vectors: (vectors, None),
        embed=lambda examples: tf.reshape(examples, [tf.shape(examples)[0], -1]),
        batch_size=10_000,
        kinds=kinds,
        adapt=adapt,
    )


def _flat(examples: np.ndarray) -> np.ndarray:
    return np.asarray(examples, np.float32).reshape(len(examples), -1)
