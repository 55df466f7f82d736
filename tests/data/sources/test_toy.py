"""Toy distributions against their densities."""

import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.data.open import check_available, open_source
from ganzoo.errors import ConfigError, DataError
from ganzoo.schema import DatasetConfig

COUNT = 40_000


def points(name: str, columns: int = 2, seed: int = 0, split: str = "train", count: int = COUNT):
    source = open_source(DatasetConfig(name=name, kind="points", columns=columns, split=split), seed=seed)
    assert source.length is None
    batch = source.fetch(tf.range(count, dtype=tf.int64))
    return {key: value.numpy() for key, value in batch.items()}


def test_ring_has_eight_equal_gaussians_on_its_circle():
    batch = points("ring")
    angles = 2 * np.pi * batch["labels"] / 8
    offsets = batch["examples"] - 2.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    np.testing.assert_allclose(np.cov(offsets.T), 0.05**2 * np.eye(2), atol=8e-5)  # 5 sd of the estimate
    within = (np.linalg.norm(offsets, axis=1) < 3 * 0.05).mean()
    assert within == pytest.approx(1 - np.exp(-4.5), abs=0.003)  # a Rayleigh distribution
    np.testing.assert_allclose(np.bincount(batch["labels"], minlength=8), COUNT / 8, atol=330)  # 5 sd


def test_grid_has_25_equal_gaussians():
    batch = points("grid")
    nearest = np.round(batch["examples"])
    labels = batch["labels"]
    np.testing.assert_array_equal(nearest, np.stack([labels % 5 - 2, labels // 5 - 2], axis=1))
    assert (batch["examples"] - nearest).std() == pytest.approx(0.05, rel=0.02)
    np.testing.assert_allclose(np.bincount(labels, minlength=25), COUNT / 25, atol=200)


def test_swiss_roll_lies_on_its_spiral():
    x, y = points("swiss_roll")["examples"].T.astype(float)
    radius = np.hypot(x, y) * 7.5  # = t, without noise
    turns = np.round((radius - np.arctan2(y, x)) / (2 * np.pi))
    across = radius - np.arctan2(y, x) - 2 * np.pi * turns  # distance to the nearest arm, nearly
    assert across.std() == pytest.approx(0.25, rel=0.06)
    assert np.mean(radius) == pytest.approx(3 * np.pi, rel=0.01)
    assert radius.min() > 1.5 * np.pi - 1.3
    assert radius.max() < 4.5 * np.pi + 1.3


@pytest.mark.parametrize("columns", [1, 3])
def test_gaussian_is_standard_normal(columns):
    drawn = points("gaussian", columns)["examples"]
    assert drawn.shape == (COUNT, columns)
    np.testing.assert_allclose(drawn.mean(0), 0, atol=0.025)
    np.testing.assert_allclose(np.atleast_2d(np.cov(drawn.T)), np.eye(columns), atol=0.04)


@pytest.mark.parametrize("name", ["ring", "grid", "swiss_roll", "gaussian"])
def test_a_point_depends_on_seed_split_and_index_alone(name):
    source = open_source(DatasetConfig(name=name, kind="points", columns=2), seed=7)
    whole = points(name, seed=7, count=1100)
    some = source.fetch(tf.constant([1099, 3, 1024], tf.int64))
    for key, values in whole.items():
        np.testing.assert_array_equal(some[key], values[[1099, 3, 1024]])
    assert not np.allclose(whole["examples"], points(name, seed=8, count=1100)["examples"])
    assert not np.allclose(whole["examples"], points(name, seed=7, split="test", count=1100)["examples"])


def test_an_unknown_split_is_refused():
    with pytest.raises(DataError, match=r"^dataset\.split: ring has no 'all' \(known: test, train\)$"):
        points("ring", split="all")


def source_of(**options):
    return open_source(DatasetConfig(kind="points", columns=2, **options))


def test_mixtures_know_their_gaussians():
    half = np.sqrt(0.5)
    ring = source_of(name="ring", radius=1, deviation=0.01).mixture  # PacGAN's
    assert ring.deviation == 0.01
    np.testing.assert_allclose(ring.centres[:4], [[1, 0], [half, half], [0, 1], [-half, half]], atol=1e-12)
    np.testing.assert_allclose(source_of(name="ring").mixture.centres, 2 * ring.centres)
    grid = source_of(name="grid", spacing=2).mixture
    assert (grid.deviation, grid.centres.shape) == (0.05, (25, 2))
    np.testing.assert_array_equal(grid.centres[[0, 1, 5, 24]], [[-4, -4], [-2, -4], [-4, -2], [4, 4]])
    assert source_of(name="swiss_roll").mixture is None


@pytest.mark.parametrize("options", [{"name": "ring", "radius": 3.0, "deviation": 0.2}, {"name": "grid", "spacing": 2}])
def test_options_move_the_points(options):
    """The same draws as without options, around the mixture's own centres."""
    indices = tf.range(2000, dtype=tf.int64)
    moved, usual = source_of(**options), source_of(name=options["name"])
    (here, there) = ({k: v.numpy() for k, v in source.fetch(indices).items()} for source in (moved, usual))
    np.testing.assert_array_equal(here["labels"], there["labels"])
    offsets = (batch["examples"] - s.mixture.centres[batch["labels"]] for batch, s in ((here, moved), (there, usual)))
    (moved_by, usually) = offsets
    np.testing.assert_allclose(moved_by / moved.mixture.deviation, usually / 0.05, atol=2e-4)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "grid", "spcing": 2}, r"^dataset\.spcing: unknown key \(did you mean 'spacing'\?\)$"),
        ({"name": "ring", "spacing": 2}, r"^dataset\.spacing: unknown key"),
        ({"name": "ring", "colums": 2}, r"^dataset\.colums: unknown key \(did you mean 'columns'\?\)$"),
        ({"name": "grid", "spacing": 0}, r"^dataset\.spacing: input should be greater than 0"),
        ({"name": "grid", "seed": 3}, r"^dataset\.seed: unknown key"),
    ],
)
def test_wrong_options_are_refused_before_the_data_are_opened(options, said):
    with pytest.raises(ConfigError, match=said):
        check_available(DatasetConfig(kind="points", columns=2, **options))


def test_another_data_set_drops_the_options():
    notes = []
    config = ganzoo.config("gan_ring").override({"dataset.radius": 1.0})
    assert config.dataset.arguments == {"radius": 1.0}
    assert config.override({"training.steps": 5}).dataset.arguments == {"radius": 1.0}
    other = config.override({"dataset.name": "grid", "dataset.spacing": 2.0}, notes.append)
    assert (other.dataset.arguments, other.dataset.columns) == ({"spacing": 2.0}, 2)
    assert notes == ["dataset: grid replaces another part, whose options are dropped (radius)"]
