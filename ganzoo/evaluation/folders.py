"""Folders of images that are compared as they are: all of one size and one kind, or the metrics mean nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from ganzoo.core import images
from ganzoo.data.kinds import Image as ImageKind
from ganzoo.data.sources.folder import SUFFIXES
from ganzoo.errors import DataError
from ganzoo.evaluation.examples import Examples

GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "F")


def from_folder(name: str, size: int | None = None, count: int | None = None, seed: int = 0) -> Examples:
    """The images in a folder and its subfolders, in the order of their paths.

    Args:
      name: `folder:PATH`.
      size: crop each to its central square and resize it to this side; None takes them as they are, all of one size.
      count: take so many at most, a random choice.
      seed: of the choice.

    Raises:
      DataError: no such folder, no images, images of several sizes or modes, or one that cannot be read.
    """
    root = Path(name.removeprefix("folder:")).expanduser()
    if not root.is_dir():
        raise DataError(f"{name}: {'is a file, not a folder' if root.exists() else 'no such folder'} (check the path)")
    paths = sorted(path for path in root.rglob("*") if _is_image(path, root))
    if not paths:
        raise DataError(f"{name}: no images in it (looked for {' '.join(SUFFIXES)}, in subfolders too)")
    about = {"size": size} if size else {}
    if count is not None and count < len(paths):
        about["of"] = len(paths)
        paths = [paths[i] for i in np.sort(np.random.default_rng(seed).choice(len(paths), count, replace=False))]
    shape = _shape(paths[0], size)
    for path in paths[1:]:
        other = _shape(path, size)
        if other[2] != shape[2]:
            raise DataError(f"{path}: is {_kind(other)}, {paths[0].name} is {_kind(shape)}: make them all of one mode")
        if other != shape:
            raise DataError(
                f"{path}: is {_size(other)}, {paths[0].name} is {_size(shape)}: make them all of one size "
                "(or give --size, to which each is cropped and resized)"
            )

    def read(numbers: np.ndarray) -> np.ndarray:
        return np.stack([images.read(paths[number], size, channels=shape[2]) for number in numbers])

    return Examples(name, len(paths), ImageKind(*shape), read, about=about)


def check_alike(real: Examples, fake: Examples) -> None:
    """Refuses to compare what differs in size or kind.

    Raises:
      DataError: it does.
    """
    if real.shape == fake.shape and real.kind.is_image == fake.kind.is_image:
        return
    if not (real.kind.is_image and fake.kind.is_image):
        raise DataError(
            f"{real.name} has {real.kind.described}, {fake.name} {fake.kind.described}: they do not compare"
        )
    if real.shape[2] != fake.shape[2]:
        raise DataError(
            f"{real.name} is {_kind(real.shape)}, {fake.name} is {_kind(fake.shape)}: make both of one mode"
        )
    raise DataError(
        f"{real.name} is {_size(real.shape)}, {fake.name} is {_size(fake.shape)}: make both of one size "
        "(or give --size, to which the images of folders are cropped and resized)"
    )


def _is_image(path: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return path.suffix.lower() in SUFFIXES and not hidden and path.is_file()


def _shape(path: Path, size: int | None) -> tuple[int, int, int]:
    """`(H, W, C)` from the header alone."""
    try:
        with Image.open(path, formats=images.FORMATS) as picture:
            width, height = picture.size
            channels = 1 if picture.mode in GREY_MODES else 3
            turned = picture.getexif().get(0x0112, 1) >= 5  # EXIF orientation: on its side
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as an image ({error}): remove it") from None
    if turned:
        width, height = height, width
    return (size, size, channels) if size else (height, width, channels)


def _kind(shape: tuple[int, ...]) -> str:
    return "grey" if shape[2] == 1 else "colour"


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
