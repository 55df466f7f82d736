"""What a scheme's base class refuses and keeps, of schemes as people write them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.engine.overview import describe
from ganzoo.engine.stepped import SteppedModel
from ganzoo.errors import UsageError


def line(name, slope):
    inputs = keras.Input((1,))
    network = keras.Model(inputs, keras.layers.Dense(1, use_bias=False, name="slope")(inputs), name=name)
    network.set_weights([np.array([[slope]])])
    return network


class Fitted(SteppedModel):
    """Moves two lines to the data by squares: the first twice a step, with the index of the phase as a scalar."""

    def __init__(self, **arguments):
        super().__init__({"near": line("near", 0.5), "far": line("far", -1.0)}, ["near"], **arguments)

    log_names = property(lambda self: ["near_loss", "far_loss", "further"])

    def train_step(self, batches):
        for k in range(2):
            made = self.minimise("near", self.squares, {"x": batches[0]}, tf.constant(k))
            assert made.shape == batches[0].shape
        assert self.minimise("far", self.far_loss, batches[0]) is None
        return {"further": tf.reduce_mean(made)}

    def squares(self, given, k):
        assert k.shape == []
        made = self.run("near", given["x"], purpose="near", counters=(k,))
        loss = tf.reduce_mean(tf.square(made - 1.0))
        return loss, {"near_loss": loss}, made

    def far_loss(self, x):
        loss = tf.reduce_mean(self.run("far", x, purpose="far"))
        return loss, {"far_loss": loss}


def compiled(rates=(0.1, 0.2), **arguments):
    model = Fitted(ema_decay=0.9, name="lines")
    near, far = map(keras.optimizers.SGD, rates)
    model.compile_updates({"near": (near, ["near"]), "far": (far, ["far"])}, **arguments)
    return model


@pytest.mark.parametrize("accumulate", [1, 2, 4])
def test_a_step_of_three_phases_by_hand(accumulate):
    model = compiled(accumulate=accumulate)
    x = np.array([[1.0], [2.0], [-1.0], [3.0]], np.float32)
    logs = model.fit(tf.data.Dataset.from_tensors(x), shuffle=False, verbose=0).history
    slope = 0.5
    for _ in range(2):
        before, slope = slope, slope - 0.1 * np.mean(2 * (slope * x - 1) * x)
    assert model.networks["near"].get_weights()[0].item() == pytest.approx(slope, rel=1e-5)
    assert model.networks["far"].get_weights()[0].item() == pytest.approx(-1.0 - 0.2 * x.mean(), rel=1e-5)
    assert logs["near_loss"] == pytest.approx([np.mean((before * x - 1) ** 2)], rel=1e-5)
    assert logs["far_loss"] == pytest.approx([-x.mean()], rel=1e-5)
    assert logs["further"] == pytest.approx([np.mean(before * x)], rel=1e-5)
    average = model.averages["near"].get_weights()[0].item()
    assert average == pytest.approx(0.1 * 0.5 + 0.9 * slope, rel=1e-5)
    assert (model.step, list(model.averages)) == (1, ["near"])
    assert model.parameters == {"near": 1, "far": 1}
    assert list(model.state())[:3] == ["near/slope/kernel", "far/slope/kernel", "near_ema/slope/kernel"]
    shipped = {name: variable.numpy().item() for name, variable in model.weights_to_ship().items()}
    assert shipped == pytest.approx({"near/slope/kernel": average, "far/slope/kernel": -1.0 - 0.2 * x.mean()})
    model.adopt_averages()
    assert model.networks["near"].get_weights()[0].item() == pytest.approx(average)


def test_a_loss_of_what_was_made_before_returns_rows_too():
    class Through(Fitted):
        log_names = property(lambda self: ["near_loss", "further"])

        def train_step(self, batches):
            made = self.forward(self.made, batches[0], roles=["near"])
            return {"further": tf.reduce_mean(self.minimise("near", self.doubled, made))}

        def made(self, x):
            return self.run("near", x, purpose="near")

        def doubled(self, made):
            loss = tf.reduce_mean(tf.square(made - 1.0))
            return loss, {"near_loss": loss}, 2.0 * made

    model = Through(name="through")
    model.compile_updates({"near": (keras.optimizers.SGD(0.1), ["near"])}, accumulate=2)
    x = np.array([[1.0], [2.0], [-1.0], [3.0]], np.float32)
    logs = model.fit(tf.data.Dataset.from_tensors(x), shuffle=False, verbose=0).history
    assert logs["further"] == pytest.approx([np.mean(2 * 0.5 * x)], rel=1e-5)
    slope = 0.5 - 0.1 * np.mean(2 * (0.5 * x - 1) * x)
    assert model.networks["near"].get_weights()[0].item() == pytest.approx(slope, rel=1e-5)


def test_compiled_again_it_takes_other_steps():
    model, x = compiled(), tf.data.Dataset.from_tensors(np.ones((2, 1), np.float32))
    model.fit(x, shuffle=False, verbose=0)
    before = model.networks["far"].get_weights()[0].item()
    far = keras.optimizers.SGD(0.5)
    model.compile_updates({"near": ("sgd", ["near"]), "far": (far, ["far"])})
    model.fit(x, shuffle=False, verbose=0)
    assert model.networks["far"].get_weights()[0].item() == pytest.approx(before - 0.5)


def test_keras_s_bar_is_shown_on_demand(capsys):
    data = tf.data.Dataset.from_tensors(np.ones((2, 1), np.float32))
    for verbose, shown in ((0, False), (2, True)):
        compiled().fit(data, shuffle=False, verbose=verbose)
        assert ("near_loss" in capsys.readouterr().out) == shown


def test_batches_of_a_scheme_that_names_no_parts_of_them():
    model = compiled()
    model.fit(tf.data.Dataset.from_tensor_slices(np.ones((5, 1), np.float32)).batch(2), shuffle=False, verbose=0)
    assert model.step == 2


def test_the_average_follows_by_the_warm_up_and_then_by_its_decay():
    """At step 200 the warm-up is 201 / 210, beyond 0.9."""
    model = compiled(rates=(0.0, 0.0))
    for step, decay in ((3, 4 / 13), (200, 0.9)):
        model.step_counter.assign(step)
        model.averages["near"].set_weights([np.array([[2.5]])])
        model.fit(tf.data.Dataset.from_tensors(np.ones((2, 1), np.float32)), shuffle=False, verbose=0)
        assert model.averages["near"].get_weights()[0].item() == pytest.approx(0.5 + decay * 2.0, rel=1e-6)


def test_defaults():
    model = Fitted()
    assert (model.ema_decay, model.seed, model.batches_a_step, model.accumulate) == (0.0, 0, 1, 1)
    assert model.averages["near"] is model.networks["near"]
    assert (model.precision, model.updates, model.batch_parts, model.direction("near")) == ("float32", {}, {}, "")
    assert not model.step_counter.trainable
    assert not model.rate_scale.trainable
    assert (model.step, float(model.rate_scale.numpy())) == (0, 1.0)
    assert SteppedModel.Options.model_validate({}).model_dump() == {}
    model.adopt_averages()
    model.compile_updates({"near": ("sgd", ["near"])})
    assert (model.accumulate, model.xla, int(model.steps_per_execution)) == (1, False, 1)
    assert (model.updates["near"].clip_norm, model.updates["near"].constraints) == (None, ())
    assert model.updates["near"].roles == ("near",)
    assert model.make_train_function() is model.make_train_function()
    assert model.make_train_function(force=True) is not model.make_train_function(force=True)


def test_networks_are_described_before_and_after_compiling():
    rows = describe(Fitted(name="lines")).splitlines()
    assert (rows[0], rows[-1]) == ("**lines** (Fitted, step 0)", "Offers nothing.")
    assert rows[3:6] == [
        "|---|---|---|---|---|",
        "| near | N×1 → N×1 | 1 | its own weights | nothing |",
        "| far | N×1 → N×1 | 1 | none | nothing |",
    ]
    assert "| near | N×1 → N×1 | 1 | decay 0.9 | near |" in describe(compiled())
    told = []
    compiled().summary(print_fn=told.append)
    assert told[0].splitlines()[1:] == [
        "network  direction  parameters  moving average  trained by",
        "near     N×1 → N×1  1           decay 0.9       near",
        "far      N×1 → N×1  1           none            far",
        "2 parameters without moving averages; offers nothing",
    ]


def test_constraints_are_of_their_update():
    model = compiled(constraints={"far": [tf.zeros_like]})
    model.fit(tf.data.Dataset.from_tensors(np.ones((2, 1), np.float32)), shuffle=False, verbose=0)
    assert model.networks["far"].get_weights()[0].item() == 0.0
    assert model.networks["near"].get_weights()[0].item() > 0.5


def test_what_is_refused():
    model = compiled()
    with pytest.raises(
        UsageError, match=r"^lines: update 'near' trains 'neer', expected one of its networks \(near, fa"
    ):
        model.compile_updates({"near": ("sgd", ["neer"])})
    with pytest.raises(UsageError, match=r"^lines: fit: expected a tf.data.Dataset of batches, got ndarray$"):
        model.fit(np.ones((2, 1), np.float32))
    with pytest.raises(UsageError, match=r"^lines: minimise: expected an input with the rows of a batch, got none$"):
        model.minimise("near", model.squares, tf.constant(1.0))
    with pytest.raises(TypeError, match=r"^SteppedModel has no train_step: use one of its subclasses, or write one$"):
        SteppedModel({}, []).train_step(())
    with pytest.raises(TypeError, match=r"^scheme Fitted: expected a classmethod assemble\(plan\)$"):
        Fitted.assemble(None)
    for incomplete in (lambda: model.exported(), lambda: SteppedModel({}, []).log_names):
        with pytest.raises(NotImplementedError):
            incomplete()
    with pytest.raises(UsageError, match=r"^lines: draws no examples \(it has nothing of the kind\)$"):
        model.generate()
    with pytest.raises(UsageError, match=r"^lines: is evaluated by ganzoo"):
        model.evaluate()


def test_what_was_made_under_another_strategy():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice())
    with strategy.scope():
        inside = Fitted(name="lines")
    with pytest.raises(
        UsageError, match=r"^lines: expected the strategy that it was made under, got another one \(build"
    ):
        inside.compile_updates({"near": ("sgd", ["near"])})
    outside = line("near", 0.5)
    with strategy.scope():
        mixed = SteppedModel({"near": outside}, [], name="mixed")
        with pytest.raises(
            UsageError, match=r"^mixed: slope/kernel was created outside the current strategy \(build net"
        ):
            mixed.compile_updates({"near": ("sgd", ["near"])})
        inside.compile_updates({"near": ("sgd", ["near"])})
    other = tf.distribute.MirroredStrategy(["CPU:0"], cross_device_ops=tf.distribute.ReductionToOneDevice())
    with other.scope(), pytest.raises(UsageError, match=r"^lines: expected the strategy that it was made under"):
        inside.fit(tf.data.Dataset.from_tensors(np.ones((2, 1), np.float32)), verbose=0)
