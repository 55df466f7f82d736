"""Folders of images to compare, all of one size and mode."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from ganzoo.core import images
from ganzoo.core.files import expanded
from ganzoo.data.kinds import Image as ImageKind
from ganzoo.errors import DataError
from ganzoo.evaluation.examples import Examples

_log = logging.getLogger(__name__)


def from_folder(
    name: str, size: int | None = None, count: int | None = None, seed: int = 0, channels: int | None = None
) -> Examples:
    """Return the images in a folder and its subfolders, in path order.

    Args:
      name: `folder:PATH`.
      size: side to resize the central square of each image to; None keeps the images, which must have one size.
      count: largest number of images, a random choice.
      seed: seed of the choice.
      channels: 1 or 3; by default 3 if any image has colour.

    Raises:
      DataError: the folder is missing or has no images, sizes differ, or an image is unreadable.
    """
    listed = listing(name)
    paths = list(listed.files)
    if others := images.counted(listed.passed_over):
        _log.warning("%s: passed over what is not an image: %s", name, others)
    about = {"size": size} if size else {}
    if count is not None and count < len(paths):
        about["of"] = len(paths)
        paths = [paths[i] for i in np.sort(np.random.default_rng(seed).choice(len(paths), count, replace=False))]
    headers = [images.header(path) for path in paths]
    first = headers[0]
    for path, other in zip(paths, headers, strict=True):
        if not size and (other.height, other.width) != (first.height, first.width):
            raise DataError(
                f"{path}: expected {first.width}x{first.height} like {paths[0].name}, got {other.width}x{other.height} "
                "(use one size, or size, --size, to crop and resize all)"
            )
    shape = (size or first.height, size or first.width, channels or max(each.channels for each in headers))
    deep_range = images.SharedRange(name, paths)

    def read_one(path: Path) -> np.ndarray:
        pixels = images.read(path, size, shape[2], deep_range)
        if pixels.shape != shape:  # the header is of another size than the pixels
            raise DataError(
                f"{path}: expected {_size(shape)} like its header, got {_size(pixels.shape)}: save it anew or remove it"
            )
        return pixels

    def read(numbers: np.ndarray) -> np.ndarray:
        return np.stack([read_one(paths[number]) for number in numbers])

    return Examples(name, len(paths), ImageKind(*shape), read, about=about)


def listing(name: str) -> images.Listing:
    """List the images in `folder:PATH` and its subfolders, without TensorFlow.

    Raises:
      DataError: the folder is missing, unreadable or has no images.
    """
    root = expanded(name.removeprefix("folder:"))
    if not root.is_dir():
        raise DataError(f"{name}: {'is a file, not a folder' if root.exists() else 'no such folder'} (check the path)")
    try:
        listed = images.files_in(root)
    except OSError as error:
        raise DataError(f"{name}: cannot be read ({error.strerror}): check its permissions") from None
    if not listed.files:
        others = images.counted(listed.passed_over)
        but = f", but {others}" if others else ""
        raise DataError(f"{name}: no images in it (looked for {images.EXAMPLES}, in subfolders too{but})")
    return listed


def in_one_mode(real: Examples, fake: Examples) -> tuple[Examples, Examples]:
    """Return both sets; if one has colour images and the other grey ones, these are read as colour."""
    if not (real.kind.is_image and fake.kind.is_image) or real.shape[2] == fake.shape[2]:
        return real, fake
    return (_in_colour(real), fake) if real.shape[2] == 1 else (real, _in_colour(fake))


def _in_colour(grey: Examples) -> Examples:
    height, width, _ = grey.shape

    def read(numbers: np.ndarray) -> np.ndarray:
        return np.repeat(grey.read(numbers), 3, axis=-1)

    return replace(grey, kind=ImageKind(height, width, 3), read=read)


def check_alike(real: Examples, fake: Examples) -> None:
    """Refuse examples that differ in size or kind.

    Raises:
      DataError: they differ.
    """
    if real.shape == fake.shape and real.kind.is_image == fake.kind.is_image:
        return
    if not (real.kind.is_image and fake.kind.is_image):
        raise DataError(f"{fake.name}: expected {real.kind.described} like {real.name}, got {fake.kind.described}")
    if real.shape[2] != fake.shape[2]:
        raise DataError(
            f"{fake.name}: expected {_kind(real.shape)} like {real.name}, got {_kind(fake.shape)} (use one mode)"
        )
    raise DataError(
        f"{fake.name}: expected {_size(real.shape)} like {real.name}, got {_size(fake.shape)} "
        "(use one size, or size, --size, to crop and resize the images of folders)"
    )


def _kind(shape: tuple[int, ...]) -> str:
    return "grey" if shape[2] == 1 else "colour"


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
