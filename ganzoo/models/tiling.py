"""Translation of large images in overlapping tiles with blended seams."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ganzoo.errors import UsageError

OVERLAP = 4  # neighbouring tiles share a quarter
SMALLEST_TILE = 32


def tiled(translate: Callable[[np.ndarray], np.ndarray], image: np.ndarray, tile: int) -> np.ndarray:
    """Translate an image tile by tile.

    Args:
      translate: uint8 `[h, w, C]` -> the same shape.
      image: uint8 `[H, W, C]`.
      tile: side of the tiles in pixels; overlaps are blended linearly.

    Returns:
      uint8 `[H, W, C]`.

    Raises:
      UsageError: if the tile is too small.
    """
    if tile < SMALLEST_TILE:
        raise UsageError(f"tile: expected {SMALLEST_TILE} pixels or more, got {tile}")
    height, width, _ = image.shape
    total = np.zeros(image.shape, np.float32)
    for rows, fade_down in _blended(height, tile):
        for columns, fade_right in _blended(width, tile):
            fade = np.outer(fade_down, fade_right)[..., np.newaxis]
            total[rows, columns] += fade * translate(image[rows, columns])
    return np.rint(total, out=total).astype(np.uint8)


def tiles_in(height: int, width: int, tile: int) -> int:
    """Return the number of tiles that `tiled` cuts an image into."""
    return len(_starts(height, tile)) * len(_starts(width, tile))


def _blended(side: int, tile: int) -> list[tuple[slice, np.ndarray]]:
    """Return the tiles along a side and their weights, which sum to 1 at every pixel."""
    places = [slice(start, min(start + tile, side)) for start in _starts(side, tile)]
    fades = [_fade(place.stop - place.start, tile) for place in places]
    total = np.zeros(side)
    for place, fade in zip(places, fades, strict=True):
        total[place] += fade
    return [(place, fade / total[place]) for place, fade in zip(places, fades, strict=True)]


def _starts(side: int, tile: int) -> list[int]:
    """Return the starts of the tiles along a side: evenly spaced, the last one at the end, with enough overlap."""
    if side <= tile:
        return [0]
    count = 1 + -(-(side - tile) // (tile - tile // OVERLAP))
    return [round(i * (side - tile) / (count - 1)) for i in range(count)]


def _fade(length: int, tile: int) -> np.ndarray:
    """Return weights that rise from both ends of a tile over the overlap; `_blended` normalises them."""
    at = np.arange(length) + 0.5
    return np.minimum(np.minimum(at, length - at) / (tile // OVERLAP), 1.0)
