"""Data to evaluate translations: real images of both domains, and a model's translations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganzoo.core import images
from ganzoo.data import kinds
from ganzoo.data.domains import Domains, list_hash, open_domains
from ganzoo.data.sources.cyclegan_digits import KnownTranslation
from ganzoo.errors import DataError
from ganzoo.evaluation.collected import EXAMPLES_A_PART, scratch
from ganzoo.evaluation.examples import Examples, from_source
from ganzoo.schema import Config, DatasetConfig, other_domain

if TYPE_CHECKING:
    from ganzoo.data.source import Source
    from ganzoo.models.translation import TranslationModel


@dataclass(frozen=True)
class Translation:
    """Real images of both domains of a translation.

    Attributes:
      to: target domain.
      target: real images of the target domain, training images first.
      learned_from: number of training images in `target`; the rest is from the test split.
      given: images of the source domain to translate.
      source: training images of the source domain.
      truth: true translations of `given`, in the same order; None if unknown.
      both_ways: whether the model also translates back.
      files: files of all training and test images, relative to the data set's folder, sorted; empty without files.
    """

    to: str
    target: Examples
    learned_from: int
    given: Examples
    source: Examples
    truth: Examples | None
    both_ways: bool
    files: tuple[str, ...] = ()


def open_translation(
    config: Config,
    to: str,
    count: int,
    *,
    size: int | None = None,
    seed: int = 0,
    data_dir: str | Path | None = None,
    files: Sequence[str] | None = None,
) -> Translation:
    """Return the evaluation data: test images to translate, and all images of the target domain to compare with.

    Args:
      config: config of the model; its data set has a split `test` that is not used for training.
      to: target domain.
      count: largest number of images to translate, a random choice; all other sets are complete.
      size: side of the real images to compare with, of both domains; by default the model's, which the images to
        translate always have.
      seed: seed of the choice.
      data_dir: folder of the data sets.
      files: files to take, and no others; by default all.

    Raises:
      DataError: the data are not available, a file is missing, or the model is trained on the test images.
    """
    dataset, other = config.dataset, other_domain(config.dataset.domains, to)
    compared = dataset if size is None else dataset.model_copy(update={"size": size})
    if dataset.split in ("test", "all"):
        raise DataError(f"{dataset.name}: split {dataset.split} leaves nothing to translate (train on another one)")
    train = _open(compared, dataset.split, seed, data_dir, files)
    test = _open(dataset, "test", seed, data_dir, files)
    unseen = test if size is None else _open(compared, "test", seed, data_dir, files)
    listed = {dataset.split: train, "test": test}
    names = sorted(name for split, both in listed.items() for each in both.files(split).values() for name in each)
    if files is not None and (missing := sorted(set(files) - set(names))):
        raise DataError(
            f"real: expected {len(files):,} files with list hash {list_hash(files)[:12]}, got {len(names):,} of them "
            f"in {train.name} (give a copy of the data that has {missing[0]}: data_dir, --data_dir)"
        )
    target = _examples(compared, to, train.sources[to], dataset.split)
    given, truth = _given(dataset, to, test, "test")
    numbers = np.arange(given.count)
    if count < given.count:
        numbers = np.sort(np.random.default_rng(seed).choice(given.count, count, replace=False))
    return Translation(
        to,
        joined(target, _examples(compared, to, unseen.sources[to], "test")),
        target.count,
        given.picked(numbers),
        _examples(compared, other, train.sources[other], dataset.split),
        truth and truth.picked(numbers),
        len(_made(config)) > 1,
        tuple(names),
    )


def open_translation_in_training(
    config: Config,
    source: Domains,
    count: int,
    *,
    note: Callable[[str], None] = lambda line: None,
) -> Translation:
    """Return data to evaluate during training: held-out images to translate, and training images to compare with.

    Args:
      config: config of the model, which is evaluated on its first target domain.
      source: training data, of any size.
      count: largest number of images per set: the first images to translate, a random choice of the others.
      note: receives a message if training images are translated because none are held out.
    """
    dataset, to = config.dataset, _made(config)[0]
    learned_from = {}
    for domain, one in source.sources.items():
        found = _examples(dataset, domain, one, dataset.split)
        numbers = np.random.default_rng(0).permutation(found.count)[:count]
        learned_from[domain] = found.picked(np.sort(numbers))
    if source.held_out is None:
        note(
            "evaluating translations of training images, as none are held out (dataset.hold_out=100 in overrides, "
            "--set, does so)"
        )
    given, truth = _given(dataset, to, source.held_out or source, dataset.split)
    numbers = np.arange(min(count, given.count))
    return Translation(
        to,
        learned_from[to],
        learned_from[to].count,
        given.picked(numbers),
        learned_from[other_domain(dataset.domains, to)],
        truth and truth.picked(numbers),
        len(_made(config)) > 1,
    )


def _made(config: Config) -> list[str]:
    """Return the target domains of the config's model."""
    from ganzoo.models.build import options_of, scheme_of

    scheme = scheme_of(config)
    return scheme.domains_made(config.dataset.domains, options_of(config, scheme))


