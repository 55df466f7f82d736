"""Sources of examples: what every one of them offers, and how a config's data set name becomes one."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ganzoo.errors import DataError, did_you_mean
from ganzoo.schema import DatasetConfig

if TYPE_CHECKING:
    import tensorflow as tf

# A prepared store up to this size is read into memory; above it, batches are read from disk through the page cache.
IN_MEMORY_BYTES = 256 * 2**20

Fetch = Callable[["tf.Tensor"], dict[str, "tf.Tensor"]]


@dataclass(frozen=True)
class Source:
    """Examples with random access.

    Attributes:
      name: as in the config, for messages.
      length: number of examples; None for an endless source, where any counter from 0 names an example.
      example_shape: `(H, W, C)` for images, `(columns,)` for points.
      class_names: one a label; empty for data without labels.
      fetch: graph function from int64 indices `[n]` (`0 <= i < length`) to `images` (uint8 `[n, H, W, C]`, or float32
        `[n, columns]` for points) and, where there are classes, `labels` (int32 `[n]`). Example i depends on i alone.
    """

    name: str
    length: int | None
    example_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    fetch: Fetch


class OpenFunction(Protocol):
    """What a source module registers. It may take `**_` for the arguments that it has no use for.

    `data_dir` is the user's folder of data sets, `skip_broken` leaves broken files out with a warning, and `seed` keys
    what an endless source draws.
    """

    def __call__(self, dataset: DatasetConfig, *, data_dir: Path | None, skip_broken: bool, seed: int) -> Source: ...


# Raises at once, without TensorFlow, the DataError that opening would raise; gets the user's folder of data sets too.
CheckFunction = Callable[[DatasetConfig, Path | None], None]


@dataclass(frozen=True)
class _Entry:
    opens: OpenFunction
    points: bool
    check: CheckFunction | None


_registry: dict[str, _Entry] = {}


def register(
    name: str, *, points: bool = False, check: CheckFunction | None = None
) -> Callable[[OpenFunction], OpenFunction]:
    """Decorator that makes a source known by name; one that ends in a colon (`folder:`) takes what follows as its own.

    Args:
      name: as written in `dataset.name`.
      points: whether it makes points (`dataset.size: 0`) and not images.
      check: called before it is opened, and by `check_available`.
    """

    def keep(opens: OpenFunction) -> OpenFunction:
        _registry[name] = _Entry(opens, points, check)
        return opens

    return keep


def open_source(
    dataset: DatasetConfig, *, data_dir: str | Path | None = None, skip_broken: bool = False, seed: int = 0
) -> Source:
    """Opens a config's data set: a registered name, `folder:PATH`, or else the name of a TFDS data set.

    Args:
      dataset: with `classes: 0` the number of classes is not checked, so that it can be asked for.
      data_dir: folder of TFDS data sets; None is TFDS's own default.
      skip_broken: leave broken images out, with a warning, instead of stopping.
      seed: keys the draws of endless sources, in [0, 2**31).

    Raises:
      DataError: an unknown, missing, empty or broken data set, or one that does not fit the config; one line.
    """
    folder = Path(data_dir) if data_dir else None
    entry = _available(dataset, folder)
    source = entry.opens(dataset, data_dir=folder, skip_broken=skip_broken, seed=seed)
    _check_source(dataset, source)
    return source


def check_available(dataset: DatasetConfig, *, data_dir: str | Path | None = None) -> None:
    """Says without TensorFlow's start what is plainly wrong with a config's data set; `open_source` finds the rest.

    Takes at most two seconds or so, most of them for importing TFDS where the name is none of ours.

    Args:
      dataset, data_dir: as for `open_source`.

    Raises:
      DataError: an unknown data set, an absent folder, or one of TFDS that is neither prepared nor to be downloaded.
    """
    _available(dataset, Path(data_dir) if data_dir else None)


def from_arrays(
    name: str, images: np.ndarray, labels: np.ndarray | None = None, class_names: tuple[str, ...] = ()
) -> Source:
    """A source over arrays.

    Args:
      name: for messages.
      images: uint8 `[N, H, W, C]` or float32 `[N, columns]`; a `np.memmap` above `IN_MEMORY_BYTES` stays on disk.
      labels: integers `[N]` below `len(class_names)`; given exactly when there are class names.
      class_names: one a label.
    """
    import tensorflow as tf

    length, shape = images.shape[0], images.shape[1:]
    dtype = tf.as_dtype(images.dtype)
    on_disk = isinstance(images, np.memmap) and images.nbytes > IN_MEMORY_BYTES
    with tf.device("CPU:0"):
        table = None if on_disk else tf.constant(np.asarray(images))
        label_table = tf.constant(np.asarray(labels, np.int32)) if class_names else None

    def fetch(indices: tf.Tensor) -> dict[str, tf.Tensor]:
        if table is None:
            rows = tf.numpy_function(lambda at: np.asarray(images[at]), [indices], dtype, stateful=False)
            rows.set_shape([indices.shape[0], *shape])
        else:
            rows = tf.gather(table, indices)
        return {"images": rows} if label_table is None else {"images": rows, "labels": tf.gather(label_table, indices)}

    return Source(name, length, tuple(shape), class_names, fetch)


def _available(dataset: DatasetConfig, data_dir: Path | None) -> _Entry:
    entry = _resolve(dataset.name)
    _check_kind(dataset, entry.points)
    if entry.check:
        entry.check(dataset, data_dir)
    return entry


def _resolve(name: str) -> _Entry:
    _discover()
    scheme, colon, _ = name.partition(":")
    if entry := _registry.get(scheme + colon):
        return entry
    from ganzoo.data import tfds_source

    if tfds_source.knows(name):
        return _Entry(tfds_source.open_tfds, points=False, check=tfds_source.check)
    own = [known + "PATH" if known.endswith(":") else known for known in _registry]
    close = difflib.get_close_matches(name, [*own, *tfds_source.names()], n=1)
    hint = did_you_mean(name, close or own)
    raise DataError(f"dataset.name: unknown data set '{name}'{hint}; any TFDS image data set and folder:PATH work too")


@cache
def _discover() -> None:
    """Imports every module of this package, so that each registers its sources."""
    package = importlib.import_module("ganzoo.data")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"ganzoo.data.{module.name}")


def _check_kind(dataset: DatasetConfig, points: bool) -> None:
    if points and dataset.size:
        raise DataError(f"dataset.size: {dataset.size}, but {dataset.name} makes points (use a point_generation model)")
    if not points and not dataset.size:
        raise DataError(f"dataset.size: 0, but {dataset.name} has images (use an image_generation model)")
    if not points and dataset.channels not in (1, 3):
        raise DataError(f"dataset.channels: {dataset.channels}, but images have 1 or 3 (--set dataset.channels=1)")


def _check_source(dataset: DatasetConfig, source: Source) -> None:
    if source.length is not None and source.length < 2:
        raise DataError(f"{source.name}: {source.length} example(s) to learn from, at least two are needed (add more)")
    if source.example_shape != dataset.example_shape:
        given, columns = dataset.channels, source.example_shape[-1]
        raise DataError(
            f"dataset.channels: {given}, but {source.name} has {columns} columns (--set dataset.channels={columns})"
        )
    classes = len(source.class_names)
    if dataset.classes and dataset.classes != classes:
        has = f"{classes} classes" if classes else "no labels"
        given = dataset.classes
        raise DataError(f"dataset.classes: {given}, but {source.name} has {has} (--set dataset.classes={classes})")
