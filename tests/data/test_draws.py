"""Draws keyed by example."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.data import draws


def counters(*values: int) -> tf.Tensor:
    return tf.constant(values, tf.int64)


@pytest.mark.parametrize("draw", [draws.uniform, draws.normal])
def test_a_row_depends_on_its_counter_alone(draw):
    neighbours = draw(3, "x", tf.range(800, 1400, dtype=tf.int64), 2).numpy()
    scattered = draw(3, "x", counters(1023, 800, 1024, 800), 2).numpy()
    np.testing.assert_array_equal(scattered, neighbours[[223, 0, 224, 0]])


def test_seeds_purposes_and_far_counters_give_other_numbers():
    drawn = [
        draws.uniform(seed, purpose, counters(counter), 4).numpy()
        for seed in (0, 1, 2**31 - 1)
        for purpose in ("a", "b")
        for counter in (0, 1023, 1024, 2**40)
    ]
    assert len(np.unique(np.concatenate(drawn), axis=0)) == 24


def test_distributions():
    many = tf.range(50_000, dtype=tf.int64)
    flat = draws.uniform(0, "x", many, 1).numpy()
    assert flat.min() >= 0
    assert flat.max() < 1
    np.testing.assert_allclose(np.histogram(flat, 10, (0, 1))[0], 5000, atol=5 * 67)  # sd sqrt(50000 * 0.1 * 0.9) = 67
    bell = draws.normal(0, "x", many, 2).numpy()
    np.testing.assert_allclose(bell.mean(0), 0, atol=0.02)
    np.testing.assert_allclose(np.cov(bell.T), np.eye(2), atol=0.03)
