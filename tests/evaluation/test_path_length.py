"""Path lengths of generators whose answer is known."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.errors import UsageError
from ganzoo.evaluation.metrics import path_length as module
from ganzoo.evaluation.metrics.path_length import path_length, spherical, straight

MATRIX = np.array([[2.0, 0.0, 1.0], [0.0, 1.0, -1.0]], np.float32)  # two latents, three features


def comparison(prior, network):
    """Of a generator that is linear in its latents."""
    latents = np.random.default_rng(0).normal(size=(2 * module.PATHS, 2)).astype(np.float32)
    sampler = SimpleNamespace(inside=network)
    model = SimpleNamespace(sample_latents=lambda n, seed: latents[:n], prior=prior, classes=0, sampler=sampler)
    extractor = SimpleNamespace(embed=lambda images: images)
    return SimpleNamespace(model=model, extractor=extractor, seed=5), latents


def linear():
    inputs = keras.Input((2,))
    layer = keras.layers.Dense(3, use_bias=False)
    network = keras.Model(inputs, layer(inputs))
    layer.set_weights([MATRIX])
    return network


def without_extremes(lengths):
    low, high = np.percentile(lengths, (1, 99))
    return lengths[(lengths >= low) & (lengths <= high)].mean()


def test_straight_paths_through_a_linear_generator():
    """The way's speed is the difference of its ends, wherever on the way."""
    given, latents = comparison("uniform", linear())
    ends = (latents[module.PATHS :] - latents[: module.PATHS]).astype(np.float64)
    wanted = without_extremes(np.sum((ends @ MATRIX) ** 2, axis=1))
    assert path_length(given)["path_length"].value == pytest.approx(wanted, rel=1e-3)


def test_spherical_paths_through_the_identity():
    """On a circle of radius sqrt(2) the speed is the angle times the radius."""
    given, latents = comparison("normal", tf.identity)
    angles = np.arctan2(latents[:, 1], latents[:, 0]).astype(np.float64)
    between = np.abs(np.angle(np.exp(1j * (angles[module.PATHS :] - angles[: module.PATHS]))))
    wanted = without_extremes(2.0 * between**2)
    assert path_length(given)["path_length"].value == pytest.approx(wanted, rel=1e-3)


def test_labels_of_a_conditional_generator_cycle_and_other_extractors_are_refused(monkeypatch):
    monkeypatch.setattr(module, "PATHS", 300)
    given, _ = comparison("uniform", None)
    seen = []

    def inside(latents, labels):
        tf.numpy_function(lambda labels: seen.extend(labels), [labels], [])
        return tf.identity(latents)

    given.model.classes, given.model.sampler = 3, SimpleNamespace(inside=inside)
    path_length(given)
    assert sorted(seen) == sorted(2 * [0, 1, 2] * 100)
    given.extractor = SimpleNamespace(embed=None, name="own")
    with pytest.raises(UsageError, match=r"^metrics: path_length: own is not differentiable \(leave it out\)$"):
        path_length(given)


def test_ways_between_two_latents():
    start, end, half = np.array([[3.0, 0.0]]), np.array([[0.0, 5.0]]), np.array([0.5])
    np.testing.assert_allclose(spherical(start, end, half), [[1.0, 1.0]], atol=1e-6)
    np.testing.assert_allclose(spherical(start, end, np.array([1.0])), [[0.0, np.sqrt(2.0)]], atol=1e-6)
    np.testing.assert_allclose(spherical(start, start, half), [[np.sqrt(2.0), 0.0]], atol=1e-6)
    np.testing.assert_allclose(straight(start, end, np.array([0.25])), [[2.25, 1.25]])
