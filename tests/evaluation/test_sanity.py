"""Metrics get worse as real images are made worse."""

import numpy as np
import pytest

from ganzoo.data.sources.mnist_5k import load_mnist_5k
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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fid", "kid", "sliced_wasserstein"])
@pytest.mark.parametrize("damage", range(3))
def test_distances_grow_with_every_damage(tables, damage, name):
    values = tables[damage].column(f"{name}_mnist_cnn")
    assert np.all(np.diff(values) > 0), values


@pytest.mark.slow
@pytest.mark.parametrize("damage", range(3))
def test_recall_and_coverage_fall_with_every_damage(tables, damage):
    for name in ("recall", "coverage", "inception_score"):
        values = tables[damage].column(f"{name}_mnist_cnn")
        assert np.all(np.diff(values) < 0), (name, values)


@pytest.mark.slow
def test_precision_sees_noise_but_neither_blur_nor_dropped_classes(tables):
    """What is left is real; and blurred digits move towards the middle of the real ones, whatever the eye says."""
    blur, noise, dropped = (table.column("precision_mnist_cnn") for table in tables)
    assert noise[-1] < noise[0] - 0.2
    assert min(*blur, *dropped) > 0.9


@pytest.mark.slow
def test_the_bias_falls_with_the_number_of_images(digits):
    images, _ = digits
    table = sanity.bias_table(images[:2500], images[2500:], "mnist_cnn", counts=(250, 1000, 2500))
    fid = table.column("fid_mnist_cnn")
    assert fid[0] > 2 * fid[1] > 3 * fid[2]
    assert table.describe().splitlines()[0] == "| images of each | fid_mnist_cnn | kid_mnist_cnn |"


def test_damage_by_hand():
    image = np.zeros([1, 5, 5, 1], np.uint8)
    image[0, 2, 2] = 200
    assert sanity.blurred(image, 0.0) is image
    soft = sanity.blurred(image, 1.0)[0, :, :, 0].astype(int)
    assert soft.shape == (5, 5)
    assert 20 < soft[2, 2] < 60
    assert np.abs(soft - soft.T).max() <= 1
    grey = np.full([40, 20, 20, 1], 128, np.uint8)
    assert np.std(sanity.noisy(grey, 16.0)) == pytest.approx(16.0, rel=0.02)
    np.testing.assert_array_equal(sanity.noisy(grey, 0.0), grey)
