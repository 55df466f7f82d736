"""`folder:PATH` with two domains: PATH/trainA holds images of the first, PATH/trainB of the second.

The split `test` is in PATH/testA and PATH/testB. The data sets of CycleGAN use the same folder names.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from ganzoo.data.source import Source, side_of
from ganzoo.data.sources import folder
from ganzoo.errors import DataError, did_you_mean
from ganzoo.registry import register
from ganzoo.schema import DatasetConfig

SPLITS = ("train", "test")
LETTERS = "AB"

_log = logging.getLogger(__name__)

PARTS = ("trainA", "trainB", "testA", "testB")


def check(dataset: DatasetConfig, **_: Any) -> None:
    """Refuse missing or empty folders and, for paired data, images without a partner.

    Raises:
      DataError: if so, or the split is neither `train` nor `test`.
    """
    letter_splits = [letter_split(dataset, domain) for domain in dataset.domains]
    folder.check(dataset.model_copy(update={"split": "train"}))
    files = []
    for domain, part in zip(dataset.domains, letter_splits, strict=True):
        one = _one(dataset, domain)
        root = folder.root_of(one)
        if not root.is_dir():
            raise DataError(
                f"{dataset.name}: expected folders {' and '.join(letter_splits)}, with the images of"
                f" {' and of '.join(dataset.domains)}, got {_found(folder.root_of(dataset))} (rename or link the folder"
                f" with images of {domain}: ln -s FOLDER {part})"
            )
        files.append([str(path.relative_to(root)) for path, _ in folder.listing(one).files])
    if dataset.paired:
        _check_partners(dataset.name, letter_splits, files)


@register("dataset", "folder:", domains=None, check=check)
def domain_folder(dataset: DatasetConfig, *, domain: str, skip_broken: bool, **_: Any) -> Source:
    """Return the images of one domain, read as by `folder`; one smaller than `dataset.size` counts as broken.

    Raises:
      DataError: as `folder.folder`.
    """
    source = folder.folder(_one(dataset, domain), skip_broken=skip_broken, smallest=dataset.image_shape[0])
    return replace(source, name=dataset.name)


def letter_split(dataset: DatasetConfig, domain: str) -> str:
    """Return the split of a domain, named as in TFDS: `trainA`.

    Raises:
      DataError: if the split is neither `train` nor `test`.
    """
    if dataset.split not in SPLITS:
        raise DataError(f"dataset.split: {dataset.name} has no '{dataset.split}'{did_you_mean(dataset.split, SPLITS)}")
    return dataset.split + LETTERS[dataset.domains.index(domain)]


def in_pairs(sources: dict[str, Source]) -> dict[str, Source]:
    """Return two sources in which example i of one corresponds to example i of the other.

    Sources without names already correspond. With names, examples whose partner was skipped as broken are left out.
    """
    first, second = ({_pair_name(name): number for number, name in enumerate(s.names)} for s in sources.values())
    if list(first) == list(second):
        return sources
    both = dict.fromkeys(key for key in first if key in second)
    paired = {}
    for (domain, source), numbers in zip(sources.items(), (first, second), strict=True):
        alone = [source.names[number] for key, number in numbers.items() if key not in both]
        if alone:
            _log.warning("%s: left out %d %s whose partner is broken", source.name, len(alone), domain)
        left_out = (*source.left_out, *(f"{domain}: {name}: its partner is broken" for name in alone))
        paired[domain] = replace(_chosen(source, [numbers[key] for key in both]), left_out=left_out)
    return paired


def _one(dataset: DatasetConfig, domain: str) -> DatasetConfig:
    """Return the config of a domain's folder as a data set of its own."""
    own = {"name": f"{dataset.name.rstrip('/')}/{letter_split(dataset, domain)}", "size": side_of(dataset)}
    return dataset.model_copy(
        update=own | {"split": "train", "domains": [], "paired": False, "load_size": None, "hold_out": 0}
    )


def _found(root: Path) -> str:
    """Return the folders in a folder, for messages."""
    names = sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "") or "no folders"


def _pair_name(name: str) -> str:
    """Return the part of a name that partners share: without the suffix, and without `_A` or `_B` before it."""
    stem = str(PurePath(name).with_suffix(""))
    return stem[:-2] if stem.endswith(tuple(f"_{letter}" for letter in LETTERS)) else stem


def _check_partners(name: str, parts: Sequence[str], files: Sequence[Sequence[str]]) -> None:
    named = [{_pair_name(file): file for file in own} for own in files]
    for part, own, by_name in zip(parts, files, named, strict=True):
        for file in own:
            if by_name[_pair_name(file)] != file:
                raise DataError(
                    f"{name}: {part} has both {file} and {by_name[_pair_name(file)]}, but pairs are matched by names"
                    " without suffix (remove one)"
                )
    for here, there in ((0, 1), (1, 0)):
        alone = [file for key, file in named[here].items() if key not in named[there]]
        if alone:
            raise DataError(
                f"{name}: expected pairs, got {len(alone)} image(s) of {parts[here]} without a partner of the same name"
                f" in {parts[there]}, first {alone[0]} (add the partners, or remove the images)"
            )


def _chosen(source: Source, examples: Sequence[int]) -> Source:
    """Return a source of these examples of another, in this order."""
    import tensorflow as tf

    table = np.array(examples, np.int64)
    names = tuple(source.names[example] for example in examples)
    return replace(
        source, length=len(table), names=names, fetch=lambda indices: source.fetch(tf.gather(table, indices))
    )
