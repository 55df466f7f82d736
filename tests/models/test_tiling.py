"""Tiles: where they are, how they are blended, and that what is local is not changed by them."""

from itertools import pairwise

import numpy as np
import pytest

from ganzoo.errors import UsageError
from ganzoo.models.tiling import tiled, tiles_in


def picture(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(32, 32), (33, 32), (100, 77), (20, 150), (9, 9), (56, 57)])
@pytest.mark.parametrize("tile", [32, 37, 64, 1000])
def test_the_identity_is_exact(shape, tile):
    image = picture(*shape)
    assert np.array_equal(tiled(lambda part: part, image, tile), image)


def test_what_looks_at_single_pixels_is_exact():
    table = np.random.default_rng(1).integers(0, 256, 256, dtype=np.uint8)
    image = picture(90, 121, 1)
    assert np.array_equal(tiled(lambda part: table[part], image, 32), table[image])


def test_the_extremes_stay():
    for level in (0, 255):
        image = np.full((100, 70, 3), level, np.uint8)
        assert np.array_equal(tiled(lambda part: part, image, 32), image)


def test_one_tile_where_it_is_as_large_as_the_image():
    seen = []
    image = picture(40, 50)
    tiled(lambda part: seen.append(part.copy()) or part, image, 50)
    assert len(seen) == 1
    assert np.array_equal(seen[0], image)


def test_where_tiles_are():
    """80 pixels in tiles of 32 that share 8: steps of at most 24, so that three tiles begin at 0, 24 and 48."""
    seen = []
    image = np.arange(80, dtype=np.uint8)[np.newaxis, :, np.newaxis]  # 1 x 80: each pixel says where it is
    tiled(lambda part: seen.append((int(part[0, 0, 0]), int(part[0, -1, 0]))) or part, image, 32)
    assert seen == [(0, 31), (24, 55), (48, 79)]


def test_seams_fade_linearly():
    """Two tiles of 32 over 56 pixels share 24 to 31; their weights rise by 1/8 a pixel, from 1/16."""
    levels = iter([0, 160])
    image = np.zeros((1, 56, 1), np.uint8)
    blended = tiled(lambda part: np.full_like(part, next(levels)), image, 32)[0, :, 0]
    assert blended[:24].tolist() == [0] * 24
    assert blended[24:32].tolist() == [10, 30, 50, 70, 90, 110, 130, 150]  # 160 (i + 1/2) / 8
    assert blended[32:].tolist() == [160] * 24


@pytest.mark.parametrize(
    ("height", "width", "tile", "count"), [(32, 32, 32, 1), (33, 32, 32, 2), (80, 56, 32, 6), (8, 9000, 1024, 12)]
)
def test_how_many(height, width, tile, count):
    calls = []
    tiled(lambda part: calls.append(1) or part, picture(height, width, 1), tile)
    assert tiles_in(height, width, tile) == len(calls) == count


def test_neighbours_share_a_quarter_at_least():
    for side in range(33, 400):
        seen = []
        image = np.arange(side)[np.newaxis, :, np.newaxis]
        tiled(lambda part, seen=seen: seen.append((part[0, 0, 0], part[0, -1, 0])) or part, image, 32)
        assert all(end - start == 31 for start, end in seen)
        assert all(end - start + 1 >= 8 for (_, end), (start, _) in pairwise(seen)), side


def test_a_tile_that_is_too_small():
    with pytest.raises(UsageError, match="tile: expected 32 pixels or more, got 31"):
        tiled(lambda part: part, picture(40, 40), 31)
