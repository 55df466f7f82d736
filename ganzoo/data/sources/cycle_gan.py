"""`cycle_gan/NAME`: the data sets of CycleGAN (Zhu et al. 2017), from TFDS or the authors' plain folders.

TFDS has the splits trainA, trainB, testA and testB; in `cycle_gan/monet2photo`, A are the paintings.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ganzoo.core import images
from ganzoo.core.files import expanded
from ganzoo.data.source import Source, side_of
from ganzoo.data.sources import domain_folders, tfds_source
from ganzoo.data.sources.domain_folders import letter_split
from ganzoo.errors import DataError
from ganzoo.registry import register
from ganzoo.schema import DatasetConfig

PLAIN_FOLDERS = (
    "the plain folders trainA, trainB, testA and testB (in DIR or in DIR/{config}), or --dataset folder:PATH with them"
)


def check(dataset: DatasetConfig, *, data_dir: Path | None) -> None:
    """Refuse data that cannot be opened, before TensorFlow is imported.

    Raises:
      DataError: as `domain_folders.check` or `tfds_source.check`, or if pairs are requested from TFDS.
    """
    place = plain_folders(dataset.name, data_dir)
    if place:
        domain_folders.check(_of_folders(dataset, place))
        return
    folders = PLAIN_FOLDERS.format(config=_config_of(dataset.name))
    if dataset.paired:
        raise DataError(f"{dataset.name}: TFDS does not keep pairs together (use --data_dir DIR with {folders})")
    ways_out = f"--data_dir DIR with a prepared copy or with {folders}"
    for domain in dataset.domains:
        tfds_source.check(_of_tfds(dataset, domain), data_dir=data_dir, ways_out=ways_out)


@register("dataset", "cycle_gan/", domains=None, check=check)
def cycle_gan(dataset: DatasetConfig, *, domain: str, data_dir: Path | None, skip_broken: bool, **_: Any) -> Source:
    """Return one domain; its name includes the folder if it is not read from TFDS.

    Raises:
      DataError: as `domain_folders.domain_folder` or `tfds_source.open_tfds`.
    """
    place = plain_folders(dataset.name, data_dir)
    if place is None:
        return tfds_source.open_tfds(_of_tfds(dataset, domain), data_dir=data_dir)
    source = domain_folders.domain_folder(_of_folders(dataset, place), domain=domain, skip_broken=skip_broken)
    return replace(source, name=f"{dataset.name} in {place}")


def plain_folders(name: str, data_dir: Path | None) -> Path | None:
    """Return the folder that holds the plain folders of `cycle_gan/NAME`: DIR/cycle_gan/NAME, DIR/NAME or DIR.

    Without such folders, and without a copy that TFDS has prepared, it is one with folders of the domains' images under
    other names, which `domain_folders.check` refuses by their names.
    """
    if data_dir is None:
        return None
    config = _config_of(name)
    root = expanded(data_dir)
    places = (root / "cycle_gan" / config, root / config, root)
    plain = (place for place in places if any((place / part).is_dir() for part in domain_folders.PARTS))
    words = config.split("2")
    others = (place for place in places[1:] if not places[0].is_dir() and _has_images_of(words, place))
    return next(itertools.chain(plain, others), None)


def _has_images_of(words: Sequence[str], place: Path) -> bool:
    """Return whether a folder there, whose name has one of the words, holds images (`monet_jpg` for `monet`)."""
    try:
        named = (path for path in place.iterdir() if any(word in path.name for word in words))
        return any(path.is_dir() and images.files_in(path, nested=False).files for path in named)
    except OSError:  # absent, or not to be read
        return False


def _config_of(name: str) -> str:
    """Return the config in a name: `cycle_gan/monet2photo:3.0.0` -> `monet2photo`."""
    return name.partition("/")[2].partition(":")[0]


def _of_folders(dataset: DatasetConfig, place: Path) -> DatasetConfig:
    return dataset.model_copy(update={"name": f"folder:{place}"})


def _of_tfds(dataset: DatasetConfig, domain: str) -> DatasetConfig:
    """Return the config of a domain as a split of TFDS."""
    own = {"split": letter_split(dataset, domain), "size": side_of(dataset)}
    return dataset.model_copy(update=own | {"domains": [], "paired": False, "load_size": None, "hold_out": 0})
