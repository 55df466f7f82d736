"""Writing of PNG files, the texts in them, and their chunks."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin

from ganzoo.core.files import write_bytes
from ganzoo.core.images.shapes import to_pillow
from ganzoo.errors import DataError, UsageError

SIGNATURE, END = b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xaeB`\x82"
PIXELS = (b"IDAT", b"fdAT")


def encode_png(image: np.ndarray, metadata: dict[str, str] | None = None) -> bytes:
    """Encode a PNG; equal images and metadata give equal bytes.

    Args:
      image: uint8 `[H, W, C]`, C = 1 or 3.
      metadata: texts to store by keyword (tEXt chunks, or iTXt if Latin-1 does not suffice). Keywords have 1 to 79
        Latin-1 characters, as PNG requires.

    Raises:
      UsageError: if the image is not as above, or a keyword is invalid.
    """
    texts = PngImagePlugin.PngInfo()
    for key, value in (metadata or {}).items():
        if not 1 <= len(key) <= 79 or not key.isprintable() or any(ord(character) > 255 for character in key):
            raise UsageError(f"PNG metadata: expected keywords of 1 to 79 printable Latin-1 characters, got {key!r}")
        texts.add_text(key, value)
    buffer = io.BytesIO()
    to_pillow(image).save(buffer, "PNG", pnginfo=texts)
    return buffer.getvalue()


def write_png(path: str | os.PathLike[str], image: np.ndarray, metadata: dict[str, str] | None = None) -> None:
    """Write a PNG file atomically and create its folder. See `encode_png` and `files.write_bytes`."""
    write_bytes(path, encode_png(image, metadata))


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read the texts that `write_png` stored in a PNG file, by keyword; empty if there are none.

    Raises:
      DataError: if the file is missing, broken, or not a PNG.
    """
    try:
        with Image.open(path, formats=("PNG",)) as image:
            assert isinstance(image, PngImagePlugin.PngImageFile)
            return {str(key): str(value) for key, value in image.text.items()}
    except Image.UnidentifiedImageError as error:
        raise DataError(f"{path}: expected a PNG file, got another format") from error
    except Exception as error:  # see `decode`
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(f"{path}: metadata cannot be read ({reason}): check the file") from error


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name of each chunk of a PNG file and its bytes: length, name, content, checksum; b"" for pixels."""
    file.seek(len(SIGNATURE))
    while len(head := file.read(8)) == 8:
        name, length = head[4:], int.from_bytes(head[:4], "big")
        if name in PIXELS:
            file.seek(length + 4, os.SEEK_CUR)
        yield name, b"" if name in PIXELS else head + file.read(length + 4)


def without_pixels(file: BinaryIO) -> bytes:
    """Return a PNG file of the chunks that describe the first image of another, before and behind its pixels."""
    kept, pixels_seen = [SIGNATURE], False
    for name, chunk in chunks(file):
        if name == b"IEND" or (pixels_seen and name == b"fcTL"):  # the next frame
            break
        pixels_seen |= name in PIXELS
        kept.append(chunk)
    return b"".join([*kept, END])
