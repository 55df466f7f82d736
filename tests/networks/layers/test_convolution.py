"""The detour of the weight gradient gives the numbers of the straight way."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.networks.layers import Conv2D, Conv2DTranspose, convolution
from ganzoo.networks.layers.convolution import weight_gradient, weight_gradient_by_products


def numbers(seed, *shape):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize("kernel", [1, 3, 4, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_the_weight_gradient_is_that_of_tensorflow(size, kernel, stride):
    inputs, weights = numbers(0, 4, size, size, 3), numbers(1, kernel, kernel, 3, 5)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        outputs = tf.nn.conv2d(inputs, weights, stride, "SAME")
    outer = numbers(2, *outputs.shape)
    expected = tape.gradient(outputs, weights, outer)
    np.testing.assert_allclose(weight_gradient(inputs, outer, kernel, stride), expected, atol=1e-4)


@pytest.mark.parametrize("detour", [True, False])
@pytest.mark.parametrize("kind", [Conv2D, Conv2DTranspose])
def test_in_bfloat16_the_gradient_of_the_bias_is_a_whole_sum(monkeypatch, kind, detour):
    monkeypatch.setattr(convolution, "_pays", lambda *_: detour)
    layer = kind(4, 3, padding="same", activation="linear", dtype="mixed_bfloat16")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.cast(layer(tf.ones([8, 16, 16, 3], tf.bfloat16)), tf.float32))
    np.testing.assert_array_equal(tape.gradient(loss, layer.bias.value), [8 * 16 * 16] * 4)


@pytest.mark.parametrize("groups", [2, 3, 6])
def test_a_convolution_in_groups_is_one_of_each_group_and_has_gradients(groups):
    layer = Conv2D(12, 3, padding="same", groups=groups, bias_initializer="ones")
    inputs = numbers(0, 2, 4, 4, 6)
    with tf.GradientTape() as tape:
        outputs = layer(inputs)
        loss = tf.reduce_sum(outputs**2)
    parts = zip(tf.split(inputs, groups, -1), tf.split(layer.kernel.value, groups, -1), strict=True)
    wanted = tf.concat([tf.nn.conv2d(part, kernel, 1, "SAME") for part, kernel in parts], -1) + 1.0
    np.testing.assert_allclose(outputs, wanted, rtol=1e-5, atol=1e-5)
    gradient = tape.gradient(loss, layer.kernel.value)
    assert gradient.shape == (3, 3, 6 // groups, 12)
    assert np.all(gradient.numpy() != 0.0)


@pytest.mark.parametrize(("height", "width"), [(5, 5), (6, 9)])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
@pytest.mark.parametrize("rows", [1, 3])
def test_the_products_are_the_weight_gradient_of_tensorflow(rows, height, width, kernel):
    inputs, weights = numbers(0, rows, height, width, 4), numbers(1, kernel, kernel, 4, 5)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        outputs = tf.nn.conv2d(inputs, weights, 1, "VALID")
    outer = numbers(2, *outputs.shape)
    expected = tape.gradient(outputs, weights, outer)
    np.testing.assert_allclose(weight_gradient_by_products(inputs, outer, kernel), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("detour", "layer", "stride", "padding"),
    [
        ("_pays", "Conv2D", 1, "same"),
        ("_pays", "Conv2D", 2, "same"),
        ("_pays", "Conv2DTranspose", 1, "same"),
        ("_pays", "Conv2DTranspose", 2, "same"),
        ("_products_pay", "Conv2D", 1, "valid"),
    ],
)
def test_outputs_and_gradients_are_those_of_keras_to_the_second_order(monkeypatch, detour, layer, stride, padding):
    monkeypatch.setattr(convolution, detour, lambda *_: True)
    inputs = numbers(0, 2, 6, 6, 3)
    found = []
    for kind in (getattr(keras.layers, layer), {"Conv2D": Conv2D, "Conv2DTranspose": Conv2DTranspose}[layer]):
        made = kind(4, 5, stride, padding, activation="tanh", bias_initializer="ones")
        made.build(inputs.shape)
        made.kernel.assign(numbers(1, *made.kernel.shape))

        def penalised(made=made):
            """As a gradient penalty: the weights' gradient of the inputs' gradient."""
            with tf.GradientTape() as outer:
                with tf.GradientTape() as inner:
                    inner.watch(inputs)
                    outputs = made(inputs)
                first = inner.gradient(outputs, inputs)
                penalty = tf.reduce_sum(tf.square(first)) + tf.reduce_sum(tf.square(outputs))
            return outputs, first, *outer.gradient(penalty, [made.kernel.value, made.bias.value])

        found.append(penalised())
    for ours, theirs in zip(*reversed(found), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=1e-3)


def taken(monkeypatch, flags, floats="bfloat16", batch=32, size=14, channels=32, padding="same", **more):
    """Which detour is taken, by its function's name."""
    monkeypatch.setattr(convolution, "cpu_flags", lambda: frozenset(flags))
    detours = []
    for way in (weight_gradient, weight_gradient_by_products):
        name = way.__name__
        monkeypatch.setattr(
            convolution, name, lambda *given, way=way, **named: detours.append(way.__name__) or way(*given, **named)
        )
    layer = Conv2D(channels, 3, padding=padding, dtype=f"mixed_{floats}" if floats == "bfloat16" else floats, **more)
    inputs = tf.zeros([batch, size, size, channels])
    with tf.GradientTape() as tape:
        outputs = layer(inputs)
    tape.gradient(outputs, layer.kernel.value)
    return "".join(detours)


