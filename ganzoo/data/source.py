"""Sources of examples: what every one of them offers, and how a config's data set name becomes one."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from ganzoo.data import kinds
from ganzoo.data.kinds import Kind
from ganzoo.errors import DataError, UsageError, did_you_mean
from ganzoo.registry import OF_TWO_DOMAINS, OWN, of
from ganzoo.schema import DatasetConfig

if TYPE_CHECKING:
    import tensorflow as tf

# A prepared store up to this size is read into memory; above it, batches are read from disk through the page cache.
IN_MEMORY_BYTES = 256 * 2**20

DATASETS = of("dataset")

Fetch = Callable[["tf.Tensor"], dict[str, "tf.Tensor"]]


@dataclass(frozen=True)
class Source:
    """Examples with random access.

    Attributes:
      name: as in the config, for messages.
      length: number of examples; None for an endless source, where any counter from 0 names an example.
      kind: of its examples, with their shape.
      class_names: one a label; empty for data without labels.
      fetch: graph function from int64 indices `[n]` (`0 <= i < length`) to `examples` (`[n, *kind.shape]` as the kind
        has them at the edge: uint8 images, float32 otherwise) and, where there are classes, `labels` (int32 `[n]`).
        Example i depends on i alone.
      names: of the examples, in order: files, as paths below their folder; empty where the examples have none.
    """

    name: str
    length: int | None
    kind: Kind
    class_names: tuple[str, ...]
    fetch: Fetch
    names: tuple[str, ...] = ()

    @property
    def example_shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return self.kind.shape


class OpenFunction(Protocol):
    """What a source module registers. It may take `**_` for the arguments that it has no use for.

    `domain` is which of the data set's two domains to open, "" where it has none; images of domains have the side
    `side_of(dataset)`. `data_dir` is the user's folder of data sets, `skip_broken` leaves broken files out with a
    warning, and `seed` keys what an endless source draws.
    """

    def __call__(
        self, dataset: DatasetConfig, *, domain: str, data_dir: Path | None, skip_broken: bool, seed: int
    ) -> Source: ...


Opens = TypeVar("Opens", bound=OpenFunction)


class CheckFunction(Protocol):
    """Raises at once, without TensorFlow, the DataError that opening would raise. It may take `**_`.

    `data_dir` is the user's folder of data sets.
    """

    def __call__(self, dataset: DatasetConfig, *, data_dir: Path | None) -> None: ...


@dataclass(frozen=True)
class Entry:
    """What is registered for a name; see `register`."""

    opens: OpenFunction
    kind: str = "image"
    domains: tuple[str, ...] | None = ()
    paired: bool | None = None
    check: CheckFunction | None = None


def register(
    name: str,
    *,
    kind: str = "image",
    domains: tuple[str, ...] | None = (),
    paired: bool | None = None,
    check: CheckFunction | None = None,
) -> Callable[[Opens], Opens]:
    """Decorator that makes a source known by name; the same as `ganzoo.register("dataset", name, …)`.

    Args:
      name: as written in `dataset.name`; one that ends in a colon or slash (`folder:`) takes what follows as its own.
        It may stand for one source and for two domains, each registered.
      kind: of its examples, one of `kinds.KINDS`.
      domains: the names of its two domains, None where the config names them; empty for a source without domains.
      paired: whether example i of one domain belongs to example i of the other; None where it is as the user says.
      check: called before it is opened, and by `check_available`.
    """
    return DATASETS.register(name, kind=kind, domains=domains, paired=paired, check=check)


def open_source(
    dataset: DatasetConfig, *, data_dir: str | Path | None = None, skip_broken: bool = False, seed: int = 0
) -> Source:
    """Opens a config's data set: a registered name, `folder:PATH`, or else the name of a TFDS data set.

    One with two domains is opened by `domains.open_domains`; `domains.open_data` opens either.

    Args:
      dataset: with `classes: 0` the number of classes is not checked, so that it can be asked for.
      data_dir: folder of TFDS data sets; None is TFDS's own default.
      skip_broken: leave broken images out, with a warning, instead of stopping.
      seed: keys the draws of endless sources, in [0, 2**31).

    Raises:
      DataError: an unknown, missing, empty or broken data set, or one that does not fit the config; one line.
      UsageError: the config has two domains.
    """
    if dataset.domains:
        raise UsageError(f"{dataset.name}: has the domains {_listed(dataset.domains)}: open it with open_domains")
    folder = Path(data_dir) if data_dir else None
    entry = available(dataset, data_dir=folder)
    source = entry.opens(dataset, domain="", data_dir=folder, skip_broken=skip_broken, seed=seed)
    check_source(dataset, source)
    return source


def check_available(dataset: DatasetConfig, *, data_dir: str | Path | None = None) -> None:
    """Checks a config's data set as far as that works without TensorFlow; opening it finds the rest.

    Takes at most about two seconds, most of them for importing TFDS where the name is not registered.

    Args:
      dataset, data_dir: as for `open_source`.

    Raises:
      DataError: an unknown data set, an absent folder, one of TFDS that is neither prepared nor to be downloaded, or
        one whose domains are not those of the config.
    """
    available(dataset, data_dir=Path(data_dir) if data_dir else None)


def from_arrays(
    name: str,
    examples: np.ndarray,
    labels: np.ndarray | None = None,
    class_names: tuple[str, ...] = (),
    kind: Kind | None = None,
) -> Source:
    """A source over arrays.

    Args:
      name: for messages.
      examples: `[N, *shape]` as their kind has them at the edge; a `np.memmap` above `IN_MEMORY_BYTES` stays on disk.
      labels: integers `[N]` below `len(class_names)`; given exactly when there are class names.
      class_names: one a label.
      kind: of the examples; by default images, sequences or points, by their shape.
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


