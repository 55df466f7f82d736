"""The generator's gradient once the discriminator has won, by hand: vanishing gradients and their remedies."""

import math

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.objectives import parts
from ganzoo.registry import of

LN999 = math.log(999.0)  # sigmoid(-ln 999) = 1/1000
# loss, logit of every real example, logit of every generated one, |dL/dlogit|
WON = [
    ("minimax", LN999, -LN999, 0.001),  # s(d)
    ("minimax", LN999, -20.0, 2.0611536e-9),
    ("non_saturating", LN999, -LN999, 0.999),  # 1 - s(d)
    ("non_saturating", LN999, -20.0, 1.0),
    ("least_squares", 1.0, 0.0, 2.0),  # 2 |d - c|, with its discriminator's best values
    ("least_squares", 1.0, -3.0, 8.0),
    ("wasserstein", 1000.0, -1000.0, 1.0),
    ("hinge", 5.0, -5.0, 1.0),
    ("relativistic", 0.0, -LN999, 0.999),  # 1 - s(d - d of the real one)
    ("relativistic_average", 0.0, -LN999, 1.998),  # 1 - s(d - mean of the real ones) + s(real one - mean d)
]
UNDECIDED = {"minimax": 0.5, "non_saturating": 0.5, "relativistic": 0.5, "wasserstein": 1.0}
SLOPE, LATENTS = -4.0, [[1.0], [3.0]]


def gradient_norm(name, real_logit, fake_logit):
    """Norm of the gradient with respect to the weights w, c of G(z) = w z + c, at w = 0, judged by D(x) = -4 x + b."""
    w, c = tf.Variable([[0.0]]), tf.Variable([0.7])
    with tf.GradientTape() as tape:
        fake = tf.matmul(tf.constant(LATENTS), w) + c
        logits = SLOPE * (fake - 0.7)[:, 0] + fake_logit
        loss = tf.reduce_mean(parts.loss(name).generator(tf.fill([2], real_logit), logits))
    return float(tf.linalg.global_norm(tape.gradient(loss, [w, c])))


@pytest.mark.parametrize(("name", "real", "fake", "expected"), WON)
def test_once_the_discriminator_has_won(name, real, fake, expected):
    """The gradient is dL/dlogit times D's slope of 4 times the norm of (mean z, 1) = (2, 1)."""
    assert gradient_norm(name, real, fake) == pytest.approx(4.0 * math.sqrt(5.0) * expected, rel=1e-5)


@pytest.mark.parametrize(("name", "expected"), UNDECIDED.items())
def test_while_it_is_undecided(name, expected):
    assert gradient_norm(name, 0.0, 0.0) == pytest.approx(4.0 * math.sqrt(5.0) * expected, rel=1e-6)


def test_minimax_alone_vanishes():
    """Every other loss keeps all of its gradient, however far apart the logits are."""
    kept = {
        name: gradient_norm(name, 15.0, -15.0) / gradient_norm(name, 0.0, 0.0)
        for name in of("loss").names()
        if name != "heads"
    }
    assert kept.pop("minimax") == pytest.approx(2 * math.exp(-15.0), rel=1e-5)
    assert min(kept.values()) >= 1.0, kept
    np.testing.assert_allclose(kept["non_saturating"], 2.0, rtol=1e-5)
