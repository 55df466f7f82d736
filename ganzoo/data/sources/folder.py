"""`folder:PATH`: the user's own images, of any format, mode and size; subfolders are classes."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.core import images as pixels
from ganzoo.core.files import expanded
from ganzoo.data import store
from ganzoo.data.source import Source, from_arrays, order_classes
from ganzoo.errors import DataError
from ganzoo.registry import register
from ganzoo.schema import DatasetConfig

# Number of headers read to find the size and channels of a folder.
HEADERS = 200
MOST_PIXELS = 128

# Number of files decoded ahead of storing, to bound memory.
_CHUNK = 256

_log = logging.getLogger(__name__)


def check(dataset: DatasetConfig, **_: Any) -> Classes:
    """Refuse a folder without images, before TensorFlow is imported; return what is in it.

    Raises:
      DataError: if there is no path, as `listing`, or if the split is neither `train` nor `all`.
    """
    if dataset.split not in ("train", "all"):
        raise DataError(f"dataset.split: expected train or all, got '{dataset.split}' (or give its folder as the PATH)")
    if dataset.name == "folder:":
        raise DataError("folder: expected a path, got none (--dataset folder:PATH)")
    return listing(dataset)


@register("dataset", "folder:", check=check)
def folder(
    dataset: DatasetConfig, *, skip_broken: bool, smallest: int = 0, listed: Classes | None = None, **_: Any
) -> Source:
    """Return the images below a folder, cropped to the central square and resized; examples are named by file.

    Each subfolder with images at any depth is a class, sorted by name, or by number if all names are numbers; a flat
    folder has no classes. Links are followed. Hidden files and folders, and files of other suffixes, are passed over
    with a warning. There are no splits: `train` and `all` are everything.

    Args:
      dataset, skip_broken: as for `open.open_source`.
      smallest: images with a shorter side below this many pixels count as broken.

    Raises:
      DataError: if there are no images, a broken one (without `skip_broken`), or images beside class folders.
    """
    root = root_of(dataset)
    listed = listed or listing(dataset)
    files = listed.files
    if listed.empty:
        _log.warning("%s: no images in %s: skipped as a class", dataset.name, _few(listed.empty))
    if listed.passed_over:
        _log.warning("%s: passed over what is not an image: %s", dataset.name, pixels.counted(listed.passed_over))
    names = [str(path.relative_to(root)) for path, _ in files]
    prepare = partial(
        store.prepare,
        [
            str(root.resolve()),
            [[name, label, *_stamp(path)] for name, (path, label) in zip(names, files, strict=True)],
            smallest,
        ],
        len(files),
        dataset.image_shape,
        lambda: _decode_all(dataset, root, files, skip_broken, smallest),
    )
    prepared = prepare()
    left_out = {root / name: reason for name, reason in prepared.left_out.items()}
    if left_out and not skip_broken:  # prepared by an earlier run with skip_broken
        for path in left_out:
            _read(path, dataset, smallest, None)
        prepared = prepare(anew=True)  # all are readable now, for example with new permissions
    elif left_out:
        few = _few([str(path) for path in left_out])
        _log.warning("%s: left out %d broken image(s): %s", dataset.name, len(left_out), few)
    source = from_arrays(dataset.name, prepared.images, prepared.labels, listed.names)
    return replace(
        source,
        names=tuple(name for name in names if name not in prepared.left_out),
        left_out=tuple(f"{path}: {reason}" for path, reason in left_out.items()),
    )


def sizes_of(dataset: DatasetConfig) -> dict[str, int]:
    """Return the side and channels that suit the images of a folder, from the headers of some of them.

    The side is the common one if all images share it, it is at most `MOST_PIXELS` and halves to 4 … 7; otherwise the
    largest of 64 and 32 that half of the images reach. Channels are 3 if any image has colour.

    Args:
      dataset: only `name` is read; a folder without images gives {}, and opening it raises the error.
    """
    try:
        files = listing(dataset).files
    except DataError:
        return {}
    headers = []
    for path, _ in files[:: -(-len(files) // HEADERS)]:
        with contextlib.suppress(DataError):
            headers.append(pixels.header(path))
    if not headers:
        return {}
    sides = sorted(min(header.height, header.width) for header in headers)
    median = sides[len(sides) // 2]
    same = sides[0] == sides[-1] and median <= MOST_PIXELS and _halves(median)
    return {
        "size": median if same else 64 if median >= 64 else 32,
        "channels": max(header.channels for header in headers),
    }


def _halves(side: int) -> bool:
    """Return whether a side is 4, 5, 6 or 7 times a power of two >= 2, as convolutional networks need."""
    halved = side
    while halved % 2 == 0 and halved > 7:
        halved //= 2
    return 4 <= halved <= 7 and halved < side


def root_of(dataset: DatasetConfig) -> Path:
    """Return the path in a data set's name, `folder:PATH`."""
    return expanded(dataset.name.removeprefix("folder:"))


