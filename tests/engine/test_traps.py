"""Silent traps of Keras and TensorFlow: each test fails where the cure that its docstring names is taken out."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_runs import model_of_each_kind, tiny

import ganzoo
from ganzoo.core import randomness
from ganzoo.engine import accumulation
from ganzoo.engine.loop import train_function
from ganzoo.engine.precision import computing_in
from ganzoo.engine.update import LossScale, Update
from ganzoo.models.build import build
from ganzoo.models.vanilla import VanillaGAN
from ganzoo.networks.layers import BatchNormalization, Dropout
from ganzoo.objectives.parts import Penalty
from ganzoo.registry import of, options_of

ROWS = 8


@pytest.fixture(scope="module")
def two_replicas():
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice())


def gan(further=(), generating=(), judging=(), rates=(0.1, 0.2), optimizer=keras.optimizers.SGD, **compile_arguments):
    """G(z) = 0.5 z + 0.1 and D(x) = 0.8 x - 0.2 on numbers, followed by further layers, and each by its own."""

    def network(name, kernel, bias, further):
        inputs = keras.Input((1,))
        first = keras.layers.Dense(1, name=name[0])
        x = first(inputs)
        for make in further:
            x = make()(x)
        first.set_weights([np.array([[kernel]]), np.array([bias])])
        return keras.Model(inputs, x, name=name)

    generator = network("generator", 0.5, 0.1, [*further, *generating])
    discriminator = network("discriminator", 0.8, -0.2, [*further, *judging])
    model = VanillaGAN(generator, discriminator, 1, ema_decay=0.9, seed=3)
    model.compile(optimizer(rates[0]), optimizer(rates[1]), **compile_arguments)
    return model


def in_float32():
    return keras.layers.Activation("linear", dtype="float32")


def fitted(model, examples, steps=1):
    """The state after some steps on batches of 8 rows."""
    batches = tf.data.Dataset.from_tensor_slices(examples).batch(ROWS, drop_remainder=True)
    model.fit(batches, epochs=1, steps_per_epoch=steps, shuffle=False, verbose=0)
    return {name: variable.numpy() for name, variable in model.state().items()}


def numbers(batches=1):
    return np.random.default_rng(0).normal(2.0, 0.5, (batches * ROWS, 1)).astype(np.float32)


def latents_of_step_0():
    return randomness.normal(randomness.key(3, "latents", 0, 0), [ROWS, 1]).numpy()


def on_replicas(strategy, variable):
    """The value of a variable with one entry, on each replica."""
    return [part.numpy().item() for part in strategy.experimental_local_results(variable.value)]


def on_both(strategy, function):
    """What each replica gives, as arrays."""
    parts = strategy.experimental_local_results(tf.function(lambda: strategy.run(function), autograph=False)())
    return [part.numpy() for part in parts]


@pytest.mark.parametrize("penalties", [[], [("r1", 3.0, 1)]])
def test_1_two_replicas_take_the_step_of_one(two_replicas, penalties):
    """Losses and penalties are divided by the replicas before the gradients are summed over them."""
    alone = fitted(gan(penalties=penalties), numbers())
    with two_replicas.scope():
        model = gan(penalties=penalties)
    together = fitted(model, numbers())
    # D's step by hand: slopes of the two cross-entropies, and R1 of a linear D, half its squared kernel
    fake = 0.5 * latents_of_step_0() + 0.1
    probabilities = [1 / (1 + np.exp(-(0.8 * x - 0.2))) for x in (numbers(), fake)]
    slope = np.mean((probabilities[0] - 1) * numbers() + probabilities[1] * fake) + 0.8 * sum(p[1] for p in penalties)
    np.testing.assert_allclose(together["discriminator/d/kernel"], [[0.8 - 0.2 * slope]], rtol=1e-5)
    for name, value in alone.items():
        np.testing.assert_allclose(together[name], value, rtol=1e-5, err_msg=name)


def test_2_replicas_take_their_own_rows_of_one_draw(two_replicas):
    """Latents and dropout masks are drawn for the global batch, by keys, and each replica takes its rows."""
    with two_replicas.scope():
        model = gan([lambda: Dropout(0.5, name="dropout")])

    def fakes():
        fake = model._fakes(0, tf.zeros([4, 1]), ())
        return fake.of(accumulation.parts_of(4, 1)[0])[0]

    first, second = on_both(two_replicas, fakes)
    drawn = 0.5 * latents_of_step_0() + 0.1
    with randomness.scope(randomness.key(3, "generator", 0, 0), randomness.Place(0, ROWS)):
        whole = Dropout(0.5, name="dropout")(tf.constant(drawn), training=True).numpy()
    np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=1e-6)
    assert not np.array_equal(first == 0, second == 0)


def test_3_batch_statistics_are_of_the_global_batch_on_every_replica(two_replicas):
    """`layers.BatchNormalization` exchanges its moments; Keras's has each replica's own."""
    with two_replicas.scope():
        model = gan([lambda: BatchNormalization(name="norm")])
    fitted(model, numbers())
    inputs = 0.5 * latents_of_step_0() + 0.1
    norm = model.generator.get_layer("norm")
    for average, expected in (
        (norm.moving_mean, 0.1 * inputs.mean()),
        (norm.moving_variance, 0.9 + 0.1 * inputs.var()),
    ):
        first, second = on_replicas(two_replicas, average)
        assert first == second
        assert first == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", model_of_each_kind())
def test_4_no_model_of_the_zoo_holds_random_state(name):
    """`layers.Dropout` is keyed; Keras's has a SeedGenerator, which no checkpoint of ours would hold."""
    config = ganzoo.config(name)
    section = config.networks.get("discriminator")
    takes = section is not None and "dropout" in options_of(of("discriminator").get(section.network))
    dropout = {"discriminator.dropout": 0.1} if takes else {}
    model = build(config.override({**tiny(config), **dropout}))
    networks = (*model.networks.values(), *model.averages.values())
    layers = [layer for network in networks for layer in network._flatten_layers()]
    assert [variable.path for layer in layers for variable in layer.variables if "seed" in variable.path] == []
    assert [layer.name for layer in layers if getattr(layer, "seed_generator", None) is not None] == []
    held = {id(variable) for layer in layers for variable in layer.variables}
    assert held <= {id(variable) for variable in model.state().values()}


