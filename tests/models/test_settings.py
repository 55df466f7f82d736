"""Keras's and TensorFlow's own settings, as people have them: models are the same, or one line says what to change."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.errors import UsageError
from ganzoo.evaluation.extractors import small_cnn
from ganzoo.models.build import build

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 28, 28, 1), np.uint8)
SMALL = {
    "cgan_mnist": {"generator.width": 4, "discriminator.width": 4},
    "cyclegan_digits": {"generator.width": 4, "discriminator.width": 4, "generator.blocks": 1},
    "pix2pix_digits": {"generator.width": 4, "discriminator.width": 4},
    "vae_mnist": {},
    "gan_sines": {},
}


@pytest.fixture
def channels_first():
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")


@pytest.fixture
def eagerly():
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def expected():
    return ganzoo.load("cgan_mnist").generate(labels=[3, 7], seed=1)


def test_channels_first(expected, channels_first):
    np.testing.assert_array_equal(ganzoo.load("cgan_mnist").generate(labels=[3, 7], seed=1), expected)


@pytest.mark.parametrize("name", SMALL)
def test_networks_of_every_kind_under_channels_first(name, channels_first):
    def shapes():
        networks = build(ganzoo.config(name).override(SMALL[name])).networks
        return {role: [tuple(weight.shape) for weight in network.weights] for role, network in networks.items()}

    found = shapes()
    assert keras.config.image_data_format() == "channels_first", "the user's own settings stay"
    keras.config.set_image_data_format("channels_last")
    assert found == shapes()


def test_classifiers_under_channels_first(channels_first):
    found = small_cnn.build()(np.float32(PIXELS))[1].shape
    assert found == (8, small_cnn.CLASSES)
    assert small_cnn.build().get_layer("block_1_convolution").data_format == "channels_last"


@pytest.mark.filterwarnings("ignore:Even though the `tf.config")  # of tf.data, to people who set it
def test_functions_that_run_eagerly(expected, eagerly):
    model = ganzoo.load("cgan_mnist")
    found = model.generate(labels=[3, 7], seed=1)
    assert np.abs(found.astype(int) - expected).max() <= 1  # other kernels round otherwise
    model.fit(PIXELS, np.arange(8), batch_size=8, verbose=0)
    assert model.step > 0


@pytest.mark.parametrize("floats", ["float16", "bfloat16"])
def test_floats_of_16_bits(floats):
    usual = keras.config.floatx()
    keras.config.set_floatx(floats)
    try:
        with pytest.raises(UsageError, match=f"^keras.config.floatx: expected float32 or float64, got {floats}: weig"):
            build(ganzoo.config("gan_ring"))
    finally:
        keras.config.set_floatx(usual)
