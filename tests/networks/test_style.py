"""The style generator: parameters counted by hand, labels, noise, and truncation in W."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.core import randomness
from ganzoo.errors import ConfigError, UsageError
from ganzoo.models.build import build
from ganzoo.networks.layers import PixelNoise
from ganzoo.networks.style import style_generator
from ganzoo.objectives.augmentations.augmentation import Draws

SMALL = {"generator.width": 2, "discriminator.width": 2}
LATENTS = tf.constant(np.random.default_rng(0).normal(size=(5, 8)), tf.float32)


def test_parameters_counted_by_hand():
    def convolution(channels, filters, side):
        """Style, kernel and bias, strength of the noise and its fixed draw."""
        return 8 * channels + channels + 9 * channels * filters + filters + 1 + side**2

    def image(channels):
        return 8 * channels + channels + channels + 1

    start = 2 * (8 * 8 + 8) + 8 + 7 * 7 * 16 + convolution(16, 16, 7) + image(16)
    first = convolution(16, 8, 14) + convolution(8, 8, 14) + image(8)
    last = convolution(8, 4, 28) + convolution(4, 4, 28) + image(4)
    assert style_generator(8, (28, 28, 1), width=4).count_params() == start + first + last


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (64, 64, 3)])
def test_shapes_and_range(shape):
    images = style_generator(8, shape, width=2, mapping=1)(LATENTS)
    assert images.shape == (5, *shape)
    assert 0.1 < np.std(images) < 0.9, "tanh is not flat at the start"


def test_only_the_direction_of_the_latents_counts():
    generator = style_generator(8, (28, 28, 1), width=2)
    np.testing.assert_allclose(generator(100.0 * LATENTS), generator(LATENTS), atol=1e-5)


def test_every_trainable_weight_has_a_gradient_and_the_label_changes_the_image():
    generator = style_generator(8, (28, 28, 1), 3, "projection", width=2)
    with tf.GradientTape() as tape, randomness.scope(randomness.key(0, "test"), randomness.Place(0, 5)):
        images = generator([LATENTS, tf.constant([0, 1, 2, 0, 1])], training=True)
        loss = tf.reduce_sum(images**2)
    variables = generator.trainable_variables
    for variable, gradient in zip(variables, tape.gradient(loss, [v.value for v in variables]), strict=True):
        assert np.any(tf.convert_to_tensor(gradient) != 0.0), variable.path
    one, other = generator([tf.repeat(LATENTS[:1], 2, axis=0), tf.constant([0, 1])])
    assert np.abs(one - other).max() > 1e-3


def test_a_size_that_cannot_be_doubled_to():
    with pytest.raises(ConfigError, match=r"dataset\.size: expected 4 to 7 times .* for network style, got 30 "):
        style_generator(8, (30, 30, 1))


@pytest.fixture(scope="module")
def model():
    """With noise, and a mean of the styles away from 0."""
    model = build(ganzoo.config("stylegan2").override(SMALL))
    for layer in model.generator_ema.layers:
        if isinstance(layer, PixelNoise):
            layer.strength.assign(0.2)
    mean = model.generator_ema.get_layer("styles").average
    mean.assign(np.random.default_rng(1).normal(size=mean.shape))
    return model


def test_an_image_depends_on_its_latents_alone(model):
    np.testing.assert_array_equal(model.generate(3, seed=1), model.generate(3, seed=1))
    np.testing.assert_array_equal(model.generate(positions=[2], seed=1)[0], model.generate(3, seed=1)[2])


def test_without_truncation_it_is_decode(model):
    np.testing.assert_array_equal(model.generate(6, seed=5), model.decode(model.sample_latents(6, seed=5)))


def test_truncation_is_that_of_the_styles(model):
    """0 gives one picture, that of the mean; a half the styles between."""
    network = model.generator_ema
    styles = network.get_layer("styles")
    mapping, synthesis = keras.Model(network.inputs, styles.output), keras.Model(styles.output, network.output)
    latents = model.sample_latents(6, seed=5)
    seeds = tf.constant([[5, i] for i in range(6)], tf.int32)
    for psi in (0.0, 0.5):
        between = styles.average + psi * (mapping(tf.constant(latents)) - styles.average)
        wanted = 127.5 * (synthesis(between).numpy() + 1.0)
        made = model.sampler.generate(seeds, tf.fill([6], psi)).numpy()
        assert np.abs(made - wanted).max() <= 0.51
        assert (np.ptp(made.astype(int), axis=0).max() <= 1) == (psi == 0.0)
    np.testing.assert_array_equal(model.generate(6, seed=5, truncation=0.5), made)


def test_latents_are_not_truncated(model):
    message = (
        r"truncation: expected 1 for latents of stylegan2_mnist, whose generator is truncated in its styles, got 0\.5 "
        r"\(use generate\)"
    )
    with pytest.raises(UsageError, match=message):
        model.sample_latents(2, seed=0, truncation=0.5)


@pytest.mark.parametrize("prior", ["normal", "uniform"])
def test_styles_of_a_penalty_are_those_of_the_prior(prior, monkeypatch):
    """Mapped from as many latents as there are rows, one draw from the prior."""
    given = []

    class Recorded(Draws):
        def uniform(self, number, shape=(), low=0.0, high=1.0):
            given.append(("uniform", number, tuple(shape), low, high))
            return super().uniform(number, shape, low, high)

        def normal(self, number, shape=()):
            given.append(("normal", number, tuple(shape)))
            return tf.zeros([self.rows, *shape])

    def squared(context):
        return tf.reduce_mean(tf.square(context.styles()), axis=-1)

    squared.update, squared.styles = "generator", True
    monkeypatch.setattr("ganzoo.models.adversarial.Draws", Recorded)
    model = build(ganzoo.config("stylegan2").override({**SMALL, "model.latent.prior": prior, "penalties": []}))
    model.compile("sgd", "sgd", penalties=[squared])
    images = np.zeros((4, 28, 28, 1), np.float32) - 1.0
    model.fit(images, batch_size=4, verbose=0)
    size = model.latent_size
    assert given == [("normal", 0, (size,)) if prior == "normal" else ("uniform", 0, (size,), -1.0, 1.0)]


def test_codes_of_infogan_are_seen_by_a_style_generator():
    overrides = {"generator": {"network": "style", "width": 2}, "discriminator.width": 2, "encoder.width": 2}
    model = build(ganzoo.config("infogan").override(overrides))
    latents = model.sample_latents(3, seed=1)
    coded = model.coded(tf.constant(latents))
    np.testing.assert_allclose(model.sampler.inside(latents), model.generator_ema(coded), atol=1e-6)
    np.testing.assert_array_equal(model.generate(3, seed=1), model.decode(latents))
