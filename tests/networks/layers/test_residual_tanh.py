"""Outputs whose tanh has a slope in gradients everywhere; that of a translator starts as the identity."""

import numpy as np
import tensorflow as tf

from ganzoo.networks.layers import ResidualTanh, SlopedTanh


def test_it_adds_before_the_tanh():
    change, image = np.float32([[[[0.3, -2.0, 0.0]]]]), np.float32([[[[0.5, 1.0, -1.0]]]])
    wanted = np.tanh(change + np.arctanh(0.98 * image))
    np.testing.assert_allclose(ResidualTanh()([change, image]), wanted, rtol=1e-5)


def test_gradients_see_a_slope_where_there_is_hardly_one():
    change, image = tf.constant([[[[0.5, -9.0, 9.0]]]]), tf.zeros([1, 1, 1, 3])
    for layer, given in ((ResidualTanh(), [change, image]), (SlopedTanh(), change)):
        with tf.GradientTape() as tape:
            tape.watch(change)
            made = layer(given)
        np.testing.assert_allclose(made, np.tanh(change), rtol=1e-6)
        slopes = tape.gradient(made, change)
        np.testing.assert_allclose(slopes, [[[[1.0 - np.tanh(0.5) ** 2, 0.2, 0.2]]]], rtol=1e-5)


def test_a_coarse_image_is_made_of_its_squares_means():
    squares = np.float32([[0.1, 0.5], [-0.5, 0.2]])
    image = squares.repeat(4, axis=0).repeat(4, axis=1)[np.newaxis, :, :, np.newaxis]
    made = ResidualTanh(4)([tf.zeros_like(image), image]).numpy()[0, :, :, 0]
    wanted = tf.image.resize(squares[np.newaxis, :, :, np.newaxis], [8, 8], "bilinear")[0, :, :, 0]
    np.testing.assert_allclose(made, 0.98 * wanted, rtol=1e-5)
    assert ResidualTanh(4).get_config()["coarseness"] == 4


def test_a_share_of_the_detail_stays():
    image = np.random.default_rng(0).uniform(-1, 1, [1, 8, 8, 1]).astype(np.float32)
    change = np.float32([[[[0.3]]]])
    whole, coarse = (np.arctanh(ResidualTanh(side)([tf.zeros_like(image), image])) for side in (1, 4))
    made = ResidualTanh(4, 0.25)([tf.constant(change), image])
    np.testing.assert_allclose(made, np.tanh(change + 0.25 * whole + 0.75 * coarse), rtol=1e-4, atol=1e-5)
    assert ResidualTanh(4, 0.25).get_config()["detail"] == 0.25
