"""Penalties against numbers worked out by hand."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.errors import ConfigError
from ganzoo.objectives import parts
from ganzoo.objectives.penalties.penalty import PenaltyContext
from ganzoo.registry import of

WEIGHTS = [[3.0], [4.0]]
REAL = tf.constant([[1.0, 2.0], [-5.0, 0.5], [0.0, 0.0]])
FAKE = tf.constant([[0.0, 1.0], [2.0, 2.0], [-1.0, 4.0]])


def value_of(
    name,
    discriminator,
    real=REAL,
    fake=FAKE,
    mix=None,
    outputs=({}, {}),
    labels=(),
    draws=None,
    state=None,
    update="discriminator",
    more=None,
    **options,
):
    """A penalty's value `[N]`."""
    mixes = tf.constant(mix) if mix is not None else None
    context = PenaltyContext(
        *(discriminator, real, fake, *outputs, labels, {}),
        uniform=lambda shape: tf.reshape(mixes, [-1, *shape]),
        draws=draws,
        state=state,
        update=update,
        **(more or {}),
    )
    (penalty,) = parts.penalties([{"name": name, "weight": 1.0, **options}])
    return penalty.function(context)


def logits(*values):
    return {"logits": tf.constant(values)}


def linear(x):
    return tf.matmul(x, tf.constant(WEIGHTS))[:, 0]


def quadratic(x):
    """D(x) = sum of x squared, with the gradient 2x."""
    return tf.reduce_sum(x**2, axis=list(range(1, x.shape.rank)))


def test_these_are_the_penalties():
    assert of("penalty").names() == [
        "auxiliary_classifier",
        "consistency",
        "feature_matching",
        "gradient_penalty",
        "lecam",
        "path_length",
        "r1",
        "r2",
    ]


@pytest.mark.parametrize("name", ["r1", "r2"])
def test_of_a_linear_discriminator_they_are_half_its_squared_weights(name):
    np.testing.assert_allclose(value_of(name, linear), [12.5, 12.5, 12.5], rtol=1e-6)


def test_r1_looks_at_real_examples_and_r2_at_generated_ones():
    """Of D(x) = sum of x squared both are 2 sum of x squared."""
    np.testing.assert_allclose(value_of("r1", quadratic), [2 * 5.0, 2 * 25.25, 0.0], rtol=1e-6)
    np.testing.assert_allclose(value_of("r2", quadratic), [2 * 1.0, 2 * 8.0, 2 * 17.0], rtol=1e-6)


def test_r1_of_images_depends_on_each_example_alone():
    real = tf.reshape(tf.range(8.0), [2, 2, 2, 1])
    np.testing.assert_allclose(
        value_of("r1", quadratic, real), [2.0 * (0 + 1 + 4 + 9), 2.0 * (16 + 25 + 36 + 49)], rtol=1e-6
    )


def test_r1_of_patches_is_of_the_sum_of_their_logits():
    """Two patches of 2x and 3x: the gradient of their sum is 5 at each pixel of the two."""
    real = tf.ones([1, 2, 1, 1])
    value = value_of("r1", lambda x: tf.stack([2.0 * x[:, :, 0, 0], 3.0 * x[:, :, 0, 0]], axis=-1), real)
    np.testing.assert_allclose(value, [0.5 * 2 * 25.0], rtol=1e-6)


def test_r1_reaches_the_weights():
    weights = tf.Variable(WEIGHTS)
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(value_of("r1", lambda x: tf.matmul(x, weights)[:, 0], tf.ones([2, 2])))
    np.testing.assert_allclose(tape.gradient(value, weights), WEIGHTS, rtol=1e-6)


def test_the_gradient_penalty_of_a_linear_critic():
    """Its gradient's norm is 5 everywhere: (5 - 1)^2."""
    np.testing.assert_allclose(value_of("gradient_penalty", linear, mix=[0.0, 0.5, 0.9]), [16.0] * 3, rtol=1e-6)
    np.testing.assert_allclose(
        value_of("gradient_penalty", linear, mix=[0.0, 0.5, 0.9], target=7.0), [4.0] * 3, rtol=1e-6
    )
    np.testing.assert_allclose(
        value_of("gradient_penalty", linear, mix=[0.0, 0.5, 0.9], target=7.0, sides="above"), [0.0] * 3
    )
    np.testing.assert_allclose(
        value_of("gradient_penalty", linear, mix=[0.0, 0.5, 0.9], target=3.0, sides="above"), [4.0] * 3, rtol=1e-6
    )


