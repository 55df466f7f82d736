"""From gradients to weights, against NumPy: clipping, learning rates by step, loss scaling, accumulation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.engine.update import LossScale, Update
from ganzoo.errors import UsageError
from ganzoo.models.build import build
from ganzoo.models.vanilla import VanillaGAN
from ganzoo.networks.layers import BatchNormalization
from ganzoo.objectives.parts import Penalty

schedules = keras.optimizers.schedules


@pytest.fixture(scope="module")
def two_replicas():
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice())


class Learner:
    """Two weights that start at zero, and what moves them."""

    def __init__(self, optimizer, **arguments):
        self.weights = [keras.Variable([0.0, 0.0], name="pair"), keras.Variable(0.0, name="single")]
        self.step = keras.Variable(0, dtype="int64", trainable=False)
        self.rate_scale = keras.Variable(1.0, trainable=False)
        named = {f"d/{weight.path}": weight for weight in self.weights}
        self.update = Update("d", optimizer, named, step=self.step, rate_scale=self.rate_scale, **arguments)

    def apply(self, pair, single):
        """One update with these gradients; the weights after it."""
        tf.function(self.update.apply)([tf.constant(pair, tf.float32), tf.constant(single, tf.float32)])
        return np.append(*(weight.numpy() for weight in self.weights))


def test_the_gradient_is_clipped_by_its_global_norm():
    gradient = np.array([3.0, 4.0, 12.0])  # of length 13
    for clip_norm, scale in ((None, 1.0), (20.0, 1.0), (6.5, 0.5), (1.3, 0.1)):
        moved = Learner(keras.optimizers.SGD(0.1), clip_norm=clip_norm).apply(gradient[:2], gradient[2])
        np.testing.assert_allclose(moved, -0.1 * scale * gradient, rtol=1e-6)


def test_adam_sees_the_clipped_gradient():
    """Its first step is of one length in any case, its second is not: (1, then 4 clipped to 2) by hand."""
    learner = Learner(keras.optimizers.Adam(0.1, beta_1=0.5, beta_2=0.75, epsilon=1e-12), clip_norm=2.0)
    learner.apply([1.0, 0.0], 0.0)
    moved = learner.apply([4.0, 0.0], 0.0)
    mean = (0.25 * 1 + 0.5 * 2) / (1 - 0.25)
    square = (0.75 * 0.25 * 1 + 0.25 * 4) / (1 - 0.75**2)
    assert moved[0] == pytest.approx(-0.1 - 0.1 * mean / np.sqrt(square), rel=1e-5)


@pytest.mark.parametrize(
    ("rate", "rates"),
    [
        (0.5, [0.5, 0.5, 0.5, 0.5]),
        (schedules.ExponentialDecay(0.8, 1, 0.5), [0.8, 0.4, 0.2, 0.1]),
        (schedules.PiecewiseConstantDecay([0, 2], [1.0, 0.3, 0.1]), [1.0, 0.3, 0.3, 0.1]),
        (schedules.CosineDecay(1.0, 2), [1.0, 0.5, 0.0, 0.0]),
        (schedules.PolynomialDecay(1.0, 4, end_learning_rate=0.0), [1.0, 0.75, 0.5, 0.25]),
    ],
)
def test_a_rate_is_of_the_step_and_not_of_the_update(rate, rates):
    learner = Learner(keras.optimizers.SGD(rate))
    total = 0.0
    for step, expected in enumerate(rates):
        learner.step.assign(step)
        for _ in range(3):
            total -= expected
            assert learner.apply([1.0, 2.0], 0.0).tolist() == pytest.approx([total, 2 * total, 0.0], abs=1e-6)


def test_the_rate_can_be_scaled():
    learner = Learner(keras.optimizers.SGD(schedules.ExponentialDecay(0.8, 1, 0.5)))
    learner.step.assign(1)
    learner.rate_scale.assign(0.5)
    assert learner.apply([1.0, 0.0], 0.0)[0] == pytest.approx(-0.2)


def test_nothing_is_applied_where_one_gradient_is_not_finite():
    """The broken one takes its time: the other must wait for it."""
    learner = Learner(keras.optimizers.SGD(0.1, momentum=0.9))

    @tf.function
    def apply(start):
        slow = tf.random.stateless_normal([300, 300], [0, 0]) * start
        for _ in range(20):
            slow = slow @ slow
            slow /= tf.norm(slow)
        learner.update.apply([tf.constant([1.0, 1.0]), tf.reduce_sum(slow) * np.inf])

    with pytest.raises(tf.errors.InvalidArgumentError, match="gradient d/single"):
        apply(1.0)
    assert [variable.numpy().tolist() for variable in learner.weights] == [[0.0, 0.0], 0.0]
    assert {np.abs(variable.numpy()).max() for variable in learner.update.variables.values()} == {0.0}


def test_a_loss_scale_does_not_show_in_the_step():
    learner = Learner(keras.optimizers.SGD(0.1), scale_loss=True, clip_norm=20.0)
    scale = LossScale.INITIAL
    assert float(learner.update.scaled(tf.constant(2.0))) == 2 * scale
    moved = learner.apply([3.0 * scale, 4.0 * scale], 12.0 * scale)
    np.testing.assert_allclose(moved, [-0.3, -0.4, -1.2], rtol=1e-6)


def test_a_loss_scale_halves_at_once_and_doubles_after_many_good_steps(monkeypatch):
    monkeypatch.setattr(LossScale, "GROW_AFTER", 3)
    learner = Learner(keras.optimizers.SGD(0.1), scale_loss=True)
    scale = learner.update.loss_scale
    seen = []
    for broken in (False, False, False, False, True, False, True, True, False, False, False):
        before = [weight.numpy() for weight in learner.weights]
        learner.apply([np.inf if broken else 1.0, 0.0], 0.0)
        seen.append((float(scale.scale.numpy()) / scale.INITIAL, int(scale.good_steps.numpy())))
        unchanged = all(np.array_equal(w.numpy(), old) for w, old in zip(learner.weights, before, strict=True))
        assert unchanged == broken
    assert seen == [
        *((1, 1), (1, 2), (2, 0), (2, 1)),
        *((1, 0), (1, 1), (0.5, 0), (0.25, 0)),
        *((0.25, 1), (0.25, 2), (0.5, 0)),
    ]


def test_a_gradient_that_no_loss_scale_mends_is_an_error():
    learner = Learner(keras.optimizers.SGD(0.1), scale_loss=True)
    learner.update.loss_scale.scale.assign(2.0**-9)
    learner.apply([np.nan, 0.0], 0.0)
    assert float(learner.update.loss_scale.scale.numpy()) == 2.0**-10
    learner.update.loss_scale.scale.assign(2.0**-10)
    with pytest.raises(tf.errors.InvalidArgumentError, match="gradient at any loss scale"):
        learner.apply([np.nan, 0.0], 0.0)


SGD = {"name": "sgd", "learning_rate": 0.1}
NETWORKS = {
    "generator": {"network": "mlp", "widths": [6]},
    "discriminator": {"network": "mlp", "widths": [6], "dropout": 0.3},
    "dataset": {"name": "mnist_5k", "size": 4, "channels": 1, "classes": 3},
    "penalties": [{"name": "r1", "weight": 0.5}],
    "optimizer": {"generator": SGD, "discriminator": SGD},
    "training.ema_decay": 0.9,
    "training.steps_per_execution": 1,
}


def after_two_steps(strategy, overrides):
    """Every variable of a conditional GAN of dense layers with dropout and a penalty."""
    config = ganzoo.config("cgan").override({**NETWORKS, **overrides})
    if strategy is None:
        model = build(config)
    else:
        with strategy.scope():
            model = build(config)
    drawn = np.random.default_rng(0)
    rows = 8 * config.model.arguments.get("critic_steps", 1) * 2
    examples = drawn.uniform(-1, 1, (rows, 4, 4, 1)).astype(np.float32), drawn.integers(0, 3, rows)
    batches = tf.data.Dataset.from_tensor_slices(examples).batch(8, drop_remainder=True)
    history = model.fit(batches, epochs=1, steps_per_epoch=2, shuffle=False, verbose=0).history
    return {**{name: variable.numpy() for name, variable in model.state().items()}, **history}


@pytest.fixture(scope="module")
def plain():
    return after_two_steps(None, {})


def assert_same(state, expected):
    assert state.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(state[name], value, rtol=2e-5, atol=1e-6, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [1, 2])
def test_accumulated_gradients_are_those_of_the_whole_batch(two_replicas, plain, replicas):
    """With dropout, a penalty and labels: each part draws what the whole batch would have drawn for its rows."""
    assert not np.allclose(plain["generator/hidden1/kernel"], 0.0)
    assert_same(after_two_steps(two_replicas if replicas == 2 else None, {"training.accumulate": 2}), plain)


def linear(rates, **compile_arguments):
    """G(z) = 0.5 z + 0.1 and D(x) = 0.8 x on numbers."""
    networks = [
        keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="x")], name=name) for name in ("g", "d")
    ]
    networks[0].set_weights([np.array([[0.5]]), np.array([0.1])])
    networks[1].set_weights([np.array([[0.8]]), np.array([0.0])])
    model = VanillaGAN(*networks, 1, seed=3)
    model.compile(keras.optimizers.SGD(rates[0]), keras.optimizers.SGD(rates[1]), **compile_arguments)
    return model


@pytest.mark.slow
def test_several_critic_steps_are_the_same_under_replicas(two_replicas):
    several = {"critic_steps": 3, "fresh_latents": True, "clip_norm": 0.3}
    alone = linear((0.1, 0.2), **several)
    with two_replicas.scope():
        together = linear((0.1, 0.2), **several)
    examples = np.random.default_rng(0).normal(2.0, 0.5, (48, 1)).astype(np.float32)
    batches = tf.data.Dataset.from_tensor_slices(examples).batch(8, drop_remainder=True)
    for model in (alone, together):
        model.fit(batches, epochs=1, steps_per_epoch=2, shuffle=False, verbose=0)
        assert model.step == 2
        assert int(model.updates["discriminator"].optimizer.iterations.numpy()) == 6
    for name, variable in alone.state().items():
        np.testing.assert_allclose(together.state()[name].numpy(), variable.numpy(), rtol=1e-5, err_msg=name)


def test_a_schedule_moves_the_discriminator_by_the_step():
    """A critic of constant slopes: at every update of a step w grows by the step's rate times 2.0 - 0.1."""

    class Constant:
        threshold = 0.0

        def discriminator(self, real_logits, fake_logits):
            return fake_logits - real_logits

        def generator(self, real_logits, fake_logits):
            return -fake_logits

    rates = schedules.PolynomialDecay(0.1, 4, end_learning_rate=0.0)  # 0.1, 0.075, 0.05
    model = linear((0.0, rates), critic_steps=3)
    model.generator.set_weights([np.array([[0.0]]), np.array([0.1])])
    model.adversarial_loss = Constant()
    batches = tf.data.Dataset.from_tensors(np.full((4, 1), 2.0, np.float32)).repeat()
    model.fit(batches, epochs=1, steps_per_epoch=3, shuffle=False, verbose=0)
    weight = model.discriminator.get_weights()[0].item()
    assert weight == pytest.approx(0.8 + 3 * (0.1 + 0.075 + 0.05) * 1.9, rel=1e-5)


