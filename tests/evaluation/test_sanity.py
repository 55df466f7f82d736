"""Metrics get worse as real images are made worse."""

import numpy as np
import pytest

from ganzoo.data.mnist_5k import load_mnist_5k
from ganzoo.evaluation import sanity
from ganzoo.evaluation.examples import from_array


@pytest.fixture(scope="module")
def digits():
    images, labels = load_mnist_5k("all")
    order = np.random.default_rng(0).permutation(len(images))
    return images[order][..., np.newaxis], labels[order]


@pytest.fixture(scope="module")
def tables(digits):
    images, labels = digits
    real = from_array("real", images[:1500])
    return sanity.damage_tables(real, images[1500:3000], labels[1500:3000], "mnist_cnn")


@pytest.mark.parametrize("name", ["fid", "kid", "sliced_wasserstein"])
@pytest.mark.parametrize("damage", range(3))
def test_distances_grow_with_every_damage(tables, damage, name):
    values = tables[damage].column(f"{name}_mnist_cnn")
    assert np.all(np.diff(values) > 0), values


def test_precision_falls_with_blur_and_noise_and_coverage_with_dropped_classes(tables):
    blur, noise, dropped = tables
    for table in (blur, noise):
        values = table.column("precision_mnist_cnn")
        assert values[-1] < values[0] - 0.2, values
    for name in ("recall", "coverage", "inception_score"):
        values = dropped.column(f"{name}_mnist_cnn")
        assert np.all(np.diff(values) < 0), (name, values)
    assert dropped.column("precision_mnist_cnn")[-1] > 0.8  # what is left is real


def test_the_bias_falls_with_the_number_of_images_and_kid_has_none(digits):
    images, _ = digits
    table = sanity.bias_table(images[:2500], images[2500:], "mnist_cnn", counts=(250, 1000, 2500))
    fid, kid = table.column("fid_mnist_cnn"), table.column("kid_mnist_cnn")
    assert fid[0] > 2 * fid[1] > 3 * fid[2]
    assert abs(np.mean(kid)) < 0.1 * fid[0]
    assert table.describe().splitlines()[0] == "| images of each | fid_mnist_cnn | kid_mnist_cnn |"


def test_damage_by_hand():
    image = np.zeros([1, 5, 5, 1], np.uint8)
    image[0, 2, 2] = 200
    assert sanity.blurred(image, 0.0) is image
    soft = sanity.blurred(image, 1.0)[0, :, :, 0].astype(int)
    assert soft.shape == (5, 5)
    assert 20 < soft[2, 2] < 60
    np.testing.assert_array_equal(soft, soft.T)
    grey = np.full([40, 20, 20, 1], 128, np.uint8)
    assert np.std(sanity.noisy(grey, 16.0)) == pytest.approx(16.0, rel=0.02)
    np.testing.assert_array_equal(sanity.noisy(grey, 0.0), grey)