def test_it_is_taken_where_it_pays_and_nowhere_else(monkeypatch):
    assert taken(monkeypatch, ["avx512_bf16"]) == "weight_gradient"
    assert not taken(monkeypatch, ["avx512_bf16", "amx_bf16"])
    assert not taken(monkeypatch, ["avx2"])
    assert not taken(monkeypatch, ["avx512_bf16"], floats="float32")
    assert not taken(monkeypatch, ["avx512_bf16"], batch=16)
    assert not taken(monkeypatch, ["avx512_bf16"], size=32)
    assert not taken(monkeypatch, ["avx512_bf16"], channels=3)
    assert not taken(monkeypatch, ["avx512_bf16"], dilation_rate=2)
    assert not taken(monkeypatch, ["avx512_bf16"], groups=2)


def test_products_are_taken_where_they_pay_and_nowhere_else(monkeypatch):
    few_large = {"batch": 1, "size": 34, "channels": 128, "padding": "valid"}
    assert taken(monkeypatch, ["avx512_bf16"], **few_large) == "weight_gradient_by_products"
    assert not taken(monkeypatch, ["avx512_bf16", "amx_bf16"], **few_large)
    assert not taken(monkeypatch, ["avx2"], **few_large)
    assert not taken(monkeypatch, ["avx512_bf16"], floats="float32", **few_large)
    assert not taken(monkeypatch, ["avx512_bf16"], **few_large | {"channels": 64})
    assert not taken(monkeypatch, ["avx512_bf16"], **few_large | {"size": 18})  # 18x18 pixels for 16x16 outputs
    assert not taken(monkeypatch, ["avx512_bf16"], **few_large | {"padding": "same"})
    assert not taken(monkeypatch, ["avx512_bf16"], strides=2, **few_large)
    assert not taken(monkeypatch, ["avx512_bf16"], dilation_rate=2, **few_large)
    assert not taken(monkeypatch, ["avx512_bf16"], groups=2, **few_large)


@pytest.mark.parametrize(("kernel", "stride", "border"), [(3, 2, 1), (4, 2, 1), (4, 1, 1), (7, 1, 3), (3, 1, 1)])
@pytest.mark.parametrize("side", [7, 8])
def test_a_border_is_zeros_on_each_side(kernel, stride, border, side):
    inputs = numbers(0, 2, side, side, 3)
    layer = Conv2D(5, kernel, stride, border=border)
    plain = keras.layers.Conv2D(5, kernel, stride, "valid")
    padded = tf.pad(inputs, [[0, 0], [border] * 2, [border] * 2, [0, 0]])
    plain.build(padded.shape)
    layer.build(inputs.shape)
    layer.set_weights(plain.get_weights())
    np.testing.assert_allclose(layer(inputs), plain(padded), rtol=1e-5, atol=1e-5)
    assert layer.compute_output_shape(inputs.shape) == tuple(plain(padded).shape)


def test_a_crop_is_of_the_start():
    inputs = numbers(0, 2, 5, 6, 3)
    layer, plain = Conv2DTranspose(4, 3, 2, "valid", crop=1), keras.layers.Conv2DTranspose(4, 3, 2, "valid")
    plain.build(inputs.shape)
    layer.build(inputs.shape)
    layer.set_weights(plain.get_weights())
    np.testing.assert_allclose(layer(inputs), plain(inputs)[:, 1:, 1:], atol=1e-6)
    assert layer.compute_output_shape(inputs.shape) == (2, 10, 12, 4)