def test_what_does_not_divide():
    batches = tf.data.Dataset.from_tensors(np.zeros((8, 1), np.float32)).repeat()
    model = linear((0.1, 0.1), accumulate=3, steps_per_execution=2)
    with pytest.raises(UsageError, match=r"batch: expected a multiple of 3 rows \(1 replicas, accumulate=3\), got 8"):
        model.fit(batches, steps_per_epoch=2, shuffle=False, verbose=0)


def test_a_model_can_be_compiled_again():
    """With the same optimizers, whose rates are functions of the step by now."""
    model = linear((0.1, schedules.ExponentialDecay(0.8, 1, 0.5)))
    optimizers = [model.updates[name].optimizer for name in ("generator", "discriminator")]
    model.compile(*optimizers)
    model.step_counter.assign(2)
    model.rate_scale.assign(0.5)
    assert [float(optimizer.learning_rate) for optimizer in optimizers] == pytest.approx([0.05, 0.1])


def test_another_compile_is_what_the_next_fit_uses():
    """A step is traced once for each compile: with rates of 0 nothing moves any more."""
    data = tf.data.Dataset.from_tensors(np.ones((4, 1), np.float32))
    model = linear((0.1, 0.1))
    model.fit(data, epochs=1, verbose=0)
    model.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
    before = model.get_weights()
    model.fit(data, epochs=1, verbose=0)
    weights = [variable.name for variable in model.weights]
    moved = {name for name, old, new in zip(weights, before, model.get_weights(), strict=True) if (old != new).any()}
    assert not moved & {"kernel", "bias"}


