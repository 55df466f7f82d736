"""Instance normalisation against its formula in numpy, on both of its ways."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.networks.layers import InstanceNormalization, instance_normalization

SHAPE = (3, 5, 4, 6)


def layer(**arguments):
    made = InstanceNormalization(name="norm", **arguments)
    made.build(SHAPE)
    made.gamma.assign(np.linspace(0.5, 2.0, SHAPE[-1]))
    made.beta.assign(np.linspace(-1.0, 1.0, SHAPE[-1]))
    return made


def numbers(seed=0):
    draws = np.random.default_rng(seed).normal(size=SHAPE)
    return draws * np.array([1.0, 5.0, 0.1])[:, None, None, None] + 3.0


def by_hand(x):
    mean, variance = x.mean(axis=(1, 2), keepdims=True), x.var(axis=(1, 2), keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * np.linspace(0.5, 2.0, SHAPE[-1]) + np.linspace(-1, 1, SHAPE[-1])


@pytest.mark.parametrize("fused", [True, False])
def test_the_formula(monkeypatch, fused):
    monkeypatch.setattr(instance_normalization, "MOST_ONE_BY_ONE", 16 if fused else 0)
    np.testing.assert_allclose(layer()(np.float32(numbers())), by_hand(numbers()), rtol=2e-4, atol=2e-5)


def test_both_ways_have_the_same_gradients(monkeypatch):
    found = []
    outer = tf.constant(numbers(1), tf.float32)
    for most in (16, 0):
        monkeypatch.setattr(instance_normalization, "MOST_ONE_BY_ONE", most)
        made, x = layer(), tf.constant(numbers(), tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(outer * made(x))
        found.append(tape.gradient(loss, [x, made.gamma.value, made.beta.value]))
    for fused, plain in zip(*found, strict=True):
        np.testing.assert_allclose(fused, plain, rtol=1e-3, atol=1e-3)


def test_each_image_is_by_itself_and_a_batch_of_unknown_size_is_the_same():
    made, x = layer(), tf.constant(numbers(), tf.float32)
    whole = made(x)
    for i in range(SHAPE[0]):
        np.testing.assert_allclose(made(x[i : i + 1])[0], whole[i], rtol=1e-5)
    unknown = tf.function(made.__call__, input_signature=[tf.TensorSpec([None, None, None, SHAPE[-1]])])
    np.testing.assert_allclose(unknown(x), whole, rtol=1e-4, atol=1e-5)


def test_bfloat16_has_statistics_in_float32():
    made = InstanceNormalization(dtype="mixed_bfloat16")
    result = made(tf.cast(numbers(), tf.bfloat16))
    assert result.dtype == tf.bfloat16
    assert made.gamma.dtype == "float32"
    rounded = np.float64(tf.cast(tf.cast(numbers(), tf.bfloat16), tf.float32))
    mean, deviation = rounded.mean(axis=(1, 2), keepdims=True), rounded.std(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(np.float32(result), (rounded - mean) / deviation, atol=0.02)


@pytest.mark.usefixtures("float64")
def test_float64_where_that_is_the_float_type():
    np.testing.assert_allclose(layer(dtype="float64")(numbers()), by_hand(numbers()), rtol=1e-9)
