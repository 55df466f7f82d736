"""Maxout against a sum worked out by hand."""

import numpy as np
import tensorflow as tf

from ganzoo.networks.layers import Maxout


def test_it_takes_the_largest_of_its_pieces():
    layer = Maxout(units=2, pieces=2)
    layer.build((None, 1))
    layer.set_weights([np.array([[1.0, -1.0, 2.0, 0.5]], np.float32), np.array([0.0, 0.0, 1.0, 0.0], np.float32)])
    # x = 3: unit 0 max(3, -3), unit 1 max(7, 1.5); x = -2: max(-2, 2), max(-3, -1)
    np.testing.assert_allclose(layer(tf.constant([[3.0], [-2.0]])), [[3.0, 7.0], [2.0, -1.0]])


def test_it_survives_its_config():
    layer = Maxout(units=3, pieces=4, name="m")
    again = Maxout.from_config(layer.get_config())
    assert (again.units, again.pieces, again.name) == (3, 4, "m")
