"""Gradients of every registered objective against finite differences in float64; a new part enters by itself."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_runs import NEEDED

from ganzoo.core import randomness
from ganzoo.objectives import parts
from ganzoo.objectives.augmentations.augmentation import Draws
from ganzoo.objectives.penalties.penalty import PenaltyContext
from ganzoo.registry import of

pytestmark = pytest.mark.usefixtures("float64")

STEP = 1e-6
NUMBERS = np.random.default_rng(0)


def assert_gradient(function, point):
    """The gradient of a function of an array equals its central differences to 1e-6."""
    values = tf.constant(point)
    with tf.GradientTape() as tape:
        tape.watch(values)
        result = function(values)
    gradient = tape.gradient(result, values).numpy()
    assert np.abs(gradient).max() > 1e-3
    for place in np.ndindex(point.shape):
        moved = np.zeros_like(point)
        moved[place] = STEP
        slope = float(function(tf.constant(point + moved)) - function(tf.constant(point - moved))) / (2 * STEP)
        assert gradient[place] == pytest.approx(slope, abs=1e-6), place


def state_of(part):
    """Variables of a part, away from their initial values."""
    return {name: keras.Variable(value + 0.3, dtype="float64") for name, value in getattr(part, "state", {}).items()}


def drawn(rows, part=None, counter=0):
    key = randomness.key(0, "gradients", counter)
    return Draws(key, randomness.Place(0, rows), rows, tf.constant(3, tf.int64), state_of(part))


@pytest.mark.parametrize("name", of("loss").names())
def test_losses(name):
    """Away from the hinge's corners."""
    loss = parts.loss({"name": name, **NEEDED.get(name, {})})

    def total(values):
        real, fake = tf.unstack(values)
        return tf.reduce_sum(loss.discriminator(real, fake) + 0.5 * loss.generator(real, fake))

    assert_gradient(total, np.array([[[0.3, -1.7], [2.2, 0.0]], [[0.9, -0.4], [1.3, -2.6]]]))


@pytest.mark.parametrize("name", of("penalty").names())
def test_penalties(name):
    """With respect to the weights of D(x) = w tanh(V x), whose features are tanh(V x), and to generated examples."""
    (penalty,) = parts.penalties([{"name": name, "weight": 1.0, **NEEDED.get(name, {})}])
    real = tf.constant(NUMBERS.normal(size=(4, 2)))

    def value(values):
        first, last, fake = (
            tf.reshape(part, shape)
            for part, shape in zip(tf.split(values, [6, 3, 8]), ((2, 3), (3,), (4, 2)), strict=True)
        )

        def outputs(examples):
            features = tf.tanh(tf.matmul(examples, first))
            return {"features": features, "class_logits": features, "logits": tf.linalg.matvec(features, last)}

        calls = iter(range(9))
        context = PenaltyContext(
            lambda examples: outputs(examples)["logits"],
            *(real, fake, outputs(real), outputs(fake)),
            *((tf.constant([0, 1, 2, 0]),), {}),
            uniform=lambda shape: drawn(4).uniform(0, shape),
            draws=lambda: drawn(4, counter=next(calls)),
            state=state_of(penalty.function),
            update="discriminator",
            styles=lambda: real,
            synthesis=lambda styles: outputs(styles)["features"],
        )
        return tf.reduce_mean(penalty.function(context))

    assert_gradient(value, NUMBERS.normal(size=17))


@pytest.mark.parametrize("name", of("augmentation").names())
def test_augmentations(name):
    augment = parts.augmentations([{"name": name, **NEEDED.get(name, {})}])[0].function
    weights = tf.constant(NUMBERS.normal(size=(2, 4, 4, 1)))
    assert_gradient(
        lambda images: tf.reduce_sum(weights * augment(images, drawn(2, augment)) ** 2),
        NUMBERS.uniform(-1.0, 1.0, (2, 4, 4, 1)),
    )
