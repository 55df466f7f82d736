"""Distances and diversity worked out by hand."""

import math

import numpy as np
import pytest

from ganzoo.evaluation import labelled


def image(*values):
    return np.array(values, np.uint8).reshape(1, len(values), 1)


def test_mean_pairwise_distance_by_hand():
    # distances in units of 255: 3-4-5 triangles between (0,0), (255,0), (0,255): 1, 1, sqrt 2
    images = np.stack([image(0, 0), image(255, 0), image(0, 255)])
    assert labelled.mean_pairwise_distance(images) == pytest.approx((2 + math.sqrt(2)) / 3, rel=1e-6)
    assert labelled.mean_pairwise_distance(np.stack([image(9, 9)] * 4)) == pytest.approx(0.0, abs=1e-6)


def test_class_diversity_is_a_ratio_for_each_class():
    real = np.stack([image(0, 0), image(200, 0), image(0, 0), image(0, 100)])
    fake = np.stack([image(0, 0), image(100, 0), image(7, 7), image(7, 7)])
    ratios = labelled.class_diversity(fake, np.array([0, 0, 1, 1]), real, np.array([0, 0, 1, 1]))
    assert ratios == {0: pytest.approx(0.5), 1: pytest.approx(0.0, abs=1e-6)}


def test_shifting_moves_whole_images():
    images = np.zeros((50, 9, 9, 1), np.uint8)
    images[:, 4, 4] = 255
    moved = labelled._shift(images, np.random.default_rng(0))
    places = {tuple(np.argwhere(m[..., 0])[0] - 4) for m in moved}
    assert all(m.sum() == 255 for m in moved)
    assert {-2, 2} <= {row for row, _ in places}
    assert max(abs(v) for place in places for v in place) == 2