def test_4_a_step_draws_by_keys_alone():
    """Nothing in the graph of a step draws from a state: latents, dropout and penalties are keyed."""
    model = gan([lambda: Dropout(0.5, name="dropout")], penalties=[("r1", 1.0, 1)])
    drawing = {op for op, _ in operations(model) if "Random" in op}
    assert drawing == {"StatelessRandomNormalV2", "StatelessRandomUniformFullIntV2"}


def operations(model):
    """(type, whether XLA must compile it) of every operation of a step."""
    execute = train_function(model.distribute_strategy, model.whole_step, 1, model.log_names)
    batches = tf.data.Dataset.from_tensors(numbers()).repeat()
    iterator = iter(model.distribute_strategy.experimental_distribute_dataset(batches))
    graph = execute.get_concrete_function(iterator, tf.TensorSpec([], tf.int32)).graph.as_graph_def()
    yield from ((node.op, False) for node in graph.node)
    for function in graph.library.function:
        yield from ((node.op, function.attr["_XlaMustCompile"].b) for node in function.node_def)


def test_5_an_export_holds_every_weight_once(tmp_path):
    """The export tracks the variables that its functions use, and nothing else."""
    model = build(ganzoo.config("cgan").override({"generator.width": 2, "discriminator.width": 2}))
    path = ganzoo.export(model, tmp_path) / "variables" / "variables"
    shapes = [shape for name, shape in tf.train.list_variables(str(path)) if "OBJECT_GRAPH" not in name]
    assert sum(map(np.prod, shapes)) == model.generator.count_params()


@pytest.mark.slow
@pytest.mark.parametrize(("replicas", "xla"), [(1, False), (1, True), (2, True)])
def test_7_xla_compiles_every_product_of_a_step(two_replicas, replicas, xla):
    """Functions ask for XLA themselves, network by network; Keras's `jit_compile="auto"` leaves it out silently."""
    last = [lambda: keras.layers.Dense(1, name="last")]
    normalised = [lambda: BatchNormalization(name="norm"), *last]
    arguments = {"generating": normalised, "judging": last, "xla": xla, "penalties": [("r1", 0.1, 1)]}
    if replicas == 1:
        model = gan(**arguments)
    else:
        with two_replicas.scope():
            model = gan(**arguments)
    compiled = [must for op, must in operations(model) if op == "MatMul"]
    # of each update two layers forwards; backwards by the weights and, but for the first layer of D, by the input
    assert len(compiled) >= 2 * 2 * (2 + 2)
    assert set(compiled) == {xla}


