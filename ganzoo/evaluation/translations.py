"""What a translation is judged by: real images of both domains, and what a model makes of those of the one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganzoo.core import images
from ganzoo.data import kinds
from ganzoo.data.domains import Domains, open_domains
from ganzoo.data.sources.cyclegan_digits import KnownTranslation
from ganzoo.errors import DataError
from ganzoo.evaluation.collected import EXAMPLES_A_PART, scratch
from ganzoo.evaluation.examples import Examples, from_source
from ganzoo.models.build import scheme_of
from ganzoo.schema import Config, DatasetConfig, other_domain

if TYPE_CHECKING:
    from ganzoo.data.source import Source
    from ganzoo.models.translation import TranslationModel


@dataclass(frozen=True)
class Translation:
    """Real images on both sides of a translation.

    Attributes:
      to: the domain that is made.
      target: real images of it, those that the model learns from first.
      learned_from: how many of `target` these are; the rest is of the test split.
      given: the images of the other domain that are translated.
      source: images of the other domain that the model learns from.
      truth: what `given` should become, in the same order; None where that is not known.
      both_ways: whether the model translates back, too.
    """

    to: str
    target: Examples
    learned_from: int
    given: Examples
    source: Examples
    truth: Examples | None
    both_ways: bool


def open_translation(
    config: Config,
    to: str,
    count: int,
    *,
    size: int | None = None,
    seed: int = 0,
    data_dir: str | Path | None = None,
) -> Translation:
    """The data that a model is evaluated on: test images are translated, and compared with all images of the target.

    Args:
      config: of the model; its data set has a split `test`, which is not the one to learn from.
      to: the domain that is made.
      count: how many images are translated at most, a random choice; of all others there are as many as there are.
      size: side of the real images, of both domains, that the translations are compared with; by default the model's,
        which the images that are translated have in any case.
      seed: of the choice.
      data_dir: folder of the data sets.

    Raises:
      DataError: the data cannot be had, or the model learns from its test images.
    """
    dataset, other = config.dataset, other_domain(config.dataset.domains, to)
    compared = dataset if size is None else dataset.model_copy(update={"size": size})
    if dataset.split in ("test", "all"):
        raise DataError(f"{dataset.name}: split {dataset.split} leaves nothing to translate (train on another one)")
    train = _open(compared, dataset.split, seed, data_dir)
    test = _open(dataset, "test", seed, data_dir)
    unseen = test if size is None else _open(compared, "test", seed, data_dir)
    target = _examples(compared, to, train.sources[to], dataset.split)
    given, truth = _given(dataset, to, test, "test")
    numbers = np.arange(given.count)
    if count < given.count:
        numbers = np.sort(np.random.default_rng(seed).choice(given.count, count, replace=False))
    return Translation(
        to,
        joined(target, _examples(compared, to, unseen.sources[to], "test")),
        target.count,
        picked(given, numbers),
        _examples(compared, other, train.sources[other], dataset.split),
        truth and picked(truth, numbers),
        len(_made(config)) > 1,
    )


def open_translation_in_training(
    config: Config,
    source: Domains,
    count: int,
    *,
    data_dir: str | Path | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> Translation:
    """The data of a look in between: the first test images are translated, and compared with training images alone.

    Args:
      config: of the model, which is judged by the first domain that it makes.
      source: what it learns from, of any size.
      count: images of each kind at most: the first ones of those that are translated, a random choice of the others.
      data_dir: folder of the data sets.
      note: told when training images are translated, for want of others.
    """
    dataset, to = config.dataset, _made(config)[0]
    learned_from = {}
    for domain, one in source.sources.items():
        found = _examples(dataset, domain, one, dataset.split)
        numbers = np.random.default_rng(0).permutation(found.count)[:count]
        learned_from[domain] = picked(found, np.sort(numbers))
    try:
        test = _open(dataset, "test", config.training.seed, data_dir)
        given, truth = _given(dataset, to, test, "test")
    except DataError as error:
        note(f"translations of training images are evaluated: the test images cannot be had ({error})")
        given, truth = _given(dataset, to, source, dataset.split)
    numbers = np.arange(min(count, given.count))
    return Translation(
        to,
        learned_from[to],
        learned_from[to].count,
        picked(given, numbers),
        learned_from[other_domain(dataset.domains, to)],
        truth and picked(truth, numbers),
        len(_made(config)) > 1,
    )


def _made(config: Config) -> list[str]:
    """The domains that the config's model makes images of."""
    return scheme_of(config).domains_made(config.dataset.domains)


