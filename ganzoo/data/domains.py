"""Two image domains for translation: one source per domain, with equal size and channels."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.data.open import available, check_source, open_source
from ganzoo.data.source import Source
from ganzoo.data.sources.cyclegan_digits import KnownTranslation
from ganzoo.data.sources.domain_folders import LETTERS, in_pairs
from ganzoo.errors import DataError, did_you_mean
from ganzoo.schema import DatasetConfig


@dataclass(frozen=True)
class Domains:
    """The two sources that a model translates between.

    Attributes:
      name: name of the data set, for messages.
      sources: maps the domain's name to its source, in the order of `dataset.domains`; papers call the first one A.
      paired: whether example i of one corresponds to example i of the other; the lengths are equal then.
      held_out: examples of both domains that are not trained on; None if there are none.
    """

    name: str
    sources: dict[str, Source]
    paired: bool
    held_out: Domains | None = None

    def __post_init__(self) -> None:
        lengths = {domain: source.length for domain, source in self.sources.items()}
        if self.paired and len(set(lengths.values())) > 1:
            counted = ", ".join(f"{count} of {domain}" for domain, count in lengths.items())
            raise DataError(f"{self.name}: expected pairs, as many of one domain as of the other, got {counted}")

    def files(self, split: str) -> dict[str, list[str]]:
        """Return the image files of a split in order, by domain, relative to the data set's folder: `trainA/1.jpg`.

        Blanks in names become underscores, as copies of the data sets of CycleGAN differ in them. Data that are not
        read from folders have none.
        """
        letters = zip(LETTERS, self.sources.items(), strict=True)
        return {
            domain: [f"{split}{letter}/{name}".replace(" ", "_") for name in source.names]
            for letter, (domain, source) in letters
        }

    def with_files(self, split: str, wanted: Collection[str]) -> Domains:
        """Return the domains of a split with these files, and no others."""
        kept = {domain: [name in wanted for name in names] for domain, names in self.files(split).items()}
        sources = {domain: _part(self.sources[domain], np.flatnonzero(here)) for domain, here in kept.items()}
        return replace(self, sources=sources)

    def parted(self, count: int) -> Domains:
        """Return the domains without `count` examples of each, a fixed choice, which become `held_out`.

        Raises:
          DataError: a domain is endless or has no more examples than that.
        """
        for source in self.sources.values():
            if source.length is None or source.length <= count:
                has = "an endless one" if source.length is None else f"{source.length}"
                raise DataError(
                    f"dataset.hold_out: expected data of more than {count} examples, got {has} of {source.name}"
                )
        kept, held = {}, {}
        for domain, source in self.sources.items():
            order = np.random.default_rng(0).permutation(source.length or 0)  # the same of domains that are paired
            held[domain], kept[domain] = _part(source, order[:count]), _part(source, order[count:])
        return replace(self, sources=kept, held_out=replace(self, sources=held))


def list_hash(files: Iterable[str]) -> str:
    """Return the SHA-256 of a list of files: sorted, one per line."""
    return hashlib.sha256("".join(f"{name}\n" for name in sorted(files)).encode()).hexdigest()


def open_data(
    dataset: DatasetConfig,
    *,
    data_dir: str | Path | None = None,
    skip_broken: bool = False,
    seed: int = 0,
) -> Source | Domains:
    """Open a config's data set, with or without domains; see `open_domains` and `open.open_source`."""
    if not dataset.domains:
        return open_source(dataset, data_dir=data_dir, skip_broken=skip_broken, seed=seed)
    return open_domains(dataset, data_dir=data_dir, skip_broken=skip_broken, seed=seed)


def open_domains(
    dataset: DatasetConfig,
    *,
    data_dir: str | Path | None = None,
    skip_broken: bool = False,
    seed: int = 0,
) -> Domains:
    """Open both domains of a config's data set for training.

    Images are squares of `load_size` if the config has one, otherwise of `size`. The sources have no labels.

    Args:
      dataset: has two domains: a registered name, `folder:PATH` with folders trainA, trainB, testA and testB, or
        `cycle_gan/NAME` of TFDS. If it is `paired`, files are paired by name; registered data sets that are paired
        always give pairs.
      data_dir: folder of TFDS data sets; None is TFDS's default.
      skip_broken: skip broken and too small images, with a warning, instead of stopping.
      seed: seed of the draws of endless sources, in [0, 2**31).

    Raises:
      DataError: if the data set is unknown, missing, empty or broken, or does not fit the config; one line.
    """
    folder = Path(data_dir) if data_dir else None
    entry = available(dataset, data_dir=folder)
    opened = {
        domain: entry.opens(dataset, domain=domain, data_dir=folder, skip_broken=skip_broken, seed=seed)
        for domain in dataset.domains
    }
    name = opened[dataset.domains[0]].name
    paired = dataset.paired or bool(entry.paired)
    if paired:
        opened = in_pairs(opened)
    whole = Domains(name, {domain: _of_domain(dataset, domain, source) for domain, source in opened.items()}, paired)
    return whole.parted(dataset.hold_out) if dataset.hold_out else whole


def open_domain(dataset: DatasetConfig, domain: str, *, data_dir: str | Path | None = None, seed: int = 0) -> Source:
    """Open one domain of a config's data set for evaluation; images are squares of `size`, the models' input size.

    Args:
      dataset, data_dir, seed: as for `open_domains`.
      domain: one of `dataset.domains`.

    Raises:
      DataError: if the domain is unknown, or as `open_domains`.
    """
    if domain not in dataset.domains:
        raise DataError(f"{dataset.name}: no domain '{domain}'{did_you_mean(domain, dataset.domains)}")
    folder = Path(data_dir) if data_dir else None
    dataset = dataset.model_copy(update={"load_size": None})
    entry = available(dataset, data_dir=folder)
    source = entry.opens(dataset, domain=domain, data_dir=folder, skip_broken=False, seed=seed)
    return _of_domain(dataset, domain, source)


def _part(source: Source, numbers: np.ndarray) -> Source:
    """Return the examples with these numbers, in their own order."""
    import tensorflow as tf

    numbers = np.sort(numbers)
    with tf.device("CPU:0"):
        at = tf.constant(numbers, tf.int64)
    changed: dict[str, Any] = {
        "length": len(numbers),
        "names": tuple(source.names[number] for number in numbers) if source.names else (),
        "fetch": lambda indices: source.fetch(tf.gather(at, indices)),
    }
    if isinstance(source, KnownTranslation):
        changed["truth"] = _part(source.truth, numbers)
    return replace(source, **changed)


def _of_domain(dataset: DatasetConfig, domain: str, source: Source) -> Source:
    """Return the source renamed after its domain, without its labels, which have another meaning."""
    bare = replace(
        source,
        name=f"{source.name} ({domain})",
        class_names=(),
        fetch=lambda indices: {"examples": source.fetch(indices)["examples"]},
    )
    check_source(dataset, bare)
    return bare
