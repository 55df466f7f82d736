"""The small classifiers: how often the shipped weights are right, and that their features are the last hidden layer."""

import gzip
import random

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ganzoo.core import weights
from ganzoo.core.images import to_float
from ganzoo.data.sources import fashion_mnist
from ganzoo.data.sources.mnist_5k import load_mnist_5k
from ganzoo.errors import UsageError, WeightsError
from ganzoo.evaluation.extractors import small_cnn
from ganzoo.evaluation.extractors.extractor import open_extractor

NAMES = ("mnist_cnn", "fashion_cnn")


def held_out_digits(count=1000):
    """The same number of each."""
    images, labels = load_mnist_5k("test")
    return images[:: 1000 // count, ..., np.newaxis], labels[:: 1000 // count]


def held_out_clothes():
    def payload(kind, header):
        packed = (fashion_mnist.FOLDER / f"t10k-{kind}-ubyte.gz").read_bytes()
        return np.frombuffer(gzip.decompress(packed), np.uint8)[header:]

    return payload("images-idx3", 16).reshape(-1, 28, 28, 1), payload("labels-idx1", 8)


def accuracy(name, images, labels):
    return np.mean(open_extractor(name)(images).probabilities.argmax(axis=1) == labels)


def test_the_shipped_weights_read_digits_that_they_never_saw():
    assert accuracy("mnist_cnn", *held_out_digits()) >= 0.98


@pytest.mark.slow
@pytest.mark.skipif(not fashion_mnist.FOLDER.is_dir(), reason=f"needs: apt-get install {fashion_mnist.PACKAGE}")
def test_the_shipped_weights_know_clothes_that_they_never_saw():
    assert accuracy("fashion_cnn", *held_out_clothes()) >= 0.91


@pytest.mark.parametrize("name", NAMES)
def test_the_files_are_small_and_in_float16(name):
    path = small_cnn.weights_file(name)
    assert path.stat().st_size <= 2**20
    assert {array.dtype for array in weights.read(path).values()} == {np.dtype(np.float16)}


@pytest.mark.parametrize("name", NAMES)
def test_features_are_the_last_hidden_layer(name):
    """The probabilities are worked out from the features, with the weights as they lie in the file."""
    extractor = open_extractor(name)
    images, _ = held_out_digits(40)
    features, probabilities = extractor(images)
    assert features.dtype == probabilities.dtype == np.float32
    assert features.shape == (40, extractor.dimensions) == (40, 128)
    assert probabilities.shape == (40, len(extractor.class_names)) == (40, 10)
    assert features.min() == 0.0 < features.max()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
    arrays = weights.read(small_cnn.weights_file(name))
    logits = features @ arrays["logits/kernel"].astype(np.float64) + arrays["logits/bias"]
    expected = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(probabilities, expected / expected.sum(axis=1, keepdims=True), atol=1e-5)


def test_the_first_block_by_hand():
    """Convolution, pooling and normalisation of one pixel of the first block, in NumPy."""
    arrays = weights.read(small_cnn.weights_file("mnist_cnn"))
    model = small_cnn.build()
    weights.place(arrays, small_cnn.variables(model), "shipped")
    images, _ = held_out_digits(10)
    pixels = images[3].astype(np.float64) / 127.5 - 1.0
    kernel = arrays["block_1_convolution/kernel"].astype(np.float64)
    # the 2x2 places whose largest value becomes row 6, column 7
    largest = np.max(
        [np.einsum("hwi,hwio->o", pixels[y - 1 : y + 2, x - 1 : x + 2], kernel) for y in (12, 13) for x in (14, 15)],
        axis=0,
    )
    norm = {key: arrays[f"block_1_norm/{key}"].astype(np.float64) for key in ("gamma", "beta", "moving_mean")}
    deviation = np.sqrt(arrays["block_1_norm/moving_variance"].astype(np.float64) + 1e-3)
    expected = (largest - norm["moving_mean"]) / deviation * norm["gamma"] + norm["beta"]
    hidden = to_float(images[3:4])
    for layer in model.layers[1:4]:
        hidden = layer(hidden, training=False) if layer.name.endswith("norm") else layer(hidden)
    np.testing.assert_allclose(hidden[0, 6, 7], expected, atol=1e-4)


def test_the_right_size_passes_untouched():
    images, _ = held_out_digits(10)
    assert small_cnn.prepare(images) is images


def test_other_sizes_and_colour_become_small_and_grey():
    red = np.zeros((2, 40, 56, 3), np.uint8)
    red[..., 0] = 200
    prepared = small_cnn.prepare(red)
    assert prepared.shape == (2, 28, 28, 1)
    assert prepared.dtype == np.uint8
    assert np.all(prepared == 60)  # 0.299 * 200
    grey = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 1), np.uint8)
    expected = np.asarray(Image.fromarray(grey[0, ..., 0]).resize((28, 28), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(small_cnn.prepare(grey)[0, ..., 0], expected)
    with pytest.raises(UsageError, match="image: expected uint8"):
        small_cnn.prepare(np.zeros((1, 28, 28, 2), np.uint8))


def test_digits_are_read_in_other_sizes_and_in_colour():
    images, labels = held_out_digits(100)
    large = np.stack([np.asarray(Image.fromarray(image[..., 0]).resize((64, 64)).convert("RGB")) for image in images])
    assert accuracy("mnist_cnn", large, labels) >= 0.97


def test_embedding_agrees_with_the_features_of_pixels():
    extractor = open_extractor("mnist_cnn")
    images, _ = held_out_digits(20)
    np.testing.assert_allclose(extractor.embed(to_float(images)), extractor(images).features, atol=1e-4)
    large = np.stack([np.asarray(Image.fromarray(image[..., 0]).resize((64, 64)).convert("RGB")) for image in images])
    features = extractor(large).features
    difference = np.linalg.norm(extractor.embed(to_float(large)) - features, axis=1)
    assert difference.max() < 0.02 * np.linalg.norm(features, axis=1).min()  # rounding to 256 levels


def test_embedding_has_gradients():
    extractor = open_extractor("fashion_cnn")
    images = tf.random.stateless_uniform((2, 32, 32, 3), (1, 2), -1.0, 1.0)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(extractor.embed(images))
    assert np.all(np.any(tape.gradient(total, images).numpy() != 0.0, axis=(1, 2)))


def test_the_two_differ_and_each_is_always_the_same():
    digits, clothes = (open_extractor(name) for name in NAMES)
    assert digits.sha256 != clothes.sha256
    assert digits.sha256 == open_extractor("mnist_cnn").sha256
    assert clothes.class_names[9] == "Ankle boot"
    assert digits.class_names == tuple("0123456789")


def test_opening_leaves_a_run_alone_and_is_not_changed_by_its_precision():
    images, _ = held_out_digits(20)
    expected = open_extractor("mnist_cnn")(images)
    state, policy = random.getstate(), keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        extractor = open_extractor("mnist_cnn")
        found, embedded = extractor(images), extractor.embed(to_float(images))
    finally:
        keras.config.set_dtype_policy(policy)
    assert random.getstate() == state
    np.testing.assert_allclose(found.features, expected.features, atol=1e-4)
    np.testing.assert_allclose(embedded, expected.features, atol=1e-4)


def test_damaged_weights_are_refused(tmp_path, monkeypatch):
    damaged = bytearray(small_cnn.weights_file("mnist_cnn").read_bytes())
    damaged[-1] ^= 1
    path = tmp_path / "mnist_cnn.safetensors"
    monkeypatch.setattr(small_cnn, "weights_file", lambda name: path)
    with pytest.raises(WeightsError, match="no such weights file"):
        open_extractor("mnist_cnn")
    path.write_bytes(damaged)
    with pytest.raises(WeightsError, match="damaged or replaced") as caught:
        open_extractor("mnist_cnn")
    assert "\n" not in str(caught.value)