def available(dataset: DatasetConfig, *, data_dir: Path | None) -> Entry:
    """The entry of a config's data set, checked as far as can be without TensorFlow; see `check_available`."""
    entry = _resolve(dataset)
    _check_kind(dataset, entry.kind)
    _check_domains(dataset, entry)
    if entry.check:
        entry.check(dataset, data_dir=data_dir)
    return entry


def side_of(dataset: DatasetConfig) -> int:
    """The side of a domain's images in pixels, before they are cropped."""
    return dataset.load_size or dataset.image_shape[0]


def check_source(dataset: DatasetConfig, source: Source) -> None:
    """Refuses a source that does not fit its config.

    Raises:
      DataError: fewer than two examples, or other columns or classes than the config has.
    """
    if source.length is not None and source.length < 2:
        raise DataError(f"{source.name}: {source.length} example(s) to learn from, at least two are needed (add more)")
    for key, size in source.kind.fixed.items():
        given = getattr(dataset, key)
        if given != size:
            raise DataError(f"dataset.{key}: {given}, but {source.name} has {size} (--set dataset.{key}={size})")
    classes = len(source.class_names)
    if dataset.classes and dataset.classes != classes:
        has = f"{classes} classes" if classes else "no labels"
        given = dataset.classes
        raise DataError(f"dataset.classes: {given}, but {source.name} has {has} (--set dataset.classes={classes})")


def _resolve(dataset: DatasetConfig) -> Entry:
    name, two = dataset.name, bool(dataset.domains)
    if entry := _registered(name, two):
        return entry
    from ganzoo.data import tfds_source

    if not two and tfds_source.knows(name):
        return Entry(tfds_source.open_tfds, check=tfds_source.check)
    own = _names(two)
    raise _no_such_domains(dataset, own) if two else _no_such_source(name, own)


def _no_such_domains(dataset: DatasetConfig, own: Sequence[str]) -> DataError:
    from ganzoo.data import tfds_source

    name = dataset.name
    if _registered(name, False) or tfds_source.knows(name):
        return DataError(
            f"dataset.name: {name} has no domains, and {_listed(dataset.domains)} are wanted (take one of:"
            f" {', '.join(sorted(own))})"
        )
    return DataError(f"dataset.name: unknown data set '{name}' with two domains{did_you_mean(name, own)}")


def _no_such_source(name: str, own: Sequence[str]) -> DataError:
    from ganzoo.data import tfds_source

    if entry := _registered(name, True):
        return DataError(
            f"dataset.name: {name} has two domains, {_listed(entry.domains or ())} (take a model of the task"
            " image_translation, or other data)"
        )
    close = difflib.get_close_matches(name, [*own, *tfds_source.names()], n=1)
    hint = did_you_mean(name, close or own)
    return DataError(
        f"dataset.name: unknown data set '{name}'{hint}; any TFDS image data set and folder:PATH work too; {OWN}"
    )


def _registered(name: str, two: bool) -> Entry | None:
    for known, found in DATASETS.all().items():
        own = known.removesuffix(OF_TWO_DOMAINS)
        if (own != known) == two and (name == own or (own[-1] in ":/" and name.startswith(own))):
            return Entry(found.part, **found.properties)
    return None


def _names(two: bool) -> list[str]:
    """The names of the registered data sets, of one source or of two domains, for messages."""
    names = [known for known in DATASETS.names() if known.endswith(OF_TWO_DOMAINS) == two]
    own = [own for known in names if not (own := known.removesuffix(OF_TWO_DOMAINS)).startswith("arrays:")]
    return [known + {":": "PATH", "/": "NAME"}.get(known[-1], "") for known in own]


def _check_kind(dataset: DatasetConfig, kind: str) -> None:
    if dataset.kind != kind:
        has = kinds.KINDS[kind]
        raise DataError(
            f"dataset.kind: {dataset.kind}, but {dataset.name} has {has.plural} (use a model of the task {has.task})"
        )
    if kinds.of(dataset).is_image and dataset.channels not in (1, 3):
        raise DataError(f"dataset.channels: {dataset.channels}, but images have 1 or 3 (--set dataset.channels=1)")


def _check_domains(dataset: DatasetConfig, entry: Entry) -> None:
    if entry.domains and set(dataset.domains) != set(entry.domains):
        given, has = _listed(dataset.domains), _listed(entry.domains)
        raise DataError(
            f"dataset.domains: {given} given, but those of {dataset.name} are {has}"
            f" (--set dataset.domains=[{','.join(entry.domains)}])"
        )
    if dataset.paired and entry.paired is False:
        raise DataError(
            f"dataset.name: {dataset.name} has no pairs, and this model learns from pairs (take pix2pix_digits or"
            " folder:PATH, or a model that learns without pairs, such as cyclegan_digits)"
        )


def _listed(domains: Sequence[str]) -> str:
    return " and ".join(domains)