@dataclass(frozen=True)
class Classes:
    """Images of a folder.

    Attributes:
      names: class names in sorted order; empty without classes.
      files: the files with their labels (0 without classes), in sorted order.
      passed_over: one reason for each other file.
      empty: names of the subfolders without images.
    """

    names: tuple[str, ...]
    files: list[tuple[Path, int]]
    passed_over: list[str]
    empty: list[str] = field(default_factory=list)


def listing(dataset: DatasetConfig) -> Classes:
    """Return the images of a folder and their classes.

    Raises:
      DataError: if the folder is missing or cannot be read, holds no images, or holds images beside class folders.
    """
    name, root = dataset.name, root_of(dataset)
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "no such folder"
        raise DataError(f"{name}: {what} (check the path)")
    try:
        here = pixels.files_in(root, nested=False)
        classes = {path.name: pixels.files_in(path) for path in here.folders}
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror}): check its permissions") from None
    filled = {label: found.files for label, found in classes.items() if found.files}
    flat, filled = here.files, {label: filled[label] for label in order_classes(filled)}
    passed_over = [reason for reason in here.passed_over if reason != pixels.SUBFOLDERS]
    passed_over += [reason for found in classes.values() for reason in found.passed_over]
    if not flat and not filled:
        others = f" but other files ({pixels.counted(passed_over)})" if passed_over else ""
        raise DataError(f"{name}: expected images ({pixels.EXAMPLES}) in it or its subfolders, got none{others}")
    if not filled:
        return Classes((), [(path, 0) for path in flat], passed_over, sorted(classes))
    if flat:
        raise DataError(
            f"{name}: images both in it ({flat[0].name}) and in subfolders ({next(iter(filled))}/): subfolders are"
            " classes, so move the images into one, or give the folder of one class"
        )
    files = [(path, label) for label, found in enumerate(filled.values()) for path in found]
    return Classes(tuple(filled), files, passed_over, sorted(classes.keys() - filled.keys()))


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _decode_all(
    dataset: DatasetConfig, root: Path, files: list[tuple[Path, int]], skip_broken: bool, smallest: int
) -> Iterator[store.Item]:
    """Yield every image with its label, in order; for a broken one its path below the root and the reason.

    Raises:
      DataError: if an image is broken (without `skip_broken`), or all are.
    """

    deep_range = pixels.SharedRange(dataset.name, [path for path, _ in files])

    def decode(file: tuple[Path, int]) -> store.Item:
        path, label = file
        try:
            return _read(path, dataset, smallest, deep_range), label
        except DataError as error:
            if skip_broken:
                return store.LeftOut(str(path.relative_to(root)), str(error.__cause__).removeprefix(f"{path}: "))
            raise

    whole = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(files), _CHUNK):
            for item in pool.map(decode, files[start : start + _CHUNK]):
                whole += not isinstance(item, store.LeftOut)
                yield item
    if not whole:
        raise DataError(f"{dataset.name}: all {len(files)} images are broken (check the first: {files[0][0]})")


def _read(path: Path, dataset: DatasetConfig, smallest: int, deep_range: Callable[[], int] | None) -> np.ndarray:
    size, channels = dataset.image_shape[1:]
    try:
        if smallest:
            found = pixels.header(path)
            if min(found.height, found.width) < smallest:
                raise DataError(
                    f"{path}: expected at least {smallest}x{smallest} pixels to crop, got {found.width}x{found.height}:"
                    " remove it, set a smaller dataset.size"
                )
        return pixels.read(path, size=size, channels=channels, deep_range=deep_range)
    except DataError as error:
        raise DataError(f"{error}, or leave such files out: skip_broken, --skip_broken") from error


def _few(names: list[str]) -> str:
    """Return the first ten names, and the number of the others."""
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(names[:10]) + more
