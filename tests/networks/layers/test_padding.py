"""Reflection padding is numpy's, and its gradient TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.networks.layers import ReflectionPadding2D

BORDERS = [1, 2, 3]


@pytest.mark.parametrize("border", BORDERS)
def test_it_is_numpy_s(border):
    images = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype(np.float32)
    wanted = np.pad(images, [(0, 0), (border, border), (border, border), (0, 0)], mode="reflect")
    np.testing.assert_array_equal(ReflectionPadding2D(border)(images), wanted)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_its_gradient_is_that_of_tensorflow(border, dtype):
    images = tf.cast(np.random.default_rng(0).integers(-8, 8, (2, 4, 6, 3)), dtype)
    layer = ReflectionPadding2D(border, dtype=dtype)
    found = []
    for pad in (layer, lambda x: tf.pad(x, [[0, 0], [border] * 2, [border] * 2, [0, 0]], "REFLECT")):
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = pad(images)
            loss = tf.reduce_sum(outputs * outputs)
        found.append(np.float32(tape.gradient(loss, images)))
    np.testing.assert_allclose(*found, rtol=0.02)


def test_shapes_of_images_of_any_size():
    assert ReflectionPadding2D(3).compute_output_shape((None, None, 8, 5)) == (None, None, 14, 5)