def default_metrics(translation: Translation) -> list[str]:
    """What a translation is judged by where nobody says, and on its card: all that can be said of it."""
    names = ["kid", "kid_ratio", "taken_for_target", "untouched_taken", "classifier_accuracy"]
    names += ["luminance_correlation", "luminance_correlation_least"]
    names += ["cycle_error"] if translation.both_ways else []
    return names + (["translation_error"] if translation.truth else [])


def translated(model: TranslationModel, given: Examples, to: str) -> Examples:
    """What a model makes of images, each made once and kept: in memory, or in a temporary file where they are large."""
    made = scratch((given.count, *given.shape), given.kind.dtype)
    done = 0
    for part in given.parts(EXAMPLES_A_PART):
        made[done : done + len(part)] = model.translate(part, to)
        done += len(part)
    about = {"to": to, "translated": " ".join(filter(None, [given.name, given.about.get("split")]))}
    return Examples(model.name, given.count, given.kind, lambda numbers: made[numbers], about=about)


def joined(first: Examples, second: Examples) -> Examples:
    """One set after the other, of the same kind and without labels; named after the first, with the splits of both."""

    def read(numbers: np.ndarray) -> np.ndarray:
        in_first = numbers < first.count
        both = ((first, numbers[in_first]), (second, numbers[~in_first] - first.count))
        return np.concatenate([examples.read(own) for examples, own in both if len(own)])

    splits = "+".join(examples.about["split"] for examples in (first, second))
    return replace(first, count=first.count + second.count, read=read, about={"split": splits})


def picked(examples: Examples, numbers: np.ndarray) -> Examples:
    """Those of these numbers (int64 `[n]`, ascending), without labels."""
    fewer = {"of": examples.count} if len(numbers) < examples.count else {}
    about = {**fewer, **examples.about}
    return replace(examples, count=len(numbers), read=lambda at: examples.read(numbers[at]), about=about)


def _open(dataset: DatasetConfig, split: str, seed: int, data_dir: str | Path | None) -> Domains:
    """Both domains of a split, whole images."""
    dataset = dataset.model_copy(update={"split": split, "load_size": None})
    return open_domains(dataset, data_dir=data_dir, seed=seed)


def _given(dataset: DatasetConfig, to: str, domains: Domains, split: str) -> tuple[Examples, Examples | None]:
    """All images of the other domain than `to`, and what they should become, where that is known."""
    other = other_domain(dataset.domains, to)
    source = domains.sources[other]
    given = _examples(dataset, other, source, split)
    if domains.paired:
        return given, _examples(dataset, to, domains.sources[to], split)
    return given, _examples(dataset, to, source.truth, split) if isinstance(source, KnownTranslation) else None


def _examples(dataset: DatasetConfig, domain: str, source: Source, split: str) -> Examples:
    """All images of a domain in the data set's size, called the same wherever they are kept."""
    found = from_source(source)
    side, channels = dataset.image_shape[1:]

    def read(numbers: np.ndarray) -> np.ndarray:
        batch = found.read(numbers)
        if batch.shape[1] == side:
            return batch
        return np.stack([images.fit(image, side, channels) for image in batch])

    return Examples(f"{dataset.name} ({domain})", found.count, kinds.of(dataset), read, about={"split": split})
