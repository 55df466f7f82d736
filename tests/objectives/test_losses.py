"""Losses against numbers worked out by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf
from small_runs import NEEDED

from ganzoo.errors import ConfigError, UsageError
from ganzoo.objectives import parts
from ganzoo.objectives.losses.loss import accuracy
from ganzoo.registry import of

LN2, LN3 = math.log(2.0), math.log(3.0)
# sigmoid(0) = 1/2, sigmoid(ln 3) = 3/4, sigmoid(-ln 3) = 1/4
LOGITS = tf.constant([0.0, LN3, -LN3])
ALL = of("loss").names()


def made(name):
    return parts.loss({"name": name, **NEEDED.get(name, {})})


def test_these_are_the_losses():
    assert [
        *("heads", "hinge", "least_squares", "minimax", "non_saturating"),
        *("relativistic", "relativistic_average", "wasserstein"),
    ] == ALL


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


def test_least_squares_have_three_targets():
    """a for generated examples, b for real ones, c for the generator: the Pearson choice, and any other one."""
    real, fake = tf.constant([1.0, 0.5, -1.0]), tf.constant([0.0, 2.0, -1.0])
    pearson = parts.loss({"name": "least_squares", "a": -1, "b": 1, "c": 0})
    np.testing.assert_allclose(pearson.discriminator(real, fake), [0.0 + 0.5, 0.125 + 4.5, 2.0 + 0.0])
    np.testing.assert_allclose(pearson.generator(None, fake), [0.0, 4.0, 1.0])
    assert float(accuracy(pearson, real, fake)) == pytest.approx((2 / 3 + 1 / 3) / 2)  # above and below 0
    other = parts.loss({"name": "least_squares", "a": 1.0, "b": 3.0, "c": 2.0, "label_smoothing": 0.25})
    np.testing.assert_allclose(other.discriminator(real, fake), [1.125 + 0.5, 2.0 + 0.5, 6.125 + 2.0])  # real is 2.5
    np.testing.assert_allclose(other.generator(None, fake), [4.0, 0.0, 9.0])
    assert other.threshold == 2.0


@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
def test_flipped_labels_are_cross_entropies_with_soft_targets(name):
    """A share of 1/4: the targets are 3/4 and 1/4; with a smoothing of 0.2 those of real labels shrink by a fifth."""
    flipped = parts.loss({"name": name, "label_flipping": 0.25})
    real, fake = tf.constant([LN3]), tf.constant([0.0])  # D(x) = 3/4, D(G(z)) = 1/2
    expected = -0.75 * math.log(3 / 4) - 0.25 * math.log(1 / 4) + LN2
    np.testing.assert_allclose(flipped.discriminator(real, fake), [expected], rtol=1e-6)
    both = parts.loss({"name": name, "label_flipping": 0.25, "label_smoothing": 0.2})
    expected = -0.6 * math.log(3 / 4) - 0.4 * math.log(1 / 4) + LN2
    np.testing.assert_allclose(both.discriminator(real, fake), [expected], rtol=1e-6)
    np.testing.assert_array_equal(both.generator(None, fake), parts.loss(name).generator(None, fake))


def test_flipped_labels_are_the_expectation_over_swaps():
    """The mean over many draws of swapped labels, which are drawn here and not in the loss."""
    real, fake, swapped = tf.constant([0.3]), tf.constant([-0.6]), 0.3
    draws = np.random.default_rng(0).random((2, 200_000)) < swapped
    for given in ("hinge", {"name": "least_squares", "a": -1.0}):
        given = given if isinstance(given, dict) else {"name": given}
        plain, flipped = parts.loss(given), parts.loss({**given, "label_flipping": swapped})
        of_real = np.where(draws[0], plain.as_fake(real), plain.as_real(real))
        of_fake = np.where(draws[1], plain.as_real(fake), plain.as_fake(fake))
        np.testing.assert_allclose(flipped.discriminator(real, fake), [np.mean(of_real + of_fake)], rtol=5e-3)
    half = parts.loss({"name": "hinge", "label_flipping": 0.5})
    np.testing.assert_allclose(half.discriminator(real, fake), half.discriminator(fake, real), rtol=1e-6)


def test_accuracy_at_the_threshold_and_in_order():
    real, fake = tf.constant([0.0, 0.2, -0.1]), tf.constant([0.0, -0.2, 0.1])
    assert float(accuracy(parts.loss("minimax"), real, fake)) == pytest.approx(1 / 3), "0 is neither"
    assert float(accuracy(parts.loss("wasserstein"), real, fake)) == pytest.approx(1 / 3), "equal is not in order"
    assert float(accuracy(object(), real, fake)) == pytest.approx(1 / 3), "0 where a loss does not say"
    assert {name: made(name).threshold for name in ALL} == {
        **dict.fromkeys(("heads", "hinge", "minimax", "non_saturating"), 0.0),
        **dict.fromkeys(("relativistic", "relativistic_average", "wasserstein")),
        "least_squares": 0.5,
    }


def test_options_have_the_papers_defaults_and_bounds():
    assert parts.loss("minimax").label_smoothing == parts.loss("non_saturating").label_smoothing == 0.0
    assert parts.loss("least_squares").label_smoothing == 0.0
    assert parts.loss("hinge").margin == 1.0
    assert parts.loss({"name": "minimax", "label_smoothing": 0.49}).label_smoothing == 0.49
    with pytest.raises(ConfigError, match="greater than or equal to 0"):
        parts.loss({"name": "minimax", "label_smoothing": -0.01})


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


@pytest.mark.parametrize(
    ("given", "equilibrium"),
    [
        ("minimax", 0.5),
        ("non_saturating", 0.5),
        ({"name": "minimax", "label_smoothing": 0.1}, 0.45),
        ({"name": "non_saturating", "label_smoothing": 0.3}, 0.35),
        ("least_squares", 0.5),
        ({"name": "least_squares", "label_smoothing": 0.2}, 0.4),
    ],
)
def test_the_equilibrium_is_the_best_constant_verdict(given, equilibrium):
    loss = parts.loss(given)
    logits = tf.constant(np.linspace(-3.0, 3.0, 6001))
    best = int(tf.argmin(loss.discriminator(logits, logits)))
    assert loss.equilibrium == pytest.approx(equilibrium)
    assert float(loss.verdict(logits)[best]) == pytest.approx(equilibrium, abs=1e-3)


@pytest.mark.parametrize("name", ["hinge", "relativistic", "wasserstein"])
def test_losses_for_which_many_constants_are_best_have_no_equilibrium(name):
    loss, logits = parts.loss(name), tf.constant([-0.9, 0.0, 0.9])
    np.testing.assert_allclose(loss.discriminator(logits, logits), [loss.discriminator(0.0, 0.0)] * 3, rtol=1e-6)
    assert loss.equilibrium is None
    np.testing.assert_array_equal(loss.verdict(logits), logits)


def test_relativistic_judges_each_fake_beside_its_real_one():
    real, fake = tf.constant([LN3, 0.0]), tf.constant([0.0, LN3])
    loss = parts.loss("relativistic")
    # s(ln 3) = 3/4: -log of the probability of being right
    np.testing.assert_allclose(loss.discriminator(real, fake), [-math.log(3 / 4), -math.log(1 / 4)], rtol=1e-6)
    np.testing.assert_allclose(loss.generator(real, fake), [-math.log(1 / 4), -math.log(3 / 4)], rtol=1e-6)
    np.testing.assert_allclose(loss.discriminator(real + 7.0, fake + 7.0), loss.discriminator(real, fake), rtol=1e-5)
    assert loss.compares
    assert not any(made(name).compares for name in ALL if not name.startswith("relativistic"))


def test_the_relativistic_average_judges_each_example_beside_the_mean_of_the_others():
    """The logits of real examples minus 0 are (2 ln 3, 0), those of generated ones minus ln 3 are (0, -2 ln 3)."""
    real, fake = tf.constant([2 * LN3, 0.0]), tf.constant([LN3, -LN3])  # means ln 3 and 0
    loss = parts.loss("relativistic_average")
    # s(ln 3) = 3/4, s(2 ln 3) = 9/10, s(0) = 1/2
    expected = [-math.log(9 / 10) - math.log(1 / 2), -math.log(1 / 2) - math.log(9 / 10)]
    np.testing.assert_allclose(loss.discriminator(real, fake), expected, rtol=1e-6)
    expected = [-math.log(1 / 2) - math.log(1 / 10), -math.log(1 / 10) - math.log(1 / 2)]
    np.testing.assert_allclose(loss.generator(real, fake), expected, rtol=1e-6)
    patches = loss.discriminator(tf.reshape(real, [1, 2, 1]), tf.reshape(fake, [1, 2, 1]))
    np.testing.assert_allclose(tf.reshape(patches, [-1]), loss.discriminator(real, fake), rtol=1e-6)
    assert loss.compares
    assert loss.over_batch


@pytest.mark.parametrize("name", ALL)
def test_losses_are_finite_for_extreme_logits(name):
    extreme = tf.constant([-1e4, 1e4])
    loss = made(name)
    assert np.all(np.isfinite(loss.generator(extreme, -extreme)))
    assert np.all(np.isfinite(loss.discriminator(extreme, -extreme)))


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
        (
            {"name": "hinge", "label_smoothing": 0.1},
            r"loss\.label_smoothing: unknown key \(did you mean 'label_flipping'\?\)",
        ),
        ({"name": "hinge", "margn": 1.0}, r"loss\.margn: unknown key \(did you mean 'margin'\?\)"),
        ({"name": "hinge", "margin": 0.0}, r"loss\.margin: input should be greater than 0 \(got 0\.0\)"),
        ({"name": "hinge", "label_flipping": 1.0}, r"loss\.label_flipping: input should be less than or equal to 0\.5"),
        ({"name": "wasserstein", "label_flipping": 0.1}, r"loss\.label_flipping: unknown key"),
        ({"name": "least_squares", "b": 0.0}, r"loss\.b: expected a number above loss\.a = 0, got 0"),
        ({"margin": 1.0}, r"loss\.name: missing \(expected the name of the loss\)"),
        ({"name": "minimax", "label_smoothing": 0.5}, r"loss\.label_smoothing: input should be less than 0\.5"),
    ],
)
def test_wrong_names_and_options(given, message):
    with pytest.raises(ConfigError, match=message):
        parts.loss(given)


def test_an_object_that_is_no_loss():
    with pytest.raises(UsageError, match=r"loss: 3 has no method discriminator\(real_logits, fake_logits\)"):
        parts.loss(3)

    class Half:
        def discriminator(self, real_logits, fake_logits):
            return real_logits - fake_logits

    with pytest.raises(UsageError, match=r"has no method generator\(real_logits, fake_logits\)"):
        parts.loss(Half())


def test_each_head_has_its_own_loss():
    """Hinge on the first logit, and half the non-saturating loss on the second; s(ln 3) = 3/4."""
    loss = parts.loss({"name": "heads", "losses": ["hinge", {"name": "non_saturating"}], "weights": [1.0, 0.5]})
    real, fake = tf.constant([[0.5, 0.0], [2.0, LN3]]), tf.constant([[-0.5, LN3], [0.25, 0.0]])
    expected = [0.5 + 0.5 + 0.5 * (LN2 + 2 * LN2), 0.0 + 1.25 + 0.5 * (-math.log(3 / 4) + LN2)]
    np.testing.assert_allclose(loss.discriminator(real, fake), expected, rtol=1e-6)
    np.testing.assert_allclose(loss.generator(None, fake), [0.5 - 0.5 * math.log(3 / 4), -0.25 + 0.5 * LN2], rtol=1e-6)
    patches = loss.discriminator(tf.reshape(real, [1, 1, 2, 2]), tf.reshape(fake, [1, 1, 2, 2]))
    np.testing.assert_allclose(patches, [[expected]], rtol=1e-6)
    assert not loss.compares


def test_heads_take_over_what_their_losses_need():
    loss = parts.loss({"name": "heads", "losses": ["hinge", "relativistic_average"]})
    assert (loss.compares, loss.over_batch, loss.threshold) == (True, True, None)
    assert parts.loss({"name": "heads", "losses": ["hinge", "least_squares"]}).threshold is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"loss\.losses: missing"),
        ({"losses": ["hinge"]}, r"loss\.losses: expected at least two losses, got 1 \(set loss\.name to it\)"),
        ({"losses": ["hinge", "hing"]}, r"loss\.losses\.1\.name: unknown loss 'hing' \(did you mean 'hinge'\?\)"),
        (
            {"losses": ["hinge", {"name": "hinge", "margn": 2.0}]},
            r"loss\.losses\.1\.margn: unknown key \(did you mean 'margin'\?\)",
        ),
        (
            {"losses": ["hinge", "minimax"], "weights": [1.0]},
            r"loss\.weights: expected 2 numbers, one for each loss, got 1",
        ),
        ({"losses": ["hinge", "minimax"], "weights": [1.0, 0.0]}, r"loss\.weights\.1: .*greater than 0"),
    ],
)
def test_what_heads_cannot_be(options, message):
    with pytest.raises(ConfigError, match=message):
        parts.loss({"name": "heads", **options})
