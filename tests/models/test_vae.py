"""The variational autoencoder against numbers worked out by hand, and what it offers."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.core import randomness
from ganzoo.errors import ConfigError, UsageError
from ganzoo.models.build import build, scheme_of
from ganzoo.models.vae import VAE, gaussian_negative_log_likelihood, kl_from_standard_normal

TINY = {"encoder.width": 2, "generator.width": 2, "training.batch_size": 4, "training.steps_per_execution": 1}


def test_the_likelihood_of_a_gaussian():
    """N(1; 0, 2^2) = exp(-1/8) / (2 sqrt(2 pi)); an example of two entries has the product."""
    value = gaussian_negative_log_likelihood(tf.constant([[1.0, 3.0]]), tf.constant([[0.0, 3.0]]), 2.0)
    log_scale = math.log(2.0 * math.sqrt(2.0 * math.pi))
    np.testing.assert_allclose(value, [1 / 8 + 2 * log_scale], rtol=1e-6)


def test_the_divergence_from_the_prior():
    """KL(N(m, s^2) || N(0, 1)) = (m^2 + s^2 - 1 - ln s^2) / 2, summed over the latents."""
    mean, variance = tf.constant([[0.0, 0.0], [2.0, 0.0]]), tf.constant([[1.0, 1.0], [1.0, 4.0]])
    expected = [0.0, 2.0 + 0.5 * (4.0 - 1.0 - math.log(4.0))]
    np.testing.assert_allclose(kl_from_standard_normal(mean, tf.math.log(variance)), expected, rtol=1e-6)


def linear_vae(**arguments):
    """mu = 0.5 x, log sigma^2 = -0.2, G(z) = 0.8 z + 0.1, on numbers."""
    encoder = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, name="e")])
    generator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="g")])
    encoder.set_weights([np.array([[0.5, 0.0]]), np.array([0.0, -0.2])])
    generator.set_weights([np.array([[0.8]]), np.array([0.1])])
    model = VAE(encoder, generator, 1, observation_noise=0.5, beta=2.0, seed=3, **arguments)
    model.compile(keras.optimizers.SGD(0.01))
    return model


def test_a_step_is_the_one_worked_out_by_hand():
    x = np.array([[1.0], [-0.5], [2.0], [0.3]], np.float32)
    model = linear_vae()
    history = model.fit(tf.data.Dataset.from_tensors(x), epochs=1, verbose=0, shuffle=False).history
    draw_key = randomness.key(3, "latents", 0, 0)
    noise = randomness.latents("normal", draw_key, [4, 1]).numpy().astype(np.float64)
    deviation = math.exp(-0.1)
    z = 0.5 * x + deviation * noise
    error = 0.8 * z + 0.1 - x  # of the reconstruction; its loss has the slope error / 0.25
    kl = 0.5 * ((0.5 * x) ** 2 + deviation**2 - 1.0 + 0.2)
    reconstruction = 0.5 * (error / 0.5) ** 2 + math.log(0.5 * math.sqrt(2 * math.pi))
    assert history["kl_divergence"][0] == pytest.approx(kl.mean(), rel=1e-5)
    assert history["reconstruction_loss"][0] == pytest.approx(reconstruction.mean(), rel=1e-5)
    assert history["autoencoder_loss"][0] == pytest.approx((reconstruction + 2.0 * kl).mean(), rel=1e-5)
    slope = error / 0.25
    weight, bias = np.mean(slope * z), np.mean(slope)
    of_mean = 0.8 * slope + 2.0 * 0.5 * x
    of_log_variance = 0.8 * slope * 0.5 * deviation * noise + 2.0 * 0.5 * (deviation**2 - 1.0)
    expected_encoder = [
        [[0.5 - 0.01 * np.mean(of_mean * x), -0.01 * np.mean(of_log_variance * x)]],
        [-0.01 * np.mean(of_mean), -0.2 - 0.01 * np.mean(of_log_variance)],
    ]
    kernel, offsets = model.encoder.get_weights()
    np.testing.assert_allclose(kernel, expected_encoder[0], rtol=2e-5, atol=1e-7)
    np.testing.assert_allclose(offsets, expected_encoder[1], rtol=2e-5, atol=1e-7)
    kernel, offsets = model.generator.get_weights()
    np.testing.assert_allclose(kernel.item(), 0.8 - 0.01 * weight, rtol=1e-5)
    np.testing.assert_allclose(offsets.item(), 0.1 - 0.01 * bias, rtol=1e-5)


def test_more_examples_than_a_call_takes(monkeypatch):
    monkeypatch.setattr("ganzoo.models.vae.ROWS_A_CALL", 2)
    model, x = linear_vae(), np.arange(5, dtype=np.float32)[:, None]
    np.testing.assert_allclose(model.encode(x), 0.5 * x, rtol=1e-6)
    assert model.encode(x).dtype == np.float32
    assert (model.prior, model.latent_size, model.seed, list(model.updates)) == ("normal", 1, 3, ["autoencoder"])
    assert model.log_names == ["autoencoder_loss", "reconstruction_loss", "kl_divergence"]


def test_reconstructions_are_decoded_means():
    model = linear_vae(name="line")
    x = np.array([[1.0], [-2.0]], np.float32)
    np.testing.assert_allclose(model.encode(x), 0.5 * x, rtol=1e-6)
    np.testing.assert_allclose(model.reconstruct(x), 0.8 * 0.5 * x + 0.1, rtol=1e-6)
    with pytest.raises(UsageError, match=r"examples: expected"):
        model.reconstruct(np.zeros((2, 3), np.float32))


def test_the_zoo_s_learns_and_reconstructs():
    model = build(ganzoo.config("vae").override({**TINY, "training.ema_decay": 0.5}))
    assert isinstance(model, VAE)
    assert set(model.averages) == {"encoder", "generator"}
    images = np.random.default_rng(0).integers(0, 255, (6, 28, 28, 1)).astype(np.uint8)
    inside = tf.data.Dataset.from_tensors(images[:4].astype(np.float32) / 127.5 - 1.0).repeat()
    history = model.fit(inside, steps_per_epoch=1, epochs=40, verbose=0, shuffle=False).history
    assert history["autoencoder_loss"][-1] < history["autoencoder_loss"][0] - 5
    assert model.reconstruct(images).shape == images.shape
    assert model.generate(3, seed=1).dtype == np.uint8
    both = (model.encoder, model.generator)
    trained = sum(int(np.prod(v.shape)) for network in both for v in network.trainable_variables)
    assert model.parameters == {"autoencoder": trained}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"loss": {"name": "hinge"}}, "vae_mnist: loss: not for model.scheme: vae"),
        ({"penalties": [{"name": "r1", "weight": 1.0}]}, "vae_mnist: penalties: not for model.scheme: vae"),
        (
            {"discriminator": {"network": "mlp"}},
            r"vae_mnist: discriminator: model\.scheme: vae has no such role \(it has encoder, generator; remove it\)",
        ),
        ({"model.bta": 2.0}, r"vae_mnist: model\.bta: unknown key \(did you mean 'beta'\?\) \(model\.scheme: vae\)"),
        ({"model.critic_steps": 2}, r"vae_mnist: model\.critic_steps: unknown key"),
        ({"model.observation_noise": 0}, r"vae_mnist: model\.observation_noise: input should be greater than 0"),
        ({"model.latent.prior": "uniform"}, r"vae_mnist: model\.latent\.prior: expected normal, got uniform"),
        ({"training.stop_when": "discriminator_fooled"}, r"vae_mnist: training\.stop_when: not for model\.scheme"),
        (
            {"optimizer.generator": {"name": "adam", "learning_rate": 0.1}},
            r"vae_mnist: optimizer\.generator: model\.scheme: vae has no such update \(it has autoencoder; remove it\)",
        ),
    ],
)
def test_what_does_not_go_with_it(override, message):
    with pytest.raises(ConfigError, match=message):
        build(ganzoo.config("vae").override(override))


def test_a_config_without_an_encoder():
    data = ganzoo.config("vae").to_dict()
    del data["encoder"]
    from ganzoo.schema import parse

    with pytest.raises(ConfigError, match=r"vae_mnist: encoder: missing \(model\.scheme: vae has the roles encoder"):
        scheme_of(parse(data, "f.yaml"))
