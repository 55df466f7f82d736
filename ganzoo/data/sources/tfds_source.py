"""Image data sets of TensorFlow Datasets by name (`mnist`, `eurosat/rgb`): prepared once, then random access."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.core import images as pixels
from ganzoo.core.reachable import unreachable
from ganzoo.data import store
from ganzoo.data.source import Source, from_arrays, untuned
from ganzoo.data.sources import fashion_mnist
from ganzoo.errors import DataError, did_you_mean
from ganzoo.schema import DatasetConfig

# Advice if a data set can neither be read nor downloaded.
WAYS_OUT = "--data_dir DIR with a prepared copy, --dataset mnist_5k (embedded) or --dataset folder:PATH"

_shows_progress = True


def knows(name: str) -> bool:
    """Return whether TFDS has this data set; a config (`name/config`) and a version (`name:1.2.3`) may follow."""
    return name.partition("/")[0].partition(":")[0] in names()


@cache
def names() -> frozenset[str]:
    """Return the names of TFDS's own data sets (0.3 s at the first call)."""
    import tensorflow_datasets as tfds

    return frozenset(tfds.list_builders(with_community_datasets=False))


def show_progress(show: bool) -> None:
    """Set whether TFDS reports downloads and preparation on stderr; applies to the whole process, as TFDS's switch."""
    global _shows_progress
    _shows_progress = show


def check(dataset: DatasetConfig, *, data_dir: Path | None, ways_out: str = WAYS_OUT, **_: Any) -> None:
    """Refuse data that cannot be opened, before TensorFlow is imported.

    Args:
      dataset, data_dir: as for `open.open_source`.
      ways_out: alternatives to a connection, for the message.

    Raises:
      DataError: if there are no images, no such config, no such split in a prepared copy, or neither a prepared copy
        nor a download.
    """
    builder = _builder(dataset.name, data_dir)
    _features(dataset.name, builder)
    if _is_prepared(builder):
        _count(dataset, builder)
    elif not _from_debian(builder) and not _placed_by_hand(builder):
        _check_obtainable(dataset.name, builder, ways_out)


def open_tfds(dataset: DatasetConfig, *, data_dir: Path | None, **_: Any) -> Source:
    """Open a TFDS data set with an `image` feature and optionally a class `label`; crop the central square and resize.

    Raises:
      DataError: if there is no such split, or preparing or reading fails. `check` must have passed.
    """
    builder = _builder(dataset.name, data_dir)
    labelled, class_names = _features(dataset.name, builder)
    if not _is_prepared(builder):
        _download_and_prepare(dataset.name, builder)
    count = _count(dataset, builder)
    prepared = store.prepare(
        [str(builder.data_dir), builder.info.full_name, dataset.split, count],
        count,
        dataset.image_shape,
        lambda: _items(dataset, builder, labelled),
    )
    if prepared.labels.min() < 0:  # TFDS uses -1 in splits whose labels are secret
        class_names = ()
    return from_arrays(dataset.name, prepared.images, prepared.labels, class_names)


def _builder(name: str, data_dir: Path | None) -> Any:
    import tensorflow_datasets as tfds

    try:
        return tfds.builder(name, data_dir=data_dir)
    except Exception as error:  # ValueError, AssertionError, ImportError: anything its builder raises
        raise DataError(f"dataset.name: TFDS cannot make '{name}': {_one_line(error)}") from error


def _is_prepared(builder: Any) -> bool:
    absl = logging.getLogger("absl")
    level = absl.level
    absl.setLevel(logging.ERROR)  # TFDS warns about a folder that does not exist yet
    try:
        return builder.is_prepared()
    finally:
        absl.setLevel(level)


