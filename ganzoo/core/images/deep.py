"""Grey of more than 8 bits: which value is white."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import numpy as np
from PIL import Image, TiffImagePlugin

from ganzoo.core.images import png

WHITES = (2**8 - 1, 2**10 - 1, 2**12 - 1, 2**14 - 1, 2**16 - 1)  # of cameras, scanners and 8 bits kept in 16
BITS_PER_SAMPLE, MAX_SAMPLE_VALUE = 258, 281  # TIFF tags
JPEG2000_SIZE = b"\xff\x4f\xff\x51"  # start of a code stream and of its first segment, which has size and depth


class OutOfRangeError(ValueError):
    """Values of which black and white are unknown."""


def is_deep(image: Image.Image) -> bool:
    """Return whether the image has grey values of 16 or 32 bits."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def likely_white(most: int) -> int:
    """Return the smallest usual white that is at least this value."""
    return next((white for white in WHITES if white >= most), WHITES[-1])


def largest(image: Image.Image) -> int:
    """Return the largest integer value, apart from that of transparent pixels; 0 without others."""
    values = np.asarray(image)
    if isinstance(transparent := image.info.get("transparency"), int):
        values = values[values != transparent]
    return int(values.max(initial=0))


def undeclared(image: Image.Image, start: bytes) -> int:
    """Return the largest value of a deep image whose file declares no white, or a smaller one; 0 for other images.

    Args:
      image: the decoded image.
      start: the first bytes of its file.
    """
    if not is_deep(image) or image.mode == "F":
        return 0
    declared, most = declared_white(image, start), largest(image)
    return 0 if declared is not None and declared >= most else most


def declared_white(image: Image.Image, start: bytes) -> int | None:
    """Return the value of white that a file declares, or None.

    It is TIFF's MaxSampleValue, PNG's sBIT, or a number of bits other than 16. Pillow scales the values of PGM and
    JPEG 2000 files with such a number to 16 bits. A white of 65535 says nothing: files of 12-bit values have it too.

    Args:
      image: the opened image.
      start: the first bytes of its file.
    """
    bits = _bits(image, start)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        white = int(np.max(image.tag_v2.get(MAX_SAMPLE_VALUE, 0)))
        return white if 0 < white < WHITES[-1] else 2**bits - 1 if bits < 16 else None
    if image.format == "PNG":
        bits = _significant_bits(start)
        return 2**bits - 1 if 0 < bits < 16 else None
    return WHITES[-1] if image.format in ("PPM", "JPEG2000") and bits < 16 else None


def is_cut(image: Image.Image, start: bytes) -> bool:
    """Return whether Pillow reads only the upper byte of an image's 16-bit samples: those of colour and alpha."""
    return not is_deep(image) and _bits(image, start) == 16


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


def _bits(image: Image.Image, start: bytes) -> int:
    """Return the number of bits of a sample in the file; 0 if it is unknown."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return int(np.max(image.tag_v2.get(BITS_PER_SAMPLE, 1)))
    if image.format == "PPM" and start[1:2] in (b"2", b"3", b"5", b"6"):  # with a largest value, after the size
        return int(re.sub(rb"#[^\n]*", b" ", start).split(maxsplit=4)[3]).bit_length()
    if image.format == "JPEG2000":
        at = start.find(JPEG2000_SIZE)
        return 1 + (start[at + 42] & 0x7F) if 0 <= at < len(start) - 42 else 0
    at, length = {"PNG": (24, 1), "SGI": (3, 8)}.get(image.format or "", (0, 0))
    return sum(start[at : at + 1]) * length


def _significant_bits(start: bytes) -> int:
    """Return the number in a PNG file's chunk sBIT; 0 without one."""
    chunk = next((chunk for name, chunk in png.chunks(io.BytesIO(start)) if name in (b"sBIT", b"IDAT")), b"")
    return int.from_bytes(chunk[8:9], "big")
