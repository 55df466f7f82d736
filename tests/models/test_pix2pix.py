"""Pix2Pix's step against the same mathematics in plain numpy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.models.pix2pix import Pix2Pix
from ganzoo.networks.layers import Dropout

SHAPE = (2, 2, 1)
RATES = {"generator": 0.05, "discriminator": 0.1}


def network(weights, *further):
    """Weighs its channels and adds them up."""
    image = keras.Input((None, None, len(weights)))
    x = keras.layers.Conv2D(1, 1, use_bias=False, name="scale")(image)
    for layer in further:
        x = layer(x)
    made = keras.Model(image, x)
    made.get_layer("scale").set_weights([np.reshape(weights, (1, 1, -1, 1))])
    made.stride = 1
    return made


def pix2pix(*further, **arguments):
    model = Pix2Pix(("edges", "filled"), network([0.8], *further), network([0.7, -0.4]), seed=3)
    model.compile(keras.optimizers.SGD(RATES["generator"]), keras.optimizers.SGD(RATES["discriminator"]), **arguments)
    return model


def pairs(rows=4):
    numbers = np.random.default_rng(0)
    return [numbers.uniform(-1, 1, (rows, *SHAPE)).astype(np.float32) for _ in range(2)]


def fitted(model):
    edges, filled = pairs()
    data = tf.data.Dataset.from_tensors({"edges": edges, "filled": filled})
    return model.fit(data, steps_per_epoch=1, shuffle=False, verbose=0).history


def softplus(x):
    return np.log1p(np.exp(x))


@pytest.mark.parametrize(("accumulate", "smoothing"), [(1, 0.0), (2, 0.0), (1, 0.1)])
def test_a_step_is_that_of_the_equations(accumulate, smoothing):
    loss = {"name": "non_saturating", "label_smoothing": smoothing}
    model = pix2pix(loss=loss, l1_weight=20.0, accumulate=accumulate)
    logs = fitted(model)
    given, wanted = (np.float64(images) for images in pairs())
    g, d = 0.8, np.array([0.7, -0.4])

    def discriminator_loss(weights):
        real, fake = (weights[0] * given + weights[1] * x for x in (wanted, g * given))
        return np.mean((1 - smoothing) * softplus(-real) + smoothing * softplus(real) + softplus(fake))

    by = 1e-6
    slopes = [(discriminator_loss(d + by * e) - discriminator_loss(d - by * e)) / (2 * by) for e in np.eye(2)]
    after = d - RATES["discriminator"] * np.array(slopes)

    def generator_terms(factor):
        fake = factor * given
        return np.mean(softplus(-(after[0] * given + after[1] * fake))), np.mean(np.abs(fake - wanted))

    def generator_loss(factor):
        adversarial, distance = generator_terms(factor)
        return adversarial + 20.0 * distance

    slope = (generator_loss(g + by) - generator_loss(g - by)) / (2 * by)
    np.testing.assert_allclose(np.ravel(model.discriminator.get_weights()[0]), after, rtol=1e-5)
    np.testing.assert_allclose(np.ravel(model.generator.get_weights()[0]), g - RATES["generator"] * slope, rtol=1e-5)
    assert logs["discriminator_loss"] == pytest.approx([discriminator_loss(d)])
    adversarial, distance = generator_terms(g)
    assert logs["generator_loss"] == pytest.approx([adversarial], rel=1e-5)
    assert logs["l1_loss"] == pytest.approx([distance])


def test_defaults():
    model = pix2pix()
    assert model.l1_weight == 100.0
    assert type(model.adversarial_loss).__name__ == "NonSaturating"
    assert model.log_names == ["generator_loss", "discriminator_loss", "discriminator_accuracy", "l1_loss"]
    assert (model.ema_decay, model.seed) == (0.0, 3)


def test_smoothing_reaches_the_discriminator_s_loss():
    logs = fitted(pix2pix(loss={"name": "non_saturating", "label_smoothing": 0.2}))
    given, wanted = (np.float64(images) for images in pairs())
    real, fake = (0.7 * given - 0.4 * x for x in (wanted, 0.8 * given))
    assert logs["discriminator_loss"] == pytest.approx([np.mean(softplus(real) - 0.8 * real + softplus(fake))])
    right = (np.mean(real > 0) + np.mean(fake < 0)) / 2
    assert logs["discriminator_accuracy"] == pytest.approx([right])


def test_it_makes_its_second_domain_alone():
    model = pix2pix()
    assert list(model.translators) == ["filled"]
    assert list(model.state())[:2] == ["generator_filled/scale/kernel", "discriminator_filled/scale/kernel"]


def test_two_replicas_make_the_step_of_one():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice())
    alone = pix2pix(Dropout(0.5, name="dropout"))
    logs = fitted(alone)
    with strategy.scope():
        together = pix2pix(Dropout(0.5, name="dropout"))
    for name, of_steps in fitted(together).items():
        assert of_steps == pytest.approx(logs[name], rel=1e-5), name
    for name, variable in together.state().items():
        np.testing.assert_allclose(variable.numpy(), alone.state()[name].numpy(), rtol=1e-5, err_msg=name)
