"""The shipped translators on all test images: near the target, there and back, no colour inverted, nothing blank."""

import numpy as np
import pytest

import ganzoo
from ganzoo.evaluation.metrics.translation import luminance_correlation
from ganzoo.evaluation.translations import open_translation

pytestmark = pytest.mark.slow


COLOURFUL = 10  # grey levels of `_chroma`, as a root of the mean square


@pytest.mark.parametrize("to", ["plain", "bold"])
def test_digits_come_near_the_known_truth(to):
    found = ganzoo.evaluate("cyclegan_digits", "translation_error", to=to, features="mnist_cnn")
    assert found["translation_error_mnist_cnn"] <= 0.05


NEAR = {"kid_ratio": (0.0, 0.5), "taken_for_target": (0.4, 1.0), "classifier_accuracy": (0.95, 1.0)}
NEAR |= {"cycle_error": (0.0, 0.08)}


def assert_near(values):
    for name, (least, most) in NEAR.items():
        assert least <= values[name] <= most, name


def test_photographs_come_near_to_monet_as_the_card_says():
    """`test_every_card_can_be_computed_again` computes the card's values."""
    assert_near({metric.name: metric.value for metric in ganzoo.card("cyclegan_monet").metrics if metric.to == "monet"})


@pytest.mark.nightly
@pytest.mark.parametrize("size", [None, 256], ids=["paintings at 128x128", "paintings as they are"])
def test_photographs_come_near_to_monet(monet2photo, size):
    found = ganzoo.evaluate("cyclegan_monet", to="monet", size=size, data_dir=monet2photo)
    assert_near({name.removesuffix("_efficientnet_lite0"): value for name, value in found.items()})


@pytest.fixture(scope="module")
def photographs(monet2photo):
    """uint8 `[250, 128, 128, 3]`."""
    given = open_translation(ganzoo.config("cyclegan_monet"), "monet", 10_000, data_dir=monet2photo).given
    return np.concatenate(list(given.parts(50)))


@pytest.fixture(scope="module")
def paintings(photographs):
    return ganzoo.load("cyclegan_monet").translate(photographs, "monet")


@pytest.fixture(scope="module", params=["there", pytest.param("there and back", marks=pytest.mark.nightly)])
def both(request, photographs, paintings):
    """(photographs, what became of them), uint8 `[n, 128, 128, 3]`."""
    if request.param == "there":
        return photographs, paintings
    return photographs, ganzoo.load("cyclegan_monet").translate(paintings, "photo")


def test_what_was_light_is_light(both):
    assert luminance_correlation(*both).min() > 0.4


def test_what_was_red_or_blue_is_so(both):
    """In each picture that has colours: 1 where they are the same, about -1 where two are swapped or inverted."""
    before, after = map(_chroma, both)
    colourful = np.sqrt(np.square(before).mean(axis=1)) > COLOURFUL
    before, after = before[colourful], after[colourful]
    alike = (before * after).sum(axis=1) / np.linalg.norm(before, axis=1) / np.linalg.norm(after, axis=1)
    assert len(alike) > 200
    assert alike.min() > 0.5


def test_none_is_blank(both):
    before, after = (np.float64(pictures).mean(-1).std(axis=(1, 2)) for pictures in both)
    assert (after > 0.4 * before).all()


def test_none_comes_twice(both):
    """Two photographs differ, and their translations differ about as much; one answer to all would have 0."""
    before, after = (_distances(pictures) for pictures in both)
    assert (after > 0.4 * before).all()


def test_they_have_changed(photographs, paintings):
    assert np.abs(np.float64(paintings) - photographs).mean() / 255 > 0.05


@pytest.mark.parametrize("tile", [None, 128])
def test_larger_pictures_in_tiles_or_whole(photographs, tile):
    large = np.concatenate([photographs[:2], photographs[2:4]], axis=2).repeat(2, axis=1).repeat(2, axis=2)[:, :251]
    made = ganzoo.load("cyclegan_monet").translate(large, "monet", tile=tile)
    assert made.shape == large.shape == (2, 251, 512, 3)
    assert luminance_correlation(large, made).min() > 0.7
    assert np.abs(np.float64(made) - large).mean() / 255 > 0.03


def _chroma(pictures):
    """Red less green, and blue less yellow, at 16x16 pixels: float64 `[n, 512]`."""
    red, green, blue = np.moveaxis(_small(pictures), -1, 0)
    return np.stack([red - green, blue - (red + green) / 2], axis=-1).reshape(len(pictures), -1)


def _small(pictures):
    """The means of 16x16 parts of each."""
    return np.float64(pictures).reshape(len(pictures), 16, 8, 16, 8, 3).mean(axis=(2, 4))


def _distances(pictures):
    """Mean absolute difference of every two, seen at 16x16 pixels."""
    small = _small(pictures).reshape(len(pictures), -1)
    first, second = np.triu_indices(len(pictures), 1)
    return np.array([np.abs(small[i] - small[j]).mean() for i, j in zip(first, second, strict=True)])
