"""The shipped cyclegan_monet on all test photographs: no colour is inverted, nothing is blank, nothing comes twice."""

import numpy as np
import pytest

import ganzoo
from ganzoo.evaluation.metrics.translation import luminance_correlation
from ganzoo.evaluation.translations import open_translation

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def both(monet2photo):
    """(photographs, their translations), uint8 `[n, 128, 128, 3]`."""
    given = open_translation(ganzoo.config("cyclegan_monet"), "monet", 10_000, data_dir=monet2photo).given
    photographs = np.concatenate(list(given.parts(50)))
    return photographs, ganzoo.load("cyclegan_monet").translate(photographs, "monet")


def test_what_was_light_is_light(both):
    assert luminance_correlation(*both).min() > 0.4


def test_what_was_red_or_blue_is_so(both):
    """The mean of red less green, and of blue less yellow, over the photographs; an inversion has -1."""
    before, after = (_mean_colours(pictures) for pictures in both)
    for axis in range(2):
        assert np.corrcoef(before[:, axis], after[:, axis])[0, 1] > 0.6


def test_none_is_blank(both):
    before, after = (np.float64(pictures).mean(-1).std(axis=(1, 2)) for pictures in both)
    assert (after > 0.4 * before).all()


def test_none_comes_twice(both):
    """Two photographs differ, and their translations differ about as much; one answer to all would have 0."""
    before, after = (_distances(pictures) for pictures in both)
    assert (after > 0.4 * before).all()


def test_they_have_changed(both):
    before, after = (np.float64(pictures) / 255 for pictures in both)
    assert np.abs(after - before).mean() > 0.05


def _mean_colours(pictures):
    red, green, blue = np.moveaxis(np.float64(pictures).mean(axis=(1, 2)), -1, 0)
    return np.stack([red - green, blue - (red + green) / 2], axis=1)


def _distances(pictures):
    """Mean absolute difference of every two, seen at 16x16 pixels."""
    small = np.float64(pictures).reshape(len(pictures), 16, 8, 16, 8, 3).mean(axis=(2, 4)).reshape(len(pictures), -1)
    first, second = np.triu_indices(len(pictures), 1)
    return np.array([np.abs(small[i] - small[j]).mean() for i, j in zip(first, second, strict=True)])