def test_one_mix_of_an_image_and_what_keeps_the_root_differentiable():
    asked = []

    def uniform(shape):
        asked.append(list(shape))
        return tf.fill([2, *shape], 0.5)

    images = tf.ones([2, 4, 4, 3])
    context = PenaltyContext(
        *(lambda x: 0.0 * quadratic(x), images, images, {}, {}, (), {}),
        uniform=uniform,
        draws=None,
        state={},
        update="discriminator",
    )
    (penalty,) = parts.penalties([{"name": "gradient_penalty", "epsilon": 1e-4}])
    np.testing.assert_allclose(penalty.function(context), [(0.01 - 1.0) ** 2] * 2, rtol=1e-6)
    assert asked == [[1, 1, 1]]
    (default,) = parts.penalties(["gradient_penalty"])
    np.testing.assert_allclose(default.function(context), [(1e-6 - 1.0) ** 2] * 2, rtol=1e-7)
    with pytest.raises(ConfigError, match=r"epsilon: input should be less than or equal to 0\.001"):
        parts.penalties([{"name": "gradient_penalty", "epsilon": 2e-3}])
    with pytest.raises(ConfigError, match=r"epsilon: input should be greater than 0"):
        parts.penalties([{"name": "gradient_penalty", "epsilon": 0.0}])
    with pytest.raises(ConfigError, match=r"target: input should be greater than 0"):
        parts.penalties([{"name": "gradient_penalty", "target": 0.0}])


def test_the_gradient_penalty_looks_between_the_pairs():
    """D(x) = sum of x squared at m x + (1 - m) y: the norm of the gradient is twice that of the mixture."""
    mixed = np.array([[0.25, 1.25], [-1.5, 1.25], [0.0, 0.0]])
    expected = (2 * np.linalg.norm(mixed, axis=1) - 1) ** 2
    np.testing.assert_allclose(
        value_of("gradient_penalty", quadratic, mix=[0.25, 0.5, 1.0]), expected, rtol=1e-4, atol=1e-5
    )


def test_the_gradient_penalty_has_a_gradient_where_the_critic_has_none():
    scale = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(value_of("gradient_penalty", lambda x: scale * linear(x), mix=[0.5] * 3))
    assert float(value) == pytest.approx(1.0, abs=1e-5)
    assert math.isfinite(float(tape.gradient(value, scale)))


def test_lecam_is_the_distance_to_the_average_of_the_others():
    """Averages of 0.5 and -0.5: (1 + 0.5)^2 + (-1 - 0.5)^2 and (2 + 0.5)^2 + (0 - 0.5)^2; then they move by a tenth."""
    state = {"real": keras.Variable(0.5), "fake": keras.Variable(-0.5)}
    of_both = logits(1.0, 2.0), logits(-1.0, 0.0)
    value = value_of("lecam", None, outputs=of_both, state=state, decay=0.9)
    np.testing.assert_allclose(value, [4.5, 6.5], rtol=1e-6)
    assert float(state["real"]) == pytest.approx(0.6)  # 0.5 + (1.5 - 0.5) / 10
    assert float(state["fake"]) == pytest.approx(-0.5)  # the mean of its logits


def path_length(due, average, calls):
    """Of the linear generator G(w) = A w of four pixels, with y = (1, 2, 3, 4): A^T y / 2 = (8, 3)."""
    columns = tf.constant([[1.0, 1.0], [2.0, 1.0], [1.0, 1.0], [2.0, 0.0]])

    class Drawn:
        normal = staticmethod(lambda number, shape: tf.reshape(tf.range(1.0, 5.0), shape))

    def synthesis(styles):
        calls.append(styles.shape)
        return tf.reshape(tf.matmul(styles, columns, transpose_b=True), [-1, 2, 2, 1])

    more = {"styles": lambda: tf.zeros([3, 2]), "synthesis": synthesis, "due": tf.constant(due)}
    return value_of("path_length", None, draws=Drawn, state={"average": average}, decay=0.9, more=more)


def test_path_length_is_the_distance_to_the_average_length():
    """Lengths of the root of 73, from 0.5; then the average moves by a tenth of the way."""
    average, calls = keras.Variable(0.5), []
    value = path_length(True, average, calls)
    np.testing.assert_allclose(value, [(math.sqrt(73.0) - 0.5) ** 2] * 3, rtol=1e-6)
    assert float(average) == pytest.approx(0.5 + (math.sqrt(73.0) - 0.5) / 10)
    assert calls == [(3, 2)]
    (penalty,) = parts.penalties(["path_length"])
    assert penalty.updates == ("generator",)


def test_path_length_computes_nothing_where_it_is_not_due():
    average, calls = keras.Variable(0.5), []
    path_length(False, average, calls)
    assert float(average) == 0.5
    assert calls == []


