"""Cropping, shrinking and letterboxes."""

import numpy as np
import pytest

from ganzoo.core import images
from ganzoo.errors import UsageError


def test_fit_crops_the_centre_without_resampling():
    image = np.arange(5 * 8, dtype=np.uint8).reshape(5, 8, 1)
    np.testing.assert_array_equal(images.fit(image, 5, 1), image[:, 1:6])
    tall = image.transpose(1, 0, 2)
    np.testing.assert_array_equal(images.fit(tall, 5, 3), tall[1:6].repeat(3, axis=2))


def test_fit_does_not_alias():
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., np.newaxis]
    small = images.fit(checks, 8, 1)
    assert small.shape == (8, 8, 1)
    assert np.abs(small.astype(int) - 127.5).max() < 8  # every second pixel alone would be all 0 or all 255


def test_fit_enlarges_and_changes_channels():
    np.testing.assert_array_equal(images.fit(np.full((1, 3, 1), 77, np.uint8), 4, 3), np.full((4, 4, 3), 77))
    assert images.fit(np.full((2, 2, 3), (255, 0, 0), np.uint8), 1, 1).tolist() == [[[76]]]


@pytest.mark.parametrize(
    ("size", "longest", "wanted"),
    [
        ((60, 90), 45, (30, 45)),
        ((90, 60), 45, (45, 30)),
        ((60, 90), 90, (60, 90)),
        ((60, 90), 200, (60, 90)),
        ((2, 1000), 100, (1, 100)),
        ((75, 100), 10, (8, 10)),  # 7.5 is rounded to the even 8
    ],
)
def test_shrink_keeps_the_aspect(size, longest, wanted):
    assert images.shrunk_size(*size, longest) == wanted
    assert images.shrink(np.full((*size, 3), 9, np.uint8), longest).tolist() == np.full((*wanted, 3), 9).tolist()


def test_shrink_does_not_alias():
    checks = (np.indices((64, 32)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., np.newaxis]
    small = images.shrink(checks, 8)
    assert small.shape == (8, 4, 1)
    assert np.abs(small.astype(int) - 127.5).max() < 8
    with pytest.raises(UsageError, match="longest: expected at least 1 pixel, got 0"):
        images.shrink(checks, 0)


def test_letterbox():
    wide = np.full((2, 4, 1), 9, np.uint8)
    assert images.letterbox(wide, 4)[..., 0].tolist() == [[128] * 4, [9] * 4, [9] * 4, [128] * 4]
    assert images.letterbox(wide.transpose(1, 0, 2), 8, level=0)[..., 0].tolist() == [[0] * 2 + [9] * 4 + [0] * 2] * 8
    assert images.letterbox(np.full((300, 1, 3), 9, np.uint8), 10)[:, 4].tolist() == [[9] * 3] * 10
    with pytest.raises(UsageError, match="size: expected at least 1 pixel, got 0"):
        images.letterbox(wide, 0)


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4, 3), np.uint8)])
def test_fit_refuses_what_is_no_image(image):
    with pytest.raises(UsageError, match="image: expected uint8"):
        images.fit(image, 4, 1)


def test_impossible_targets():
    with pytest.raises(UsageError, match="channels: expected 1"):
        images.decode(b"", "a.png", channels=4)
    with pytest.raises(UsageError, match="size: expected at least 1 pixel, got 0"):
        images.fit(np.zeros((4, 4, 1), np.uint8), 0, 1)
