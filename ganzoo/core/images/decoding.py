"""Reading of image files, in bounded memory."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin, TiffImagePlugin

from ganzoo.core.images import colour, deep, png
from ganzoo.core.images.opening import (
    MEMORY,
    PROGRESSIVE_BYTES_A_PIXEL,
    checked,
    cost_of,
    cost_of_opening,
    file_of,
    one_line,
    opened,
)
from ganzoo.core.images.shapes import check_target, fit
from ganzoo.errors import DataError

START = 2**16  # bytes of a file in which what it declares of its range is looked for
DRAFT = 4  # a JPEG is decoded at a fraction of its size that is at least this many times the side wanted
CUT = 16  # levels: below it are images of 12 bits, or fewer, of which only the upper byte of 16 was read
ORIENTATION, ON_ITS_SIDE = 0x0112, range(5, 9)  # EXIF tag, and its values for images on their side

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Header:
    """What the header of an image file says.

    Attributes:
      height, width: of the upright image.
      channels: 1 for grey, 3 for colour.
    """

    height: int
    width: int
    channels: int


def read(
    path: str | os.PathLike[str],
    size: int | None = None,
    channels: int = 3,
    deep_range: Callable[[], int] | None = None,
) -> np.ndarray:
    """Read an image file of any common format and mode; see `decode`.

    Args:
      path: the file.
      size, channels, deep_range: as for `decode`.

    Returns:
      uint8 `[H, W, channels]`.

    Raises:
      DataError: if the file is missing, unreadable, broken or not an image; one line that names it.
      UsageError: if the size or the number of channels is invalid.
    """
    with file_of(path) as file:
        data = file.read()
    return decode(data, str(path), size, channels, deep_range)


def decode(
    data: bytes,
    name: str,
    size: int | None = None,
    channels: int = 3,
    deep_range: Callable[[], int] | None = None,
    expected: tuple[int, int] | None = None,
) -> np.ndarray:
    """Decode the bytes of an image file.

    - The orientation in EXIF or XMP is applied. Of an animation the first frame is used.
    - Colours are converted to sRGB by the file's ICC profile. CMYK without one is converted by Pillow's formula.
    - Transparent pixels are composited on white: black would hide the dark drawings that such files mostly hold.
    - 16-bit grey is scaled by the white that the file declares (TIFF MaxSampleValue, PNG sBIT), otherwise by
      `deep_range`. 32-bit integers are read as 16-bit values, which they nearly always are, and floats as [0, 1];
      values out of range are an error.
    - Grey is ITU-R 601 luma, as in Pillow's "L".
    - A JPEG much larger than `size` is decoded at a fraction of its size.

    Args:
      data: content of the file.
      name: name of the image in messages.
      size: side of the square result (see `fit`); None keeps the file's size.
      channels: 1 or 3.
      deep_range: returns the white of 16-bit grey for files that declare none, such as a `SharedRange`; by default
        the smallest of 8, 10, 12, 14 and 16 bits that holds the values, with a warning below 16.
      expected: height and width that the header must have, before its EXIF orientation; None for any.

    Returns:
      uint8 `[H, W, channels]`.

    Raises:
      DataError: if it is broken, truncated, not an image, of another size than expected, or needs more than
        `MOST_BYTES` of memory; one line that names it.
      UsageError: if the size or the number of channels is invalid.
    """
    check_target(size, channels)
    with opened(io.BytesIO(data), name) as image:
        if expected is not None and expected != image.size[::-1]:
            raise DataError(
                f"{name}: expected {expected[0]}x{expected[1]} pixels, got {image.height}x{image.width}: resize it"
            )
        whole = image.width * image.height if image.info.get("progressive") else 0
        if size is not None:
            image.draft(None, (DRAFT * size, DRAFT * size))
        with MEMORY.held(checked(name, cost_of(image) + whole * PROGRESSIVE_BYTES_A_PIXEL)):
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            pixels = _pixels(image, image, name, data[:START], channels, deep_range)
            return pixels if size is None else fit(pixels, size, channels)


def from_pillow(
    image: Image.Image, name: str, channels: int, deep_range: Callable[[], int] | None = None
) -> np.ndarray:
    """Convert a Pillow image of any mode by the rules of `decode`; the image itself is not modified.

    Args:
      image: the image; its orientation in EXIF or XMP is applied.
      name: name of the image in messages.
      channels: 1 or 3.
      deep_range: as for `decode`.

    Returns:
      uint8 `[H, W, channels]`.

    Raises:
      DataError: if it cannot be converted.
    """
    with one_line(name):
        image.load()
        return _pixels(image, ImageOps.exif_transpose(image), name, b"", channels, deep_range)


def header(path: str | os.PathLike[str]) -> Header:
    """Read the header of an image file, without decoding it.

    Raises:
      DataError: if the file is missing, unreadable, not an image or too large; one line that names it.
    """
    with file_of(path) as file, opened(file, str(path)) as image:
        width, height = image.size
        if _is_turned(image, file):
            width, height = height, width
        return Header(height, width, 1 if colour.is_grey(image) else 3)


class SharedRange:
    """White of the 16-bit grey images of a set that declare none: one for all, so that they stay comparable.

    The files are read when it is first asked for. A warning says which white is not the full range, and how many
    images it leaves nearly black. It may be shared between threads.

    Args:
      name: name of the set in the warnings.
      images: all files and Pillow images of the set; unreadable ones are ignored.
    """

    def __init__(self, name: str, images: Sequence[Path | Image.Image]) -> None:
        self.name, self.images = name, images
        self.lock = threading.Lock()
        self.white: int | None = None

    def __call__(self) -> int:
        """Return the value of white."""
        with self.lock:
            if self.white is None:
                found = [most for image in self.images if (most := _most_undeclared(image))]
                self.white = _guessed(self.name, max(found, default=0))
                if dark := [most for most in found if most * 256 // (self.white + 1) < CUT]:
                    _log.warning(
                        "%s: 16-bit grey without a declared range: %d of %d images have no value above %d, but others "
                        "have %d, so they become nearly black (convert them to 8 bits)",
                        *(self.name, len(dark), len(found), max(dark), max(found)),
                    )
            return self.white


def _is_turned(image: Image.Image, file: BinaryIO) -> bool:
    """Return whether an opened image will be turned on its side, by EXIF or XMP; its file is read on."""
    if isinstance(image, TiffImagePlugin.TiffImageFile) and ORIENTATION in image.tag_v2:  # its size is upright
        return False
    if isinstance(image, PngImagePlugin.PngImageFile) and "exif" not in image.info:
        with contextlib.suppress(SyntaxError, ValueError):  # what is behind the pixels is damaged, and ignored
            image = PngImagePlugin.PngImageFile(io.BytesIO(png.without_pixels(file)))
    return Image.Image.getexif(image).get(ORIENTATION, 1) in ON_ITS_SIDE


def _most_undeclared(given: Path | Image.Image) -> int:
    """Return the largest value of integer grey that declares no white; 0 for other images."""
    name = str(given)
    with contextlib.suppress(DataError), one_line(name):
        if isinstance(given, Image.Image):
            return deep.undeclared(given, b"")
        with file_of(given) as file:
            start = file.read(START)
            if cost_of_opening(file, name):  # hardly ever deep, and waiting for its memory here could wait for ever
                return 0
            with opened(file, name) as image:
                if deep.is_deep(image):
                    checked(name, cost_of(image))
                    return deep.undeclared(image, start)
    return 0


def _guessed(name: str, most: int) -> int:
    white = deep.likely_white(most)
    if white < deep.WHITES[-1]:
        _log.warning(
            "%s: 16-bit grey whose values end at %d, without a declared range: %d is taken for white", name, most, white
        )
    return white


def _pixels(
    image: Image.Image,
    upright: Image.Image,
    name: str,
    start: bytes,
    channels: int,
    deep_range: Callable[[], int] | None,
) -> np.ndarray:
    """Return the pixels of an upright image, uint8 `[H, W, channels]`; `image` and `start` declare the range."""

    def white() -> int:
        declared = deep.declared_white(image, start)
        if declared is not None and declared >= deep.largest(image):
            return declared
        return deep_range() if deep_range else _guessed(name, deep.largest(image))

    pixels = colour.to_array(upright, channels, white)
    cut = CUT + (image.format == "PPM")  # whose levels Pillow rounds: 4095 becomes 16
    if deep.is_cut(image, start) and (pixels.max() < cut or _has_dark_ink(upright)):
        raise DataError(
            f"{name}: expected 16-bit samples of 0 to 65535, got none that is visible above {256 * CUT - 1}, which "
            "is black in 8 bits: convert it to 8 bits"
        )
    return pixels


def _has_dark_ink(image: Image.Image) -> bool:
    """Return whether the visible colours of an image with transparent pixels are dark; black alone is a drawing."""
    if not image.has_transparency_data:
        return False
    on_black = (image if image.mode == "RGBA" else image.convert("RGBA")).convert("RGBa")
    extrema: Any = on_black.getextrema()
    return 0 < max(most for _, most in extrema[:3]) < CUT
