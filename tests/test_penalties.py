"""Penalties against numbers worked out by hand."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.errors import ConfigError
from ganzoo.penalties import PENALTIES


def test_r1_of_a_linear_discriminator_is_half_its_squared_weights():
    weights = tf.constant([[3.0], [4.0]])
    real = tf.constant([[1.0, 2.0], [-5.0, 0.5], [0.0, 0.0]])
    value = PENALTIES.get("r1")(lambda x: tf.matmul(x, weights)[:, 0], real, real, real)
    np.testing.assert_allclose(value, [12.5, 12.5, 12.5], rtol=1e-6)


def test_r1_of_a_quadratic_on_images_depends_on_each_example_alone():
    """D(x) = sum of x squared has the gradient 2x: R1 = 2 sum of x squared."""
    real = tf.reshape(tf.range(8.0), [2, 2, 2, 1])
    value = PENALTIES.get("r1")(lambda x: tf.reduce_sum(x**2, axis=[1, 2, 3]), real, real, real)
    np.testing.assert_allclose(value, [2.0 * (0 + 1 + 4 + 9), 2.0 * (16 + 25 + 36 + 49)], rtol=1e-6)


def test_r1_reaches_the_weights():
    weights = tf.Variable([[3.0], [4.0]])
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(PENALTIES.get("r1")(lambda x: tf.matmul(x, weights)[:, 0], tf.ones([2, 2]), None, None))
    np.testing.assert_allclose(tape.gradient(value, weights), [[3.0], [4.0]], rtol=1e-6)


def test_unknown_penalty_names_the_known():
    with pytest.raises(ConfigError, match=r"penalties: unknown penalty 'r7'.*r1"):
        PENALTIES.get("r7")
