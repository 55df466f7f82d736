"""Large images in overlapping squares with blended seams."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ganzoo.errors import UsageError

OVERLAP = 4  # a quarter of a tile is shared with its neighbour
SMALLEST_TILE = 32


def tiled(translate: Callable[[np.ndarray], np.ndarray], image: np.ndarray, tile: int) -> np.ndarray:
    """An image translated square by square.

    Args:
      translate: uint8 `[h, w, C]` -> the same shape.
      image: uint8 `[H, W, C]`.
      tile: side of the squares in pixels; where two overlap, they fade into each other linearly.

    Returns:
      uint8 `[H, W, C]`.

    Raises:
      UsageError: the tile is too small.
    """
    if tile < SMALLEST_TILE:
        raise UsageError(f"tile: {tile} pixels given, {SMALLEST_TILE} or more wanted")
    height, width, _ = image.shape
    total = np.zeros(image.shape, np.float32)
    for rows, fade_down in _blended(height, tile):
        for columns, fade_right in _blended(width, tile):
            fade = np.outer(fade_down, fade_right)[..., np.newaxis]
            total[rows, columns] += fade * translate(image[rows, columns])
    return np.rint(total, out=total).astype(np.uint8)


def tiles_in(height: int, width: int, tile: int) -> int:
    """How many squares `tiled` cuts an image into."""
    return len(_starts(height, tile)) * len(_starts(width, tile))


def _blended(side: int, tile: int) -> list[tuple[slice, np.ndarray]]:
    """The tiles along a side and their weights, which sum up to 1 at every pixel."""
    places = [slice(start, min(start + tile, side)) for start in _starts(side, tile)]
    fades = [_fade(place.stop - place.start, tile) for place in places]
    total = np.zeros(side)
    for place, fade in zip(places, fades, strict=True):
        total[place] += fade
    return [(place, fade / total[place]) for place, fade in zip(places, fades, strict=True)]


def _starts(side: int, tile: int) -> list[int]:
    """Where the tiles along a side begin: evenly, the last one at the end, with at least the overlap between two."""
    if side <= tile:
        return [0]
    count = 1 + -(-(side - tile) // (tile - tile // OVERLAP))
    return [round(i * (side - tile) / (count - 1)) for i in range(count)]


def _fade(length: int, tile: int) -> np.ndarray:
    """Weights along a tile, which rise from both ends over the overlap; what they sum up to is divided out."""
    at = np.arange(length) + 0.5
    return np.minimum(np.minimum(at, length - at) / (tile // OVERLAP), 1.0)
