"""Opening of image files in bounded memory; every fault becomes an error of one line."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import PurePath
from typing import BinaryIO

from PIL import Image

from ganzoo.core.images import deep, icon, webp
from ganzoo.errors import DataError, GanzooError

# An explicit list: some formats that Pillow knows (EPS) start other programs.
FORMATS = (
    *("PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "AVIF", "ICO", "PCX", "SGI"),
    *("QOI", "TGA"),
)
NAMELESS = {"TGA": (".tga", ".icb", ".vda", ".vst")}  # formats without a signature, known only by their suffixes

MAX_PIXELS = 178_956_970  # in a header; Pillow's own limit
MOST_BYTES = 2**30  # of all images decoded at the same time

# Peak per pixel: of the decoder, the image and its conversion.
BYTES_A_PIXEL = {"JPEG2000": 24, "AVIF": 16}
OTHER_BYTES_A_PIXEL = 12
WEBP_BYTES_A_PIXEL = 25  # taken on opening, in part
PROGRESSIVE_BYTES_A_PIXEL = 6  # coefficients of a progressive JPEG, whatever the size that it is decoded at


@contextlib.contextmanager
def file_of(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file.

    Raises:
      DataError: if it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            yield file
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): check the path and its permissions") from error


@contextlib.contextmanager
def opened(file: BinaryIO, name: str) -> Iterator[Image.Image]:
    """Open an image; any exception in the body becomes a DataError of one line."""
    suffix = PurePath(name).suffix.lower()
    formats = [kind for kind in FORMATS if suffix in NAMELESS.get(kind, (suffix,))]
    with (
        one_line(name, empty=not file.seek(0, os.SEEK_END)),
        MEMORY.held(checked(name, cost_of_opening(file, name))),
        Image.open(file, formats=formats) as image,
    ):
        yield image


@contextlib.contextmanager
def one_line(name: str, empty: bool = False) -> Iterator[None]:
    """Turn any exception in the body into a DataError of one line; `empty` says that the file has no content."""
    try:
        yield
    except GanzooError:
        raise
    except Image.DecompressionBombError as error:
        raise DataError(f"{name}: expected at most {MAX_PIXELS:,} pixels, got more: shrink or remove it") from error
    except Image.UnidentifiedImageError as error:
        what = "an empty file" if empty else "not an image in a known format"
        raise DataError(f"{name}: {what}: replace or remove it") from error
    except deep.OutOfRangeError as error:
        raise DataError(f"{name}: {error}") from error
    except Exception as error:  # Pillow raises nearly any type on broken files, from IndexError to struct.error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{name}: broken image ({reason}): replace or remove it") from error


def cost_of_opening(file: BinaryIO, name: str) -> int:
    """Return the bytes that Pillow takes as it opens a file: not 0 for formats that it decodes then.

    Raises:
      DataError: if a WebP file claims far more pixels than its length can hold.
    """
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    claimed = webp.pixels_in(file.read(webp.START))
    if claimed > webp.most_pixels(length):
        raise DataError(f"{name}: broken image ({length} bytes claim {claimed:,} pixels): replace or remove it")
    cost = claimed * WEBP_BYTES_A_PIXEL or icon.pixels_in(file) * OTHER_BYTES_A_PIXEL
    file.seek(0)
    return cost


def cost_of(image: Image.Image) -> int:
    """Return the bytes that decoding takes at the peak, besides those taken on opening."""
    if image.format in ("WEBP", "ICO"):
        return 0
    each = BYTES_A_PIXEL.get(image.format or "", OTHER_BYTES_A_PIXEL)
    return each * image.width * image.height


def checked(name: str, cost: int) -> int:
    """Return the bytes that decoding takes.

    Raises:
      DataError: if they are more than `MOST_BYTES`.
    """
    if cost > MOST_BYTES:
        raise DataError(
            f"{name}: expected an image that decodes in {MOST_BYTES >> 20} MiB, got one that takes {cost >> 20} MiB: "
            "shrink or remove it"
        )
    return cost


class Memory:
    """Memory that threads share."""

    def __init__(self, amount: int) -> None:
        self.free = amount
        self.changed = threading.Condition()

    @contextlib.contextmanager
    def held(self, amount: int) -> Iterator[None]:
        """Wait for an amount, which is at most all of it, and hold it."""
        with self.changed:
            self.changed.wait_for(lambda: self.free >= amount)
            self.free -= amount
        try:
            yield
        finally:
            with self.changed:
                self.free += amount
                self.changed.notify_all()


MEMORY = Memory(MOST_BYTES)