def test_batches_of_a_model_without_a_config():
    """Their number of rows is not known before the first."""
    model = linear((0.1, 0.1))
    model.fit(tf.data.Dataset.from_tensor_slices(np.ones((8, 1), np.float32)).batch(4), epochs=1, verbose=0)
    assert model.step == 2


def test_no_progress_where_none_is_wanted(capsys):
    linear((0.1, 0.1)).fit(tf.data.Dataset.from_tensors(np.ones((4, 1), np.float32)), epochs=1, verbose=0)
    assert capsys.readouterr().out == ""


def _squared_logits(context):
    return tf.square(context.discriminator(context.real))


@pytest.mark.slow
def test_a_lazy_penalty_with_batch_normalisation_is_the_same_under_replicas(two_replicas):
    """A penalty is a pass of its own, which moves the averages whether it is due or not."""

    def normalised():
        generator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="x")], name="g")
        hidden = [keras.layers.Dense(1, name="x"), BatchNormalization(name="norm"), keras.layers.Dense(1, name="y")]
        discriminator = keras.Sequential([keras.Input((1,)), *hidden], name="d")
        for network in (generator, discriminator):
            network.set_weights([np.full(weight.shape, 0.5) for weight in network.get_weights()])
        model = VanillaGAN(generator, discriminator, 1, seed=3)
        model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
        model.penalties = [Penalty("squares", _squared_logits, 0.5, 2, ("discriminator",))]
        return model

    examples = np.random.default_rng(0).normal(2.0, 0.5, (24, 1)).astype(np.float32)
    batches = tf.data.Dataset.from_tensor_slices(examples).batch(8, drop_remainder=True)
    alone = normalised()
    with two_replicas.scope():
        together = normalised()
    for model in (alone, together):
        model.fit(batches, epochs=1, steps_per_epoch=3, shuffle=False, verbose=0)
    for name, variable in alone.state().items():
        np.testing.assert_allclose(together.state()[name].numpy(), variable.numpy(), rtol=1e-5, err_msg=name)
