"""Data set names of a config, resolved to sources."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ganzoo.data import kinds
from ganzoo.data.source import CheckFunction, OpenFunction, Source
from ganzoo.data.sources import tfds_source
from ganzoo.errors import DataError, UsageError, did_you_mean
from ganzoo.registry import OF_TWO_DOMAINS, OWN, of
from ganzoo.schema import DatasetConfig, check_arguments

DATASETS = of("dataset")
PASSED = (
    "domain",
    "data_dir",
    "skip_broken",
    "seed",
    "smallest",
    "listed",
)  # arguments of an OpenFunction that are no options


def open_source(
    dataset: DatasetConfig, *, data_dir: str | Path | None = None, skip_broken: bool = False, seed: int = 0
) -> Source:
    """Open a config's data set: a registered name, `folder:PATH`, or the name of a TFDS data set.

    `domains.open_domains` opens data sets with two domains; `domains.open_data` opens either.

    Args:
      dataset: data section of the config; `classes: 0` skips the check of the number of classes.
      data_dir: folder of TFDS data sets; None is TFDS's default.
      skip_broken: skip broken images, with a warning, instead of stopping.
      seed: seed of the draws of endless sources, in [0, 2**31).

    Raises:
      DataError: if the data set is unknown, missing, empty or broken, or does not fit the config; one line.
      ConfigError: if it does not have an option, or its value is invalid.
      UsageError: if the config has two domains.
    """
    if dataset.domains:
        raise UsageError(f"{dataset.name}: expected no domains, got {_listed(dataset.domains)} (use open_domains)")
    folder = Path(data_dir) if data_dir else None
    entry = available(dataset, data_dir=folder)
    source = entry.opens(dataset, domain="", data_dir=folder, skip_broken=skip_broken, seed=seed)
    if not isinstance(source, Source):
        raise DataError(f"dataset.name: {dataset.name}: expected a Source from it, got {type(source).__name__}")
    check_source(dataset, source)
    return source


def check_available(dataset: DatasetConfig, *, data_dir: str | Path | None = None) -> None:
    """Check a config's data set as far as possible without TensorFlow; opening it checks the rest.

    Takes at most about two seconds, mostly for the import of TFDS if the name is not registered.

    Args:
      dataset, data_dir: as for `open_source`.

    Raises:
      DataError: if the data set is unknown, the folder is absent, the TFDS data set is neither prepared nor can be
        downloaded, or the domains differ from those of the config.
      ConfigError: if the data set does not have an option, or its value is invalid.
    """
    available(dataset, data_dir=Path(data_dir) if data_dir else None)


@dataclass(frozen=True)
class Entry:
    """Registration of a data set.

    Attributes:
      opens: function that returns the source.
      kind: kind of the examples, one of `kinds.KINDS`.
      domains: names of its two domains; None if the config names them, empty for a source without domains.
      paired: whether example i of one domain corresponds to example i of the other; None if the config says so.
      check: called before it is opened, and by `check_available`; what it returns is given to `opens` as `listed`.
    """

    opens: OpenFunction
    kind: str = "image"
    domains: tuple[str, ...] | None = ()
    paired: bool | None = None
    check: CheckFunction | None = None


def available(dataset: DatasetConfig, *, data_dir: Path | None) -> Entry:
    """Return the entry of a config's data set with its options, checked without TensorFlow; see `check_available`."""
    entry = _resolve(dataset)
    _check_kind(dataset, entry.kind)
    _check_domains(dataset, entry)
    listed = entry.check(dataset, data_dir=data_dir) if entry.check else None
    options = check_arguments(entry.opens, dataset.arguments, "dataset", [*DatasetConfig.model_fields], PASSED)
    read: dict[str, Any] = (
        {} if listed is None else {"listed": listed}
    )  # what the check has read need not be read again
    return replace(entry, opens=partial(entry.opens, **options, **read))


def check_source(dataset: DatasetConfig, source: Source) -> None:
    """Refuse a source that does not fit its config.

    Raises:
      DataError: if it has fewer than two examples, or its columns or classes differ from the config's.
    """
    if source.length is not None and source.length < 2:
        raise DataError(f"{source.name}: expected at least two examples, got {source.length} (add more)")
    for key, size in source.kind.fixed.items():
        given = getattr(dataset, key)
        if given != size:
            raise DataError(f"dataset.{key}: {given}, but {source.name} has {size} (set dataset.{key}={size})")
    classes = len(source.class_names)
    if dataset.classes and dataset.classes != classes:
        has = f"{classes} classes" if classes else "no labels"
        given = dataset.classes
        raise DataError(f"dataset.classes: {given}, but {source.name} has {has} (set dataset.classes={classes})")


def _resolve(dataset: DatasetConfig) -> Entry:
    name, two = dataset.name, bool(dataset.domains)
    if entry := _registered(name, two):
        return entry
    if not two and tfds_source.knows(name):
        return Entry(tfds_source.open_tfds, check=tfds_source.check)
    own = _names(two)
    raise _no_such_domains(dataset, own) if two else _no_such_source(name, own)


def _no_such_domains(dataset: DatasetConfig, own: Sequence[str]) -> DataError:
    name = dataset.name
    if _registered(name, False) or tfds_source.knows(name):
        return DataError(
            f"dataset.name: expected the domains {_listed(dataset.domains)}, got {name}, which has none (use one of:"
            f" {', '.join(sorted(own))})"
        )
    return DataError(f"dataset.name: unknown data set '{name}' with two domains{did_you_mean(name, own)}")


def _no_such_source(name: str, own: Sequence[str]) -> DataError:
    if entry := _registered(name, True):
        return DataError(
            f"dataset.name: {name} has two domains, {_listed(entry.domains or ())} (use a model of the task"
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
    """Return the names of the registered data sets, with or without two domains, for messages."""
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
        raise DataError(f"dataset.channels: {dataset.channels}, but images have 1 or 3 (set dataset.channels=1)")


def _check_domains(dataset: DatasetConfig, entry: Entry) -> None:
    if entry.domains and set(dataset.domains) != set(entry.domains):
        given, has = _listed(dataset.domains), _listed(entry.domains)
        raise DataError(
            f"dataset.domains: expected {has} for {dataset.name}, got {given}"
            f" (set dataset.domains=[{','.join(entry.domains)}])"
        )
    if dataset.paired and entry.paired is False:
        raise DataError(
            f"dataset.name: {dataset.name} has no pairs, but this model needs them (use pix2pix_digits, folder:PATH, or"
            " a model that learns without pairs, such as cyclegan_digits)"
        )


def _listed(domains: Sequence[str]) -> str:
    return " and ".join(domains)
