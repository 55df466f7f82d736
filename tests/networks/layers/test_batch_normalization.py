"""Batch normalisation against Keras's on one device, and over the global batch on two."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.networks.layers import BatchNormalization

GAMMA, BETA = np.array([0.5, 2.0, -1.0], np.float32), np.array([0.1, -0.2, 0.3], np.float32)


@pytest.fixture(scope="module")
def two_replicas():
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice())


def batch(mean=0.0, rows=8):
    numbers = np.random.default_rng(0)
    x = numbers.normal(mean, [0.5, 1.0, 2.0], (rows, 5, 5, 3)).astype(np.float32)
    return x, numbers.normal(size=x.shape).astype(np.float32)


def filled(layer):
    layer.build((None, None, None, 3))
    layer.set_weights([GAMMA, BETA, np.array([0.3, 0.2, 0.1]), np.array([1.5, 1.0, 0.5])])
    return layer


def trained(layer, x, slope):
    """The output, the gradients of sum(slope * output) by x, gamma and beta, and the moving averages after it."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = layer(x, training=True)
        loss = tf.reduce_sum(slope * out)
    gradients = tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])
    return [tensor.numpy() for tensor in (out, *gradients, layer.moving_mean.value, layer.moving_variance.value)]


def trained_on_two(strategy, x, slope):
    """The same from two replicas with half of the rows each; the moving averages of both, one after the other."""
    with strategy.scope():
        layer = filled(BatchNormalization())

    @tf.function
    def step():
        def replica():
            context = tf.distribute.get_replica_context()
            mine = [tf.reshape(whole, [2, -1, 5, 5, 3])[context.replica_id_in_sync_group] for whole in (x, slope)]
            with tf.GradientTape() as tape:
                tape.watch(mine[0])
                out = layer(mine[0], training=True)
                loss = tf.reduce_sum(mine[1] * out)
            by_x, *by_weights = tape.gradient(loss, [mine[0], layer.gamma.value, layer.beta.value])
            return out, by_x, *context.all_reduce(tf.distribute.ReduceOp.SUM, by_weights)

        return strategy.run(replica)

    def both(value):
        return [part.numpy() for part in strategy.experimental_local_results(value)]

    out, by_x, by_gamma, by_beta = (both(value) for value in step())
    averages = [both(layer.moving_mean.value), both(layer.moving_variance.value)]
    return [np.concatenate(out), np.concatenate(by_x), by_gamma[0], by_beta[0], *averages]


def by_hand(x, slope):
    """In NumPy and float64."""
    x, slope = x.astype(np.float64), slope.astype(np.float64)
    axes = (0, 1, 2)
    mean, variance = x.mean(axes), x.var(axes)
    deviation = np.sqrt(variance + 1e-5)
    normal = (x - mean) / deviation
    by_normal = GAMMA * slope
    by_x = (by_normal - by_normal.mean(axes) - normal * (by_normal * normal).mean(axes)) / deviation
    moving_mean = 0.9 * np.array([0.3, 0.2, 0.1]) + 0.1 * mean
    moving_variance = 0.9 * np.array([1.5, 1.0, 0.5]) + 0.1 * variance
    return [GAMMA * normal + BETA, by_x, (slope * normal).sum(axes), slope.sum(axes), moving_mean, moving_variance]


def assert_close(actual, expected, rtol=1e-4, atol=1e-4, without=()):
    names = ("output", "gradient by x", "by gamma", "by beta", "moving mean", "moving variance")
    for name, got, wanted in zip(names, actual, expected, strict=True):
        if name not in without:
            for of_replica in got if np.ndim(got) > np.ndim(wanted) else [got]:
                np.testing.assert_allclose(of_replica, wanted, rtol=rtol, atol=atol, err_msg=name)


def test_one_device_equals_keras_and_the_formula():
    x, slope = batch()
    ours = trained(filled(BatchNormalization()), x, slope)
    assert_close(ours, trained(filled(keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)), x, slope))
    assert_close(ours, by_hand(x, slope))


def test_two_replicas_have_the_statistics_of_the_whole_batch(two_replicas):
    x, slope = batch()
    x[4:] += 3.0  # the halves differ in mean and in variance
    x[4:] *= 2.0
    assert_close(trained_on_two(two_replicas, x, slope), trained(filled(BatchNormalization()), x, slope))


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_large_mean_does_not_cancel_the_variance(two_replicas, replicas):
    """In float32 the mean of the squares, 1e8, has steps of 8: of a variance of 1 nothing would be left.

    TensorFlow's own gradient by gamma, the difference of two large sums, has lost its digits.
    """
    x, slope = batch(mean=1e4)
    if replicas == 1:
        actual = trained(filled(BatchNormalization()), x, slope)
    else:
        actual = trained_on_two(two_replicas, x, slope)
    assert_close(actual, by_hand(x, slope), rtol=1e-3, atol=2e-2, without=("by gamma",))


def test_inference_uses_the_moving_averages():
    x, _ = batch()
    ours, keras_own = filled(BatchNormalization()), filled(keras.layers.BatchNormalization(epsilon=1e-5))
    np.testing.assert_allclose(ours(x), keras_own(x, training=False), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(ours.moving_mean.numpy(), np.array([0.3, 0.2, 0.1], np.float32))


def test_a_batch_of_vectors():
    x = np.array([[1.0], [3.0]], np.float32)
    layer = BatchNormalization(momentum=0.5, epsilon=0.0)
    np.testing.assert_allclose(layer(x, training=True), [[-1.0], [1.0]], rtol=1e-6)
    assert float(layer.moving_mean[0]) == 1.0  # half of 0 and half of 2
    assert float(layer.moving_variance[0]) == 1.0


def test_bfloat16_is_averaged_in_float32():
    x = tf.cast(batch(mean=3.0, rows=64)[0], tf.bfloat16)
    layer = filled(BatchNormalization(dtype="mixed_bfloat16"))
    out = layer(x, training=True)
    assert out.dtype == tf.bfloat16
    assert {variable.dtype for variable in layer.variables} == {"float32"}
    exact = by_hand(x.numpy().astype(np.float32), np.zeros(x.shape))
    np.testing.assert_allclose(out.numpy().astype(np.float32), exact[0], rtol=2**-8, atol=1e-6)
    np.testing.assert_allclose(layer.moving_mean, exact[-2], rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, exact[-1], rtol=1e-5)


def test_it_survives_its_config():
    layer = BatchNormalization(momentum=0.7, epsilon=0.1, name="norm")
    again = BatchNormalization.from_config(layer.get_config())
    assert (again.momentum, again.epsilon, again.name) == (0.7, 0.1, "norm")
