"""Grey of more than 8 bits: which value is white."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, TiffImagePlugin

from ganzoo.core.images import png

WHITES = (2**8 - 1, 2**10 - 1, 2**12 - 1, 2**14 - 1, 2**16 - 1)  # of cameras, scanners and 8 bits kept in 16
BITS_PER_SAMPLE, MAX_SAMPLE_VALUE = 258, 281  # TIFF tags


class OutOfRangeError(ValueError):
    """Values of which black and white are unknown."""


def is_deep(image: Image.Image) -> bool:
    """Return whether the image has grey values of 16 or 32 bits."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def likely_white(most: int) -> int:
    """Return the smallest usual white that is at least this value."""
    return next((white for white in WHITES if white >= most), WHITES[-1])


def declared_white(image: Image.Image, start: bytes) -> int | None:
    """Return the value of white that a file declares, or None.

    It is TIFF's MaxSampleValue or a number of bits other than 16, or PNG's sBIT. Pillow scales the values of PGM and
    JPEG 2000 files by the range that these declare.

    Args:
      image: the opened image.
      start: the first bytes of the file; only PNG needs them.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags = image.tag_v2
        if MAX_SAMPLE_VALUE in tags:
            return int(np.max(tags[MAX_SAMPLE_VALUE])) or None
        bits = int(np.max(tags.get(BITS_PER_SAMPLE, 16)))
        return 2**bits - 1 if bits < 16 else None
    if image.format == "PNG":
        bits = _significant_bits(start)
        return 2**bits - 1 if 0 < bits < 16 else None
    return WHITES[-1] if image.format in ("PPM", "JPEG2000") else None


def is_cut(image: Image.Image, start: bytes) -> bool:
    """Return whether Pillow reads only the upper byte of an image's 16-bit samples: those of colour and alpha."""
    if is_deep(image):
        return False
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return int(np.max(image.tag_v2.get(BITS_PER_SAMPLE, 8))) == 16
    return image.format == "PNG" and start[24:25] == b"\x10"


def to_levels(image: Image.Image, white: Callable[[], int]) -> Image.Image:
    """Convert a deep image to mode L: `x * 256 // (white + 1)`, for 16 bits the upper byte; floats are in [0, 1].

    Args:
      image: image of mode I;16 (any byte order), I or F.
      white: returns the value of white, for integers.

    Raises:
      OutOfRangeError: if values are out of range.
    """
    values = np.asarray(image)
    top, kind = (1, "float") if image.mode == "F" else (WHITES[-1], "integer")
    if not (values.min() >= 0 and values.max() <= top):  # NaN fails too
        found = f"{values.min():g} to {values.max():g}"
        raise OutOfRangeError(f"expected {kind} grey values of 0 to {top}, got {found}: convert it to 8 or 16 bits")
    if image.mode == "F":
        levels = np.round(values * 255.0)
    else:
        levels = np.minimum(values.astype(np.uint32) * 256 // (white() + 1), 255)
    if isinstance(transparent := image.info.get("transparency"), int):
        levels = np.where(values == transparent, 255, levels)
    return Image.fromarray(levels.astype(np.uint8))


def _significant_bits(start: bytes) -> int:
    """Return the number in a PNG file's chunk sBIT; 0 without one."""
    chunk = next((chunk for name, chunk in png.chunks(io.BytesIO(start)) if name in (b"sBIT", b"IDAT")), b"")
    return int.from_bytes(chunk[8:9], "big")
