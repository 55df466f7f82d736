"""Size of ICO files before they are opened: Pillow decodes one as it opens it."""

from __future__ import annotations

from typing import BinaryIO

from PIL import BmpImagePlugin, IcoImagePlugin, PngImagePlugin

from ganzoo.core.images.png import SIGNATURE

MAGIC = b"\0\0\1\0"


def pixels_in(file: BinaryIO) -> int:
    """Return the pixels of the image that Pillow takes from an ICO file, by its own header; 0 for other files.

    Raises:
      SyntaxError: if that header is damaged; also other exceptions of Pillow.
    """
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC:
        return 0
    file.seek(0)
    start = IcoImagePlugin.IcoFile(file).entry[0].offset
    file.seek(start)
    kind = PngImagePlugin.PngImageFile if file.read(len(SIGNATURE)) == SIGNATURE else BmpImagePlugin.DibImageFile
    file.seek(start)
    width, height = kind(file).size
    return width * height
