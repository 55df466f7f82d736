"""Folders of images to compare, all of one size and mode."""

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
    """Return the images in a folder and its subfolders, in path order.

    Args:
      name: `folder:PATH`.
      size: side to resize the central square of each image to; None keeps the images, which must have one size.
      count: largest number of images, a random choice.
      seed: seed of the choice.

    Raises:
      DataError: the folder is missing or has no images, sizes or modes differ, or an image is unreadable.
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
            raise DataError(f"{path}: expected {_kind(shape)} like {paths[0].name}, got {_kind(other)} (use one mode)")
        if other != shape:
            raise DataError(
                f"{path}: expected {_size(shape)} like {paths[0].name}, got {_size(other)} "
                "(use one size, or --size to crop and resize all)"
            )

    def read(numbers: np.ndarray) -> np.ndarray:
        return np.stack([images.read(paths[number], size, channels=shape[2]) for number in numbers])

    return Examples(name, len(paths), ImageKind(*shape), read, about=about)


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
        "(use one size, or --size to crop and resize the images of folders)"
    )


def _is_image(path: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    return path.suffix.lower() in SUFFIXES and not hidden and path.is_file()


def _shape(path: Path, size: int | None) -> tuple[int, int, int]:
    """Read `(H, W, C)` from the header."""
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
