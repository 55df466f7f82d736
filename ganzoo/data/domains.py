"""Two domains of images, for translation between them: each a source, of the same size and channels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ganzoo.data.open import available, check_source, open_source
from ganzoo.data.source import Source
from ganzoo.data.sources.domain_folders import in_pairs
from ganzoo.errors import DataError, did_you_mean
from ganzoo.schema import DatasetConfig


@dataclass(frozen=True)
class Domains:
    """Two sources that a model translates between.

    Attributes:
      name: of the data set, for messages.
      sources: by the domain's name, in the order of `dataset.domains`; the first is what papers call A.
      paired: whether example i of one belongs to example i of the other; both have the same length then.
    """

    name: str
    sources: dict[str, Source]
    paired: bool

    def __post_init__(self) -> None:
        lengths = {domain: source.length for domain, source in self.sources.items()}
        if self.paired and len(set(lengths.values())) > 1:
            counted = ", ".join(f"{count} of {domain}" for domain, count in lengths.items())
            raise DataError(f"{self.name}: {counted}, and pairs are wanted (as many of one as of the other)")


def open_data(
    dataset: DatasetConfig,
    *,
    data_dir: str | Path | None = None,
    skip_broken: bool = False,
    seed: int = 0,
) -> Source | Domains:
    """A config's data set, whether it has domains or not; see `open_domains` and `open.open_source`."""
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
    """Opens both domains of a config's data set, to learn from.

    Images are squares of `load_size`, where the config has one, and else of `size`. The sources have no labels.

    Args:
      dataset: with two domains. A registered name, `folder:PATH` with folders trainA, trainB, testA and testB, or
        `cycle_gan/NAME` of TFDS. If it is `paired`, examples of a folder belong together by their names; a registered
        data set that is paired gives pairs anyway.
      data_dir: folder of TFDS data sets; None is TFDS's own default.
      skip_broken: leave broken and too small images out, with a warning, instead of stopping.
      seed: keys the draws of endless sources, in [0, 2**31).

    Raises:
      DataError: an unknown, missing, empty or broken data set, or one that does not fit the config; one line.
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
    return Domains(name, {domain: _of_domain(dataset, domain, source) for domain, source in opened.items()}, paired)


def open_domain(dataset: DatasetConfig, domain: str, *, data_dir: str | Path | None = None, seed: int = 0) -> Source:
    """Opens one domain of a config's data set, to measure with: images are squares of `size`, as models take them.

    Args:
      dataset, data_dir, seed: as for `open_domains`.
      domain: one of `dataset.domains`.

    Raises:
      DataError: another domain, or as `open_domains`.
    """
    if domain not in dataset.domains:
        raise DataError(f"{dataset.name}: no domain '{domain}'{did_you_mean(domain, dataset.domains)}")
    folder = Path(data_dir) if data_dir else None
    dataset = dataset.model_copy(update={"load_size": None})
    entry = available(dataset, data_dir=folder)
    source = entry.opens(dataset, domain=domain, data_dir=folder, skip_broken=False, seed=seed)
    return _of_domain(dataset, domain, source)


def _of_domain(dataset: DatasetConfig, domain: str, source: Source) -> Source:
    """What was opened, named after its domain and without labels, which would be of something else."""
    bare = replace(
        source,
        name=f"{source.name} ({domain})",
        class_names=(),
        fetch=lambda indices: {"examples": source.fetch(indices)["examples"]},
    )
    check_source(dataset, bare)
    return bare
