"""Spectral normalisation against numpy's singular values."""

import keras
import numpy as np
import tensorflow as tf

from ganzoo.networks.layers import SpectralConv2D, SpectralDense


def layer(**arguments):
    made = SpectralConv2D(5, 3, padding="same", **arguments)
    made.build((None, 6, 6, 4))
    made.kernel.assign(np.random.default_rng(0).normal(size=(3, 3, 4, 5)))
    return made


def dense(**arguments):
    made = SpectralDense(5, **arguments)
    made.build((None, 4))
    made.kernel.assign(np.random.default_rng(0).normal(size=(4, 5)))
    return made


def images():
    return tf.constant(np.random.default_rng(1).normal(size=(2, 6, 6, 4)), tf.float32)


def test_the_kernel_is_divided_by_its_largest_singular_value():
    made = layer(bias_initializer="ones")
    for _ in range(50):
        made(images(), training=True)
    largest = np.linalg.svd(np.reshape(made.kernel.numpy(), (-1, 5)), compute_uv=False)[0]
    wanted = tf.nn.conv2d(images(), made.kernel.numpy() / largest, 1, "SAME") + 1.0
    np.testing.assert_allclose(made(images()), wanted, rtol=1e-4, atol=1e-5)


def test_a_dense_kernel_is_too():
    made, rows = dense(bias_initializer="ones", activation="relu"), images()[:, 0, 0]
    for _ in range(50):
        made(rows, training=True)
    kernel = made.kernel.numpy()
    wanted = tf.nn.relu(rows @ (kernel / np.linalg.svd(kernel, compute_uv=False)[0]) + 1.0)
    np.testing.assert_allclose(made(rows), wanted, rtol=1e-4, atol=1e-5)
    assert dense(use_bias=False)(rows).shape == (2, 5)


def test_the_vector_moves_in_training_alone():
    made = layer()
    before = made.direction.numpy()
    made(images(), training=False)
    np.testing.assert_array_equal(made.direction.numpy(), before)
    made(images(), training=True)
    assert not np.allclose(made.direction.numpy(), before)
    assert [weight.path.split("/")[-1] for weight in made.trainable_weights] == ["kernel", "bias"]


def test_gradients_see_the_division():
    """A kernel that grows as a whole changes nothing: the slope along the kernel itself is 0."""
    made = layer()
    for _ in range(50):
        made(images(), training=True)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(made(images())))
    slope = tape.gradient(loss, made.kernel.value).numpy()
    assert abs(np.sum(slope * made.kernel.numpy())) < 1e-3 * np.linalg.norm(slope) * np.linalg.norm(made.kernel.numpy())


def test_in_bfloat16_the_gradient_of_the_bias_is_a_whole_sum():
    made = layer(dtype="mixed_bfloat16")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.cast(made(tf.ones([8, 16, 16, 4], tf.bfloat16)), tf.float32))
    np.testing.assert_array_equal(tape.gradient(loss, made.bias.value), [8 * 16 * 16] * 5)


def test_in_bfloat16_the_vector_is_float32():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        made = layer()
    finally:
        keras.config.set_dtype_policy(before)
    assert made.direction.dtype == "float32"
    assert made(tf.cast(images(), tf.bfloat16), training=True).dtype == tf.bfloat16
