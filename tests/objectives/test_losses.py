"""Losses against numbers worked out by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.errors import ConfigError, UsageError
from ganzoo.objectives import parts
from ganzoo.objectives.losses.loss import accuracy
from ganzoo.registry import of

LN2, LN3 = math.log(2.0), math.log(3.0)
# sigmoid(0) = 1/2, sigmoid(ln 3) = 3/4, sigmoid(-ln 3) = 1/4
LOGITS = tf.constant([0.0, LN3, -LN3])
ALL = of("loss").names()


def test_these_are_the_losses():
    assert ALL == ["hinge", "least_squares", "minimax", "non_saturating", "relativistic", "wasserstein"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("minimax", [-LN2, math.log(1 / 4), math.log(3 / 4)]),  # log(1 - D)
        ("non_saturating", [LN2, -math.log(3 / 4), -math.log(1 / 4)]),  # -log D
    ],
)
def test_generator_loss(name, expected):
    np.testing.assert_allclose(parts.loss(name).generator(None, LOGITS), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
def test_discriminator_loss_is_two_cross_entropies(name):
    fake = tf.constant([LN3, LN3, 0.0])
    expected = [LN2 + 2 * LN2, -math.log(3 / 4) + 2 * LN2, -math.log(1 / 4) + LN2]  # -log D(x) - log(1 - D(G))
    np.testing.assert_allclose(parts.loss(name).discriminator(LOGITS, fake), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
def test_label_smoothing_is_one_sided(name):
    loss = parts.loss({"name": name, "label_smoothing": 0.1})
    smoothed = loss.discriminator(tf.constant([LN3]), tf.constant([LN3]))
    real = -0.9 * math.log(3 / 4) - 0.1 * math.log(1 / 4)
    np.testing.assert_allclose(smoothed, [real + 2 * LN2], rtol=1e-6)


def test_least_squares_are_distances_to_one_and_zero():
    loss, smoothed = parts.loss("least_squares"), parts.loss({"name": "least_squares", "label_smoothing": 0.25})
    real, fake = tf.constant([1.0, 0.5, -1.0]), tf.constant([0.0, 2.0, 0.5])
    np.testing.assert_allclose(loss.generator(None, fake), [1.0, 1.0, 0.25])
    np.testing.assert_allclose(loss.discriminator(real, fake), [0.0, 0.125 + 2.0, 2.0 + 0.125])
    # real is 0.75
    np.testing.assert_allclose(smoothed.discriminator(real, fake), [0.03125, 0.03125 + 2.0, 1.53125 + 0.125])
    assert float(accuracy(loss, real, fake)) == pytest.approx((1 / 3 + 1 / 3) / 2)  # above and below one half


def test_hinge_ends_at_the_margin():
    real, fake = tf.constant([2.0, 0.5, -1.0]), tf.constant([-2.0, 0.0, 3.0])
    one, half = parts.loss("hinge"), parts.loss({"name": "hinge", "margin": 0.5})
    np.testing.assert_allclose(one.discriminator(real, fake), [0.0, 0.5 + 1.0, 2.0 + 4.0])
    np.testing.assert_allclose(half.discriminator(real, fake), [0.0, 0.0 + 0.5, 1.5 + 3.5])
    np.testing.assert_allclose(one.generator(None, fake), [2.0, 0.0, -3.0])


def test_wasserstein_is_a_difference():
    real, fake = tf.constant([2.0, -1.0]), tf.constant([0.5, 3.0])
    loss = parts.loss("wasserstein")
    np.testing.assert_allclose(loss.discriminator(real, fake), [-1.5, 4.0])
    np.testing.assert_allclose(loss.generator(None, fake), [-0.5, -3.0])
    assert float(accuracy(loss, real, fake)) == 0.5, "the first pair is in order, whatever its sign"


def test_relativistic_judges_each_fake_beside_its_real_one():
    real, fake = tf.constant([LN3, 0.0]), tf.constant([0.0, LN3])
    loss = parts.loss("relativistic")
    # s(ln 3) = 3/4: -log of the probability of being right
    np.testing.assert_allclose(loss.discriminator(real, fake), [-math.log(3 / 4), -math.log(1 / 4)], rtol=1e-6)
    np.testing.assert_allclose(loss.generator(real, fake), [-math.log(1 / 4), -math.log(3 / 4)], rtol=1e-6)
    np.testing.assert_allclose(loss.discriminator(real + 7.0, fake + 7.0), loss.discriminator(real, fake), rtol=1e-5)
    assert loss.compares
    assert not any(parts.loss(name).compares for name in ALL if name != "relativistic")


@pytest.mark.parametrize("name", ALL)
def test_losses_are_finite_for_extreme_logits(name):
    extreme = tf.constant([-1e4, 1e4])
    loss = parts.loss(name)
    assert np.all(np.isfinite(loss.generator(extreme, -extreme)))
    assert np.all(np.isfinite(loss.discriminator(extreme, -extreme)))


@pytest.mark.parametrize("name", ALL)
def test_gradients_are_those_of_finite_differences(name):
    """In float64 and away from the hinge's corners, to 1e-6."""
    real, fake = np.array([0.3, -1.7, 2.2, 0.0]), np.array([0.9, -0.4, 1.3, -2.6])
    loss = parts.loss(name)

    def total(values):
        first, second = tf.unstack(values)
        return tf.reduce_sum(loss.discriminator(first, second) + 0.5 * loss.generator(first, second))

    point = np.stack([real, fake])
    values = tf.constant(point)
    with tf.GradientTape() as tape:
        tape.watch(values)
        result = total(values)
    gradient = tape.gradient(result, values).numpy()
    step = 1e-6
    for place in np.ndindex(point.shape):
        moved = np.zeros_like(point)
        moved[place] = step
        slope = float(total(tf.constant(point + moved)) - total(tf.constant(point - moved))) / (2 * step)
        assert gradient[place] == pytest.approx(slope, abs=1e-6), (name, place)


def test_minimax_saturates_where_the_other_does_not():
    """Against a discriminator that has won (logit -8) the gradients are -D = -s(-8) and -(1 - D)."""
    gradients = {}
    for name in ("minimax", "non_saturating"):
        logit = tf.constant([-8.0])
        with tf.GradientTape() as tape:
            tape.watch(logit)
            value = parts.loss(name).generator(None, logit)
        gradients[name] = float(tape.gradient(value, logit)[0])
    won = 1 / (1 + math.exp(8.0))
    assert gradients["minimax"] == pytest.approx(-won, rel=1e-5)
    assert gradients["non_saturating"] == pytest.approx(-(1 - won), rel=1e-5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("minmax", r"loss\.name: unknown loss 'minmax' \(did you mean 'minimax'\?\)"),
        ({"name": "hinge", "label_smoothing": 0.1}, r"loss\.label_smoothing: unknown key \(known: margin, name\)"),
        ({"name": "hinge", "margn": 1.0}, r"loss\.margn: unknown key \(did you mean 'margin'\?\)"),
        ({"name": "hinge", "margin": 0.0}, r"loss\.margin: input should be greater than 0 \(got 0\.0\)"),
        ({"name": "minimax", "label_smoothing": 0.5}, r"loss\.label_smoothing: input should be less than 0\.5"),
    ],
)
def test_wrong_names_and_options(given, message):
    with pytest.raises(ConfigError, match=message):
        parts.loss(given)


def test_an_object_that_is_no_loss():
    with pytest.raises(UsageError, match=r"loss: 3 has no method discriminator\(real_logits, fake_logits\)"):
        parts.loss(3)
