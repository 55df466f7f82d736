"""Keyed dropout."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.core import randomness
from ganzoo.networks.layers import Dropout


def test_it_is_the_identity_outside_of_training():
    x = tf.ones([4, 10])
    np.testing.assert_array_equal(Dropout(0.5, name="d")(x, training=False), x)


def test_it_keeps_the_mean_and_drops_the_share():
    with randomness.scope(randomness.key(0, "test"), randomness.Place(0, 1000)):
        out = Dropout(0.25, name="d")(tf.ones([1000, 100]), training=True).numpy()
    np.testing.assert_allclose(np.unique(out), [0.0, 1 / 0.75], rtol=1e-6)
    assert np.mean(out == 0.0) == pytest.approx(0.25, abs=0.01)


def test_the_mask_is_a_function_of_key_and_name():
    def mask(key, name):
        with randomness.scope(key, randomness.Place(0, 8)):
            return Dropout(0.5, name=name)(tf.ones([8, 8]), training=True).numpy()

    a, b = randomness.key(0, "a"), randomness.key(0, "b")
    np.testing.assert_array_equal(mask(a, "d1"), mask(a, "d1"))
    assert not np.array_equal(mask(a, "d1"), mask(b, "d1"))
    assert not np.array_equal(mask(a, "d1"), mask(a, "d2"))


def test_a_replica_and_a_part_take_their_rows_of_the_global_mask():
    key, layer = randomness.key(0, "a"), Dropout(0.5, name="d")

    def mask(first, rows):
        with randomness.scope(key, randomness.Place(tf.constant(first), 8)):
            return layer(tf.ones([rows, 5]), training=True).numpy()

    np.testing.assert_array_equal(np.concatenate([mask(0, 2), mask(2, 2), mask(4, 4)]), mask(0, 8))


def test_a_rate_of_one_is_refused():
    with pytest.raises(ValueError, match=r"rate: expected a number in \[0, 1\), got 1"):
        Dropout(1.0)
