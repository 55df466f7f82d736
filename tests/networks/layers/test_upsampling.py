"""Bilinear upsampling: a row by hand, images of any size."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.networks.layers import BilinearUpsampling, Mixing


def test_a_row_by_hand():
    """Pixels' centres are at halves: three quarters of the nearest pixel and one of the next; the edges stay."""
    row = np.float32([0.0, 4.0, 8.0]).reshape(1, 1, 3, 1)
    made = BilinearUpsampling()(row)
    assert made.shape == (1, 2, 6, 1)
    np.testing.assert_allclose(made[0, :, :, 0], [[0.0, 1.0, 3.0, 5.0, 7.0, 8.0]] * 2)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_images_of_any_size_in_any_dtype(dtype):
    image = keras.Input((None, None, 2))
    layer = BilinearUpsampling(dtype=dtype)
    network = keras.Model(image, layer(image))
    assert network.output_shape == (None, None, None, 2)
    assert network(tf.zeros((1, 3, 5, 2))).shape == (1, 6, 10, 2)
    assert network(tf.zeros((1, 3, 5, 2))).dtype == dtype


def test_known_sides_stay_known():
    given = tf.TensorSpec([None, 4, 6, 2], tf.float32)
    made = tf.function(BilinearUpsampling(), input_signature=[given]).get_concrete_function()
    assert made.output_shapes == [None, 8, 12, 2]


@pytest.mark.parametrize("jit", [False, True])
def test_the_second_derivative(jit):
    """Of half the sum of the cubes of y = A x: r1 and its kin need it. A is the layer's own matrix."""
    matrix = tf.reshape(BilinearUpsampling()(tf.reshape(tf.eye(6), [6, 2, 3, 1])), [6, 24])
    x, toward = tf.unstack(tf.constant(np.random.default_rng(0).normal(size=(2, 6)), tf.float32))

    @tf.function(jit_compile=jit)
    def derivative(x):
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                value = 0.5 * tf.reduce_sum(BilinearUpsampling()(tf.reshape(x, [1, 2, 3, 1])) ** 3)
            along = tf.tensordot(inner.gradient(value, x), toward, 1)
        return outer.gradient(along, x)

    wanted = 3.0 * tf.linalg.matvec(matrix, tf.linalg.matvec(matrix, x, True) * tf.linalg.matvec(matrix, toward, True))
    np.testing.assert_allclose(derivative(x), wanted, rtol=1e-4, atol=1e-5)


def test_mixing_has_the_second_derivative_too():
    fine, coarse = tf.zeros([1, 4, 4, 1]), tf.ones([1, 2, 2, 1])
    with tf.GradientTape() as outer:
        outer.watch(coarse)
        with tf.GradientTape() as inner:
            inner.watch(coarse)
            value = tf.reduce_sum(Mixing()([fine, coarse]) ** 2)
        slope = tf.reduce_sum(inner.gradient(value, coarse))
    np.testing.assert_allclose(outer.gradient(slope, coarse), np.full([1, 2, 2, 1], 8.0))
