"""Size of WebP files from their first bytes: Pillow's decoder takes memory for all pixels as it opens one."""

from __future__ import annotations

START = 30  # bytes needed
FREE_PIXELS = 2**22
PIXELS_A_BYTE = 2**11  # a page that is nearly all white has up to 1,000; a few bytes may claim 2**28 pixels


def pixels_in(start: bytes) -> int:
    """Return the pixels that a WebP file claims, from its first `START` bytes; 0 for other files."""
    if start[:4] != b"RIFF" or start[8:12] != b"WEBP" or len(start) < START:
        return 0
    if start[12:16] == b"VP8X":
        return (1 + _number(start[24:27])) * (1 + _number(start[27:30]))
    if start[12:16] == b"VP8L":
        sides = _number(start[21:25])
        return (1 + (sides & 0x3FFF)) * (1 + (sides >> 14 & 0x3FFF))
    return (_number(start[26:28]) & 0x3FFF) * (_number(start[28:30]) & 0x3FFF)


def most_pixels(length: int) -> int:
    """Return the largest number of pixels to decode from a file of this many bytes."""
    return FREE_PIXELS + PIXELS_A_BYTE * length


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