def test_8_both_optimizers_are_built_and_saved():
    """`compile` builds an optimizer for each network, over the variables of that network."""
    state = gan(optimizer=keras.optimizers.Adam).state()
    for network, layer in (("generator", "g"), ("discriminator", "d")):
        names = {name[len(f"{network}_optimizer/000_") :] for name in state if name.startswith(f"{network}_optimizer/")}
        weights = (f"{layer}_kernel", f"{layer}_bias")
        assert names == {"iteration", *(f"{weight}_{slot}" for weight in weights for slot in ("momentum", "velocity"))}


def test_8_loss_scaling_covers_both_networks():
    """Gradients of 1e-8, which are zero in float16, are those of float32: each update has a loss scale."""

    def faint():
        return keras.layers.Dense(
            1, use_bias=False, trainable=False, kernel_initializer=keras.initializers.Constant(4e-4)
        )

    after = {}
    for precision in ("float32", "float16"):
        with computing_in(precision):
            model = gan(judging=[faint, faint, in_float32], rates=(1e8, 1e6))
        after[precision] = fitted(model, numbers())
    for network, kernel, start in (("generator", "g/kernel", 0.5), ("discriminator", "d/kernel", 0.8)):
        assert after["float16"][f"{network}_optimizer/loss_scale"] == LossScale.INITIAL
        change = after["float32"][f"{network}/{kernel}"] - start
        assert np.abs(change) > 0.1
        np.testing.assert_allclose(after["float16"][f"{network}/{kernel}"] - start, change, rtol=0.01, err_msg=network)


def _of_a_mixture(context):
    return context.discriminator(context.uniform([1]) * context.real)


@pytest.mark.slow
def test_9_draws_are_the_same_with_xla():
    """Normal and uniform numbers are drawn outside of XLA; masks are made of the same bits in it.

    tests/core/test_randomness.py has the draws by themselves.
    """
    states = []
    for xla in (False, True):
        model = gan([lambda: Dropout(0.5, name="dropout")], xla=xla)
        model.penalties = [Penalty("mixed", _of_a_mixture, 1.0, 1, ("discriminator",))]
        states.append(fitted(model, numbers(3), steps=3))
    for name, value in states[0].items():
        np.testing.assert_allclose(states[1][name], value, rtol=1e-5, err_msg=name)


def test_10_the_sum_over_the_replicas_is_clipped(two_replicas):
    """Gradients are clipped after the sum: parts that are long but cancel are not."""
    with two_replicas.scope():
        weights = [keras.Variable([0.0, 0.0], name="pair"), keras.Variable(0.0, name="single")]
        step, rate_scale = keras.Variable(0, dtype="int64", trainable=False), keras.Variable(1.0, trainable=False)
        update = Update(
            "d",
            keras.optimizers.SGD(1.0),
            {f"d/{w.path}": w for w in weights},
            step=step,
            rate_scale=rate_scale,
            clip_norm=1.5,
        )

    def apply(times):
        sign = 1.0 - 2.0 * tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.float32)
        parts = [sign * tf.constant([30.0, 40.0]) + [0.1 * times, 0.2 * times], sign * 50.0 + 0.2 * times]
        return update.apply(parts)[1]

    for times, expected in ((1.0, [0.2, 0.4, 0.4]), (10.0, [0.5, 1.0, 1.0])):  # norms of the sums: 0.6 and 6
        for weight in weights:
            weight.assign(tf.zeros_like(weight.value))
        on_both(two_replicas, lambda times=times: apply(times))
        moved = -np.append(*(weight.numpy() for weight in weights))
        np.testing.assert_allclose(moved, expected, rtol=1e-4)


def test_11_a_gradient_that_overflows_on_one_replica_changes_no_weight(two_replicas):
    """Whether gradients are finite is asked of their sum, on every replica alike; the scale is halved."""
    with two_replicas.scope(), computing_in("float16"):
        model = gan([in_float32])
    examples = numbers()
    examples[ROWS // 2 :] = -6e4  # the second replica's: a loss of 48,000, and a gradient of 6e4 for each example
    state = fitted(model, examples)

    kernel, bias = model.discriminator.trainable_variables
    assert on_replicas(two_replicas, kernel) == [np.float32(0.8)] * 2
    assert on_replicas(two_replicas, bias) == [np.float32(-0.2)] * 2
    scales = {name: on_replicas(two_replicas, update.loss_scale.scale) for name, update in model.updates.items()}
    assert scales == {"generator": [LossScale.INITIAL] * 2, "discriminator": [LossScale.INITIAL / 2] * 2}
    assert state["generator/g/kernel"] != np.float32(0.5)
