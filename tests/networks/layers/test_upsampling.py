"""Bilinear upsampling: a row by hand, images of any size."""

import keras
import numpy as np
import tensorflow as tf

from ganzoo.networks.layers import BilinearUpsampling


def test_a_row_by_hand():
    """Pixels' centres are at halves: three quarters of the nearest pixel and one of the next; the edges stay."""
    row = np.float32([0.0, 4.0, 8.0]).reshape(1, 1, 3, 1)
    made = BilinearUpsampling()(row)
    assert made.shape == (1, 2, 6, 1)
    np.testing.assert_allclose(made[0, :, :, 0], [[0.0, 1.0, 3.0, 5.0, 7.0, 8.0]] * 2)


def test_images_of_any_size_in_any_dtype():
    image = keras.Input((None, None, 2))
    layer = BilinearUpsampling(dtype="bfloat16")
    network = keras.Model(image, layer(image))
    assert network.output_shape == (None, None, None, 2)
    assert network(tf.zeros((1, 3, 5, 2))).shape == (1, 6, 10, 2)
    assert network(tf.zeros((1, 3, 5, 2))).dtype == tf.bfloat16
