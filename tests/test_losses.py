"""Losses against numbers worked out by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from ganzoo import losses
from ganzoo.errors import ConfigError

LN2, LN3 = math.log(2.0), math.log(3.0)
# sigmoid(0) = 1/2, sigmoid(ln 3) = 3/4, sigmoid(-ln 3) = 1/4
LOGITS = tf.constant([0.0, LN3, -LN3])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("minimax", [-LN2, math.log(1 / 4), math.log(3 / 4)]),  # log(1 - D)
        ("non_saturating", [LN2, -math.log(3 / 4), -math.log(1 / 4)]),  # -log D
    ],
)
def test_generator_loss(name, expected):
    np.testing.assert_allclose(losses.LOSSES.get(name)().generator(LOGITS), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
def test_discriminator_loss_is_two_cross_entropies(name):
    fake = tf.constant([LN3, LN3, 0.0])
    expected = [LN2 + 2 * LN2, -math.log(3 / 4) + 2 * LN2, -math.log(1 / 4) + LN2]  # -log D(x) - log(1 - D(G))
    np.testing.assert_allclose(losses.LOSSES.get(name)().discriminator(LOGITS, fake, 0.0), expected, rtol=1e-6)


def test_label_smoothing_is_one_sided():
    smoothed = losses.LOSSES.get("minimax")().discriminator(tf.constant([LN3]), tf.constant([LN3]), 0.1)
    real = -0.9 * math.log(3 / 4) - 0.1 * math.log(1 / 4)
    np.testing.assert_allclose(smoothed, [real + 2 * LN2], rtol=1e-6)


def test_least_squares_are_distances_to_one_and_zero():
    loss = losses.LOSSES.get("least_squares")()
    real, fake = tf.constant([1.0, 0.5, -1.0]), tf.constant([0.0, 2.0, 0.5])
    np.testing.assert_allclose(loss.generator(fake), [1.0, 1.0, 0.25])
    np.testing.assert_allclose(loss.discriminator(real, fake, 0.0), [0.0, 0.125 + 2.0, 2.0 + 0.125])
    np.testing.assert_allclose(loss.discriminator(real, fake, 0.5), [0.125, 0.0 + 2.0, 1.125 + 0.125])  # real is 0.5
    assert float(losses.accuracy(loss, real, fake)) == pytest.approx((1 / 3 + 1 / 3) / 2)  # above and below one half


def test_losses_are_finite_for_extreme_logits():
    extreme = tf.constant([-1e4, 1e4])
    for name in losses.LOSSES.parts:
        loss = losses.LOSSES.get(name)()
        assert np.all(np.isfinite(loss.generator(extreme)))
        assert np.all(np.isfinite(loss.discriminator(extreme, -extreme, 0.1)))


def test_minimax_saturates_where_the_other_does_not():
    """Against a discriminator that has won (logit -8) the gradients are -D = -s(-8) and -(1 - D)."""
    gradients = {}
    for name in ("minimax", "non_saturating"):
        logit = tf.constant([-8.0])
        with tf.GradientTape() as tape:
            tape.watch(logit)
            value = losses.LOSSES.get(name)().generator(logit)
        gradients[name] = float(tape.gradient(value, logit)[0])
    won = 1 / (1 + math.exp(8.0))
    assert gradients["minimax"] == pytest.approx(-won, rel=1e-5)
    assert gradients["non_saturating"] == pytest.approx(-(1 - won), rel=1e-5)


def test_unknown_loss_names_the_nearest():
    with pytest.raises(ConfigError, match=r"loss\.name: unknown loss 'minmax' \(did you mean 'minimax'\?\)"):
        losses.LOSSES.get("minmax")
