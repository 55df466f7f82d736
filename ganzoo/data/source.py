"""The interface of data sources."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ganzoo.data import kinds
from ganzoo.data.kinds import Kind
from ganzoo.schema import DatasetConfig

if TYPE_CHECKING:
    import tensorflow as tf

# Prepared stores up to this size are read into memory; larger ones stay on disk, in the page cache.
IN_MEMORY_BYTES = 256 * 2**20

_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")

Fetch = Callable[["tf.Tensor"], dict[str, "tf.Tensor"]]


@dataclass(frozen=True)
class Mixture:
    """Distribution of equally likely Gaussians.

    Attributes:
      centres: means, float64 `[modes, columns]`.
      deviation: standard deviation of each Gaussian in each column.
    """

    centres: np.ndarray
    deviation: float


@dataclass(frozen=True)
class Source:
    """Examples with random access.

    Attributes:
      name: name in the config, for messages.
      length: number of examples; None for an endless source, where any counter from 0 is an example.
      kind: kind of the examples, with their shape.
      class_names: one name per label; empty for data without labels.
      fetch: graph function from int64 indices `[n]` (`0 <= i < length`) to `examples` (`[n, *kind.shape]`: uint8
        images, otherwise float32) and, if there are classes, `labels` (int32 `[n]`). Example i depends on i only. It is
        traced without AutoGraph: conditions on tensors need `tf.cond` or `tf.where`.
      names: file paths of the examples relative to their folder, in order; empty if they have none.
      left_out: line for each file that is left out, with its path and the reason.
      mixture: distribution of the examples, if it is a known mixture of Gaussians.
    """

    name: str
    length: int | None
    kind: Kind
    class_names: tuple[str, ...]
    fetch: Fetch
    names: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    mixture: Mixture | None = None

    @property
    def example_shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return self.kind.shape


class OpenFunction(Protocol):
    """Function that a source module registers. It may take `**_` for arguments that it does not use.

    `domain` is the domain to open, "" for data sets without domains; images of domains have side `side_of(dataset)`.
    `data_dir` is the user's folder of data sets, `skip_broken` skips broken files with a warning, and `seed` is the
    seed of an endless source.
    """

    def __call__(
        self, dataset: DatasetConfig, *, domain: str, data_dir: Path | None, skip_broken: bool, seed: int
    ) -> Source: ...


class CheckFunction(Protocol):
    """Function that raises, without TensorFlow, the DataError that opening would raise. It may take `**_`.

    What it has read may be returned, and is passed to the OpenFunction as `listed`.

    `data_dir` is the user's folder of data sets.
    """

    def __call__(self, dataset: DatasetConfig, *, data_dir: Path | None) -> Any: ...


def from_arrays(
    name: str,
    examples: np.ndarray,
    labels: np.ndarray | None = None,
    class_names: tuple[str, ...] = (),
    kind: Kind | None = None,
) -> Source:
    """Return a source over arrays.

    Args:
      name: name for messages.
      examples: `[N, *shape]` in the kind's dtype; an `np.memmap` above `IN_MEMORY_BYTES` stays on disk.
      labels: integers `[N]` below `len(class_names)`; given if and only if there are class names.
      class_names: one name per label.
      kind: kind of the examples; by default images, sequences or points, by their shape.
    """
    import tensorflow as tf

    kind = kind or kinds.of_shape(examples.shape[1:])
    dtype = tf.as_dtype(examples.dtype)
    on_disk = isinstance(examples, np.memmap) and examples.nbytes > IN_MEMORY_BYTES
    with tf.device("CPU:0"):
        table = None if on_disk else tf.constant(np.asarray(examples))
        label_table = tf.constant(np.asarray(labels, np.int32)) if class_names else None

    def fetch(indices: tf.Tensor) -> dict[str, tf.Tensor]:
        if table is None:
            rows = tf.numpy_function(lambda at: np.asarray(examples[at]), [indices], dtype, stateful=False)
            rows.set_shape([indices.shape[0], *kind.shape])
        else:
            rows = tf.gather(table, indices)
        batch = {"examples": rows}
        return batch if label_table is None else {**batch, "labels": tf.gather(label_table, indices)}

    return Source(name, len(examples), kind, class_names, fetch)


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Return the dataset without TensorFlow's tuning of its parallelism, whose thread may take a minute to end."""
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def order_classes(names: Iterable[str]) -> tuple[str, ...]:
    """Sort class names by number if all are numbers (`2` before `10`), otherwise as text."""
    ordered = sorted(names)
    if all(_NUMBER.fullmatch(name) for name in ordered):
        ordered.sort(key=Decimal)
    return tuple(ordered)


def side_of(dataset: DatasetConfig) -> int:
    """Return the side of a domain's images in pixels, before cropping."""
    return dataset.load_size or dataset.image_shape[0]