def default_metrics(translation: Translation) -> list[str]:
    """Return the default metrics of a translation, also for its card: all that can be computed."""
    names = ["kid", "kid_ratio", "taken_for_target", "untouched_taken", "classifier_accuracy"]
    names += ["luminance_correlation", "luminance_correlation_least"]
    names += ["cycle_error"] if translation.both_ways else []
    return names + (["translation_error"] if translation.truth else [])


def translated(model: TranslationModel, given: Examples, to: str) -> Examples:
    """Translate images once, and keep the results in memory, or in a temporary file if large."""
    made = scratch((given.count, *given.shape), given.kind.dtype)
    done = 0
    for part in given.parts(EXAMPLES_A_PART):
        made[done : done + len(part)] = model.translate(part, to)
        done += len(part)
    about = {"to": to, "translated": " ".join(filter(None, [given.name, given.about.get("split")]))}
    return Examples(model.name, given.count, given.kind, lambda numbers: made[numbers], about=about)


def joined(first: Examples, second: Examples) -> Examples:
    """Join two sets of one kind, without labels; named after the first, with the splits of both."""

    def read(numbers: np.ndarray) -> np.ndarray:
        in_first = numbers < first.count
        both = ((first, numbers[in_first]), (second, numbers[~in_first] - first.count))
        return np.concatenate([examples.read(own) for examples, own in both if len(own)])

    splits = "+".join(examples.about["split"] for examples in (first, second))
    return replace(first, count=first.count + second.count, read=read, about={**first.about, "split": splits})


def _open(
    dataset: DatasetConfig, split: str, seed: int, data_dir: str | Path | None, files: Sequence[str] | None
) -> Domains:
    """Open both domains of a split, as whole images; of folders these files, if given."""
    dataset = dataset.model_copy(update={"split": split, "load_size": None, "hold_out": 0})
    opened = open_domains(dataset, data_dir=data_dir, seed=seed)
    return opened if files is None else opened.with_files(split, frozenset(files))


def _given(dataset: DatasetConfig, to: str, domains: Domains, split: str) -> tuple[Examples, Examples | None]:
    """Return all images of the source domain, and their true translations if known."""
    other = other_domain(dataset.domains, to)
    source = domains.sources[other]
    given = _examples(dataset, other, source, split)
    if domains.paired:
        return given, _examples(dataset, to, domains.sources[to], split)
    return given, _examples(dataset, to, source.truth, split) if isinstance(source, KnownTranslation) else None


def _examples(dataset: DatasetConfig, domain: str, source: Source, split: str) -> Examples:
    """Return all images of a domain in the data set's size, with a name that does not depend on their location."""
    found = from_source(source)
    side, channels = dataset.image_shape[1:]

    def read(numbers: np.ndarray) -> np.ndarray:
        batch = found.read(numbers)
        if batch.shape[1] == side:
            return batch
        return np.stack([images.fit(image, side, channels) for image in batch])

    about = {"split": split} | ({"options": dict(dataset.arguments)} if dataset.arguments else {})
    return Examples(f"{dataset.name} ({domain})", found.count, kinds.of(dataset), read, about=about)