def _features(name: str, builder: Any) -> tuple[bool, tuple[str, ...]]:
    """Return whether examples have a class label, and the class names."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    keys = list(features.keys()) if isinstance(features, tfds.features.FeaturesDict) else []
    image = features["image"] if "image" in keys else None
    if not isinstance(image, tfds.features.Image) or image.np_dtype != np.uint8 or image.shape[-1] not in (1, 3):
        raise DataError(
            f"dataset.name: expected 8-bit grey or colour images in a feature 'image', got '{name}' of TFDS with"
            f" {', '.join(keys) or 'no features'} (choose an image data set, or folder:PATH)"
        )
    label = features["label"] if "label" in keys else None
    if not isinstance(label, tfds.features.ClassLabel):
        return False, ()
    return True, tuple(label.names)


def _download_and_prepare(name: str, builder: Any) -> None:
    """Create TFDS's prepared copy from Debian's files, from manually placed archives or from the network."""
    import tensorflow_datasets as tfds

    root = _root(builder)
    with tempfile.TemporaryDirectory(prefix="ganzoo-") as originals:
        manual = _manual(builder)
        if _from_debian(builder):
            manual = Path(originals)
            fashion_mnist.place_originals(builder.url_infos, manual)
        config = tfds.download.DownloadConfig(manual_dir=manual, try_download_gcs=False)
        tfds.display_progress_bar(_shows_progress)
        try:
            # TFDS prints notes to stdout, which is for results.
            with contextlib.redirect_stdout(sys.stderr if _shows_progress else io.StringIO()):
                builder.download_and_prepare(download_config=config)
        except Exception as error:  # TFDS and its parsers raise nearly anything
            raise DataError(f"{name}: TFDS could not prepare it in {root}: {_one_line(error)}") from error


def _check_obtainable(name: str, builder: Any, ways_out: str) -> None:
    """Refuse at once a data set that TFDS would refuse after minutes of retries."""
    if builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
        manual = _manual(builder)
        if manual.is_dir() and any(manual.iterdir()):
            return
        instructions = " ".join(builder.MANUAL_DOWNLOAD_INSTRUCTIONS.split())
        raise DataError(f"{name}: its files must be placed in {manual} manually: {instructions}")
    url = next(iter(builder.url_infos or {}), None)
    reason = unreachable(url) if url else None
    if reason is None:
        return
    debian = f"apt-get install {fashion_mnist.PACKAGE}, " if builder.name == "fashion_mnist" else ""
    raise DataError(
        f"{name}: not prepared in {_root(builder)}, and cannot be downloaded ({reason}): connect, or use {debian}"
        f"{ways_out}"
    )


def _root(builder: Any) -> Path:
    """Return the folder of all data sets."""
    return Path(builder.data_dir).parents[2 if builder.builder_config else 1]


def _manual(builder: Any) -> Path:
    """Return the folder of manually placed archives."""
    return _root(builder) / "downloads" / "manual"


def _from_debian(builder: Any) -> bool:
    return builder.name == "fashion_mnist" and fashion_mnist.FOLDER.is_dir()


def _placed_by_hand(builder: Any) -> bool:
    manual = _manual(builder)
    return any(info.filename and (manual / info.filename).exists() for info in (builder.url_infos or {}).values())


def _count(dataset: DatasetConfig, builder: Any) -> int:
    """Return the number of examples in the split, which may be a slice (`train[:80%]`)."""
    try:
        count = builder.info.splits[dataset.split].num_examples
    except Exception as error:  # KeyError, ValueError or AssertionError
        hint = did_you_mean(dataset.split, builder.info.splits)
        raise DataError(f"dataset.split: {dataset.name} has no '{dataset.split}'{hint}") from error
    if not count:
        raise DataError(f"dataset.split: '{dataset.split}' of {dataset.name} is empty (take a larger one)")
    return count


def _items(dataset: DatasetConfig, builder: Any, labelled: bool) -> Iterator[store.Item]:
    import tensorflow as tf
    import tensorflow_datasets as tfds

    size, channels = dataset.image_shape[1:]
    wanted = {"image": True, "label": True} if labelled else {"image": True}
    try:
        examples = builder.as_dataset(
            split=dataset.split, shuffle_files=False, decoders=tfds.decode.PartialDecoding(wanted)
        ).prefetch(tf.data.AUTOTUNE)
        for example in tfds.as_numpy(untuned(examples)):
            label = int(example["label"]) if labelled else 0
            yield pixels.fit(example["image"], size, channels), label
    except tf.errors.OpError as error:  # a file is truncated, changed or missing
        raise DataError(
            f"{dataset.name}: its prepared copy in {builder.data_dir} is damaged ({_one_line(error)}): delete that"
            " folder to prepare it again"
        ) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:600] or type(error).__name__
