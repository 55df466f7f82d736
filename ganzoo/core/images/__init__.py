"""Conversion between uint8 images and the networks' floats in [-1, 1]; reading and writing of image files.

Outside the networks an image is uint8 `[H, W, C]` with C = 1 (grey) or 3 (RGB).
"""

from ganzoo.core.images.decoding import Header, SharedRange, decode, from_pillow, header, read
from ganzoo.core.images.floats import levels, to_float, to_uint8
from ganzoo.core.images.listing import EXAMPLES, SUBFOLDERS, SUFFIXES, Listing, counted, files_in
from ganzoo.core.images.png import encode_png, read_metadata, write_png
from ganzoo.core.images.shapes import fit, letterbox, shrink, shrunk_size

__all__ = [
    "EXAMPLES",
    "SUBFOLDERS",
    "SUFFIXES",
    "Header",
    "Listing",
    "SharedRange",
    "counted",
    "decode",
    "encode_png",
    "files_in",
    "fit",
    "from_pillow",
    "header",
    "letterbox",
    "levels",
    "read",
    "read_metadata",
    "shrink",
    "shrunk_size",
    "to_float",
    "to_uint8",
    "write_png",
]
