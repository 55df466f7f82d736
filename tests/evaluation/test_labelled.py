"""Distances and diversity worked out by hand."""

import math

import numpy as np
import pytest

from ganzoo.data.mnist_5k import load_mnist_5k
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


class Copycat:
    """Draws real digits, the first of each class again and again."""

    def generate(self, labels, seed):
        images, real_labels = load_mnist_5k("train")
        firsts = np.stack([images[real_labels == label][0] for label in range(10)])
        return firsts[labels][..., np.newaxis]


def test_a_generator_of_one_digit_a_class_is_accurate_but_not_diverse(monkeypatch):
    monkeypatch.setattr(labelled, "classify", lambda classifier, images: np.arange(len(images)) % 10)
    metrics = labelled.digit_metrics(Copycat(), None)
    assert metrics == {
        "label_accuracy": 1.0,
        "class_diversity": pytest.approx(0.0, abs=1e-6),
        "class_diversity_least": pytest.approx(0.0, abs=1e-6),
    }


def test_a_classifier_learns_what_can_be_told_apart():
    images = np.zeros((400, 8, 8, 1), np.uint8)
    labels = np.arange(400) % 2
    images[labels == 1, 2:6, 2:6] = 255
    classifier = labelled.train_classifier(images, labels, epochs=4)
    assert labelled.label_accuracy(classifier, images, labels) == 1.0
    assert labelled.label_accuracy(classifier, images, 1 - labels) == 0.0


def test_shifting_moves_whole_images():
    images = np.zeros((50, 9, 9, 1), np.uint8)
    images[:, 4, 4] = 255
    moved = labelled._shift(images, np.random.default_rng(0))
    places = {tuple(np.argwhere(m[..., 0])[0] - 4) for m in moved}
    assert all(m.sum() == 255 for m in moved)
    assert {-2, 2} <= {row for row, _ in places}
    assert max(abs(v) for place in places for v in place) == 2
