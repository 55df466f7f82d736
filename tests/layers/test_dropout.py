"""Keyed dropout."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo import randomness
from ganzoo.layers import Dropout


def test_it_is_the_identity_outside_of_training():
    x = tf.ones([4, 10])
    np.testing.assert_array_equal(Dropout(0.5, name="d")(x, training=False), x)


def test_it_keeps_the_mean_and_drops_the_share():
    with randomness.scope(randomness.key(0, "test")):
        out = Dropout(0.25, name="d")(tf.ones([1000, 100]), training=True).numpy()
    np.testing.assert_allclose(np.unique(out), [0.0, 1 / 0.75], rtol=1e-6)
    assert np.mean(out == 0.0) == pytest.approx(0.25, abs=0.01)


def test_the_mask_is_a_function_of_key_and_name():
    def mask(key, name):
        with randomness.scope(key):
            return Dropout(0.5, name=name)(tf.ones([8, 8]), training=True).numpy()

    a, b = randomness.key(0, "a"), randomness.key(0, "b")
    np.testing.assert_array_equal(mask(a, "d1"), mask(a, "d1"))
    assert not np.array_equal(mask(a, "d1"), mask(b, "d1"))
    assert not np.array_equal(mask(a, "d1"), mask(a, "d2"))


def test_a_rate_of_one_is_refused():
    with pytest.raises(ValueError, match="rate=1"):
        Dropout(1.0)
