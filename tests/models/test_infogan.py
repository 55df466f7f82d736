"""InfoGAN: what the generator sees of latents, what its loss is, and codes that are set and read."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.errors import UsageError
from ganzoo.models.build import build
from ganzoo.models.infogan import InfoGAN

SMALL = {"generator.width": 4, "discriminator.width": 4, "encoder.width": 4, "training.steps_per_execution": 1}


def bare():
    """Two latents of noise, a code of three categories, one of two, and a continuous one; the networks are linear."""

    def linear(inputs, outputs):
        return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(outputs)])

    return InfoGAN(linear(8, 4), linear(4, 1), linear(4, 6), 8, categorical=[3, 2], continuous=1)


LATENTS = np.float32([[0.1, 0.2, -3.0, -1.0, -2.0, 0.5, 0.4, 0.7], [1.0, 2.0, 9.0, 8.0, 7.0, -2.0, -1.0, -0.5]])
CODED = np.float32([[0.1, 0.2, 0.0, 1.0, 0.0, 1.0, 0.0, 0.7], [1.0, 2.0, 1.0, 0.0, 0.0, 0.0, 1.0, -0.5]])


def test_the_largest_latent_of_a_code_is_its_category():
    np.testing.assert_array_equal(bare().coded(tf.constant(LATENTS)), CODED)


def test_every_category_is_equally_likely():
    model = build(ganzoo.config("infogan").override(SMALL))
    coded = model.coded(tf.constant(model.sample_latents(4000, seed=0))).numpy()
    assert coded.shape == (4000, 62 + 10 + 2)
    counts = coded[:, 62:72].sum(axis=0)
    assert counts.sum() == 4000
    assert np.abs(counts - 400).max() < 4 * np.sqrt(4000 * 0.1 * 0.9)


def test_the_loss_of_the_codes_by_hand():
    """Cross-entropies of 3 and 2 categories, and half of the squared distance of the continuous code."""
    read = np.float32([[0.0, 0.0, 0.0, 2.0, 2.0, 0.2], [1.0, 0.0, 0.0, 0.0, 3.0, 0.5]])
    wanted = [
        np.log(3) + np.log(2) + 0.5 * (0.7 - 0.2) ** 2,
        np.log(np.e + 2) - 1 + np.log(1 + np.exp(3)) - 3 + 0.5 * (-0.5 - 0.5) ** 2,
    ]
    np.testing.assert_allclose(bare().surprise(tf.constant(read), tf.constant(LATENTS)), wanted, rtol=1e-5)


def test_codes_are_set_and_noise_stays():
    model = bare()
    made = model.with_codes(LATENTS, [[2, 1], [1, 1]], [0.25])
    wanted = [[0.1, 0.2, 0.0, 0.0, 1.0, 0.0, 1.0, 0.25], [1.0, 2.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.25]]
    np.testing.assert_array_equal(model.coded(tf.constant(made)), np.float32(wanted))
    np.testing.assert_array_equal(np.sort(made[:, 2:5]), np.sort(LATENTS[:, 2:5]))
    np.testing.assert_array_equal(model.with_codes(LATENTS), LATENTS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0.0]],), r"latents: expected \[n, 8\], n above 0, got \[1, 1\]"),
        ((LATENTS[:0],), r"latents: expected \[n, 8\], n above 0, got \[0, 8\]"),
        ((LATENTS, None, "much"), r"continuous: expected numbers \[2, 1\], got 'much'$"),
        ((LATENTS, [0, 2]), r"categories: expected integers in 0 … 1, got 2$"),
        ((LATENTS, [0.0, 1.0]), r"categories: expected integers in 0 … 2, got 0\.0$"),
        ((LATENTS, [0, 1, 2]), r"categories: expected \[2, 2\], or \[2\] for all rows, got \[3\]"),
        ((LATENTS, None, [[0.0], [1.0], [2.0]]), r"continuous: expected \[2, 1\], or \[1\] for all rows, got \[3, 1\]"),
    ],
)
def test_wrong_codes(arguments, message):
    with pytest.raises(UsageError, match=message):
        bare().with_codes(*arguments)


def test_a_step_trains_all_three_networks_and_samples_are_of_the_codes():
    model = build(ganzoo.config("infogan").override({**SMALL, "training.ema_decay": 0.0}))
    before = {role: network.get_weights() for role, network in model.networks.items()}
    images = np.random.default_rng(0).uniform(-1, 1, (4, 28, 28, 1)).astype(np.float32)
    history = model.fit(tf.data.Dataset.from_tensors(images), epochs=1, verbose=0, shuffle=False).history
    assert 0.0 < history["code_loss"][0] < 10.0
    for role, network in model.networks.items():
        for new, old in zip(network.get_weights(), before[role], strict=True):
            assert not np.array_equal(new, old), role
    latents = model.sample_latents(3, seed=1)
    made = model.decode(latents)
    np.testing.assert_array_equal(made, model.generate(3, seed=1))
    inside = model.generator(model.coded(tf.constant(latents)), training=False)
    np.testing.assert_array_equal(made, model.kind.to_edge(inside))
    categories, means = model.read_codes(made)
    assert categories.shape == (3, 1)
    assert means.shape == (3, 2)
    assert set(np.ravel(categories)) <= set(range(10))