def test_consistency_is_the_change_by_an_augmentation():
    """Of a linear discriminator of weights 3 and 4, noise n at both entries changes the logit by 7 n."""

    class Noise:
        def __init__(self, value):
            self.normal = lambda number, shape: tf.fill([3, *shape], value)

    drawn = iter([Noise(1.0), Noise(-2.0)])
    value = value_of(
        *("consistency", linear),
        outputs=({"logits": linear(REAL)}, {"logits": linear(FAKE)}),
        draws=lambda: next(drawn),
        augmentation={"name": "instance_noise", "sigma": 0.1},
    )
    np.testing.assert_allclose(value, [0.7**2 + 1.4**2] * 3, rtol=1e-4)


def test_feature_matching_is_the_distance_of_the_means():
    """Means of (2, 3) and (1, 1): 1 + 4."""
    real, fake = tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([[0.0, 0.0], [2.0, 2.0]])
    value = value_of("feature_matching", None, outputs=({"features": real}, {"features": fake}))
    assert float(value) == pytest.approx(5.0)
    (penalty,) = parts.penalties(["feature_matching"])
    assert penalty.updates == ("generator",)


@pytest.mark.parametrize(
    ("update", "wanted"),
    [
        # log(1 + e) - 1 and log(1 + e) for the generated examples, log 2 for the real ones
        ("generator", [0.3132617, 1.3132617]),
        ("discriminator", [0.3132617 + math.log(2), 1.3132617 + math.log(2)]),
    ],
)
def test_the_auxiliary_classifier_judges_real_examples_for_the_discriminator_alone(update, wanted):
    outputs = [{"class_logits": tf.constant(logits)} for logits in ([[5.0, 5.0]] * 2, [[3.0, 2.0]] * 2)]
    value = value_of("auxiliary_classifier", None, outputs=outputs, labels=(tf.constant([0, 1]),), update=update)
    np.testing.assert_allclose(value, wanted, rtol=1e-5)
    (penalty,) = parts.penalties(["auxiliary_classifier"])
    assert penalty.updates == ("discriminator", "generator")
    assert [penalty.logged(update) for update in penalty.updates] == [
        "discriminator_auxiliary_classifier",
        "generator_auxiliary_classifier",
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([{"name": "r7", "weight": 1.0}], r"penalties: unknown penalty 'r7'.*r1"),
        ([{"name": "r1", "weight": 1.0, "evry": 2}], r"penalties\.0\.evry: unknown key \(did you mean 'every'\?\)"),
        (
            [("r1", 1.0, 1), {"name": "gradient_penalty", "weight": 1.0, "sides": "below"}],
            r"penalties\.1\.sides: input should be 'both' or 'above' \(got 'below'\)",
        ),
        (
            [{"name": "consistency", "weight": 1.0, "augmentation": "diffagment"}],
            r"penalties\.consistency\.augmentation: unknown augmentation 'diffagment' \(did you mean 'diffaugment'",
        ),
        (
            [{"name": "consistency", "weight": 1.0, "augmentation": {"policy": ["color"]}}],
            r"penalties\.consistency\.augmentation\.name: missing \(expected the name of the augmentation\)",
        ),
        (
            [{"name": "consistency", "weight": 1.0, "augmentation": "adaptive"}],
            r"penalties\.consistency\.augmentation: expected one without state, got adaptive",
        ),
        ([{"name": "consistency", "weight": 1.0}], r"penalties\.0\.augmentation: "),
        ([("r1", 1.0, 1), ("r1", 2.0, 4)], "penalties: expected different names, got one twice"),
    ],
)
def test_wrong_names_and_options(given, message):
    with pytest.raises(ConfigError, match=message):
        parts.penalties(given)


def test_ways_to_give_a_penalty():
    def mine(context):
        return context.real[:, 0]

    class Own:
        weight, every, update = 3.0, 2, "generator"

        def __call__(self, context):
            return context.fake[:, 0]

    given = [("r1", 0.5, 4), {"name": "r2", "weight": 2.0}, "gradient_penalty", mine, Own()]
    made = parts.penalties(given)
    assert [(one.name, one.weight, one.every, *one.updates) for one in made] == [
        ("r1", 0.5, 4, "discriminator"),
        ("r2", 2.0, 1, "discriminator"),
        ("gradient_penalty", 1.0, 1, "discriminator"),
        ("mine", 1.0, 1, "discriminator"),
        ("Own", 3.0, 2, "generator"),
    ]
    for one in made[3:]:
        assert one.function in (mine, given[-1])
    (renamed,) = parts.penalties([{"name": "r2", "weight": 0.0}])
    assert renamed.weight == 0.0
