"""Toy distributions against their densities."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.data import toy
from ganzoo.data.source import open_source
from ganzoo.errors import DataError
from ganzoo.schema import DatasetConfig

COUNT = 40_000


def points(name: str, channels: int = 2, seed: int = 0, split: str = "train", count: int = COUNT):
    source = open_source(DatasetConfig(name=name, size=0, channels=channels, split=split), seed=seed)
    assert source.length is None
    batch = source.fetch(tf.range(count, dtype=tf.int64))
    return {key: value.numpy() for key, value in batch.items()}


def test_ring_has_eight_equal_gaussians_on_its_circle():
    batch = points("ring")
    angles = 2 * np.pi * batch["labels"] / 8
    offsets = batch["images"] - 2.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    np.testing.assert_allclose(np.cov(offsets.T), 0.05**2 * np.eye(2), atol=8e-5)  # 5 sd of the estimate
    within = (np.linalg.norm(offsets, axis=1) < 3 * 0.05).mean()
    assert within == pytest.approx(1 - np.exp(-4.5), abs=0.003)  # a Rayleigh distribution
    np.testing.assert_allclose(np.bincount(batch["labels"], minlength=8), COUNT / 8, atol=330)  # 5 sd
    np.testing.assert_allclose(toy.ring_centres()[2], [0, 2], atol=1e-6)


def test_grid_has_25_equal_gaussians():
    batch = points("grid")
    nearest = np.round(batch["images"])
    labels = batch["labels"]
    np.testing.assert_array_equal(nearest, np.stack([labels % 5 - 2, labels // 5 - 2], axis=1))
    assert (batch["images"] - nearest).std() == pytest.approx(0.05, rel=0.02)
    np.testing.assert_allclose(np.bincount(labels, minlength=25), COUNT / 25, atol=200)


def test_swiss_roll_lies_on_its_spiral():
    x, y = points("swiss_roll")["images"].T.astype(float)
    radius = np.hypot(x, y) * 7.5  # = t, without noise
    turns = np.round((radius - np.arctan2(y, x)) / (2 * np.pi))
    across = radius - np.arctan2(y, x) - 2 * np.pi * turns  # distance to the nearest arm, nearly
    assert across.std() == pytest.approx(0.25, rel=0.06)
    assert np.mean(radius) == pytest.approx(3 * np.pi, rel=0.01)
    assert radius.min() > 1.5 * np.pi - 1.3
    assert radius.max() < 4.5 * np.pi + 1.3


@pytest.mark.parametrize("channels", [1, 3])
def test_gaussian_is_standard_normal(channels):
    images = points("gaussian", channels)["images"]
    assert images.shape == (COUNT, channels)
    np.testing.assert_allclose(images.mean(0), 0, atol=0.025)
    np.testing.assert_allclose(np.atleast_2d(np.cov(images.T)), np.eye(channels), atol=0.04)


@pytest.mark.parametrize("name", ["ring", "grid", "swiss_roll", "gaussian"])
def test_a_point_depends_on_seed_split_and_index_alone(name):
    source = open_source(DatasetConfig(name=name, size=0, channels=2), seed=7)
    whole = points(name, seed=7, count=1100)
    some = source.fetch(tf.constant([1099, 3, 1024], tf.int64))
    for key, values in whole.items():
        np.testing.assert_array_equal(some[key], values[[1099, 3, 1024]])
    assert not np.allclose(whole["images"], points(name, seed=8, count=1100)["images"])
    assert not np.allclose(whole["images"], points(name, seed=7, split="test", count=1100)["images"])


def test_an_unknown_split_is_refused():
    with pytest.raises(DataError, match=r"^dataset\.split: ring has no 'all' \(known: test, train\)$"):
        points("ring", split="all")
