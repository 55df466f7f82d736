"""Conditional batch normalisation: statistics of all classes, scale and shift of each."""

import numpy as np
import tensorflow as tf

from ganzoo.networks.layers import BatchNormalization, ConditionalBatchNormalization

LABELS = tf.constant([2, 0, 2, 1])


def images():
    return tf.constant(np.random.default_rng(0).normal(3.0, 2.0, (4, 2, 2, 5)), tf.float32)


def conditional():
    layer = ConditionalBatchNormalization(3)
    layer.build([(None, 2, 2, 5), (None,)])
    return layer


def test_it_starts_as_batch_normalisation():
    plain, layer = BatchNormalization(), conditional()
    for training in (True, False):
        np.testing.assert_array_equal(layer([images(), LABELS], training=training), plain(images(), training=training))
    np.testing.assert_array_equal(layer.moving_mean, plain.moving_mean)


def test_each_class_has_its_own_scale_and_shift():
    layer = conditional()
    layer.gamma.assign(np.arange(15.0).reshape(3, 5))
    layer.beta.assign(np.arange(15.0, 30.0).reshape(3, 5))
    x = images().numpy()
    normal = (x - x.mean(axis=(0, 1, 2))) / np.sqrt(x.var(axis=(0, 1, 2)) + 1e-5)
    gamma, beta = (v.numpy()[LABELS.numpy()][:, None, None] for v in (layer.gamma, layer.beta))
    np.testing.assert_allclose(layer([images(), LABELS], training=True), gamma * normal + beta, rtol=1e-4, atol=1e-4)


def test_vectors_too():
    layer = ConditionalBatchNormalization(3)
    assert layer([tf.ones([4, 6]), LABELS]).shape == (4, 6)
    assert layer.get_config()["classes"] == 3
    assert layer.compute_output_shape([(None, 6), (None,)]) == (None, 6)
