"""A network cut into XLA programs is the network: its values, its gradients, its draws."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.core import randomness
from ganzoo.engine.compiled import Pieces, compiled_network
from ganzoo.engine.phases import Now, Program, check_may_be_called, now
from ganzoo.engine.precision import computing_in
from ganzoo.networks.layers import Dropout
from ganzoo.registry import of


@pytest.fixture(scope="module")
def two_replicas():
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice())


class Exchange(keras.layers.Layer):
    """Stands for a layer that talks to other replicas; notes whether it is run inside of a function."""

    communicates = True

    def call(self, inputs):
        self.eager = tf.executing_eagerly()
        return 2.0 * inputs


def branched():
    """Two inputs, a skip over a communicating layer, one such layer on an input, two outputs of different depth."""
    first, second = keras.Input((3,), name="first"), keras.Input((2,), name="second")
    hidden = keras.layers.Dense(4, name="hidden")(first)
    dropped = Dropout(0.5, name="dropped")(hidden)
    exchanged = Exchange(name="exchanged")(dropped)
    added = keras.layers.Add(name="added")([exchanged, hidden])
    beside = Exchange(name="beside")(second)
    joined = keras.layers.Concatenate(name="joined")([added, beside])
    result = keras.layers.Dense(1, name="result")(joined)
    return keras.Model([first, second], [result, hidden])


def outcome(function, network, inputs):
    """Outputs and gradients of a network that draws random numbers, all as arrays."""
    with randomness.scope(randomness.key(0, "test"), randomness.Place(tf.constant(0), 4)), tf.GradientTape() as tape:
        watched = [tf.constant(values) for values in inputs]
        tape.watch(watched)
        outputs = function(watched, training=True)
        loss = tf.add_n([tf.reduce_sum(tf.sin(output)) for output in outputs])
    gradients = tape.gradient(loss, [*watched, *(variable.value for variable in network.trainable_variables)])
    return [tensor.numpy() for tensor in (*outputs, *gradients)]


def test_skips_and_several_outputs_survive_the_cut():
    network = branched()
    pieces = Pieces(network)
    numbers = np.random.default_rng(0)
    inputs = [numbers.normal(size=(4, width)).astype(np.float32) for width in (3, 2)]
    whole, cut = outcome(network, network, inputs), outcome(pieces, network, inputs)
    assert len(whole) == 2 + 2 + 4
    for expected, actual in zip(whole, cut, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_outputs_keep_their_names():
    """As of a discriminator with several heads."""
    image = keras.Input((3,))
    hidden = Exchange()(keras.layers.Dense(4)(image))
    network = keras.Model(image, {"logits": keras.layers.Dense(1)(hidden), "features": hidden})
    given = np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)
    whole, cut = network(given), Pieces(network)(given)
    assert whole.keys() == cut.keys() == {"logits", "features"}
    for name, tensor in whole.items():
        np.testing.assert_allclose(cut[name], tensor, rtol=1e-5, atol=1e-6)


def test_communicating_layers_stand_alone():
    """In the order of computation, which Keras gives by depth: `added` is as deep as `beside`."""
    names = [[layer.name for layer in piece._network.layers] for piece in Pieces(branched())._pieces]
    made_here = {"hidden", "dropped", "exchanged", "added", "beside", "joined", "result"}
    cut = [[name for name in piece if name in made_here] for piece in names]
    assert cut == [["hidden", "dropped"], ["exchanged"], ["added"], ["beside"], ["joined", "result"]]


def test_communicating_layers_are_outside_of_xla():
    network = branched()
    Pieces(network)([tf.ones([4, 3]), tf.ones([4, 2])])
    assert network.get_layer("exchanged").eager
    assert network.get_layer("beside").eager


def test_a_scope_reaches_into_the_programs():
    """Another key gives another mask, though the program was traced with the first."""
    network = branched()
    pieces = Pieces(network)

    def exchanged(purpose, training=True):
        with randomness.scope(randomness.key(0, purpose), randomness.Place(0, 64)):
            return pieces([tf.ones([64, 3]), tf.ones([64, 2])], training=training)[0].numpy()

    np.testing.assert_array_equal(exchanged("a"), exchanged("a"))
    assert not np.array_equal(exchanged("a"), exchanged("b"))
    np.testing.assert_allclose(exchanged("a", training=False), exchanged("b", training=False))


@pytest.mark.parametrize("xla", [False, True])
def test_a_program_stands_where_it_is_called(xla):
    program = Program(lambda x: x + tf.stack([now().step, now().place.first, now().place.total]), xla=xla)
    for at in (Now(tf.constant(5), randomness.Place(tf.constant(2), 8)), Now(tf.constant(6), randomness.Place(0, 4))):
        assert program([tf.constant(1)], at).numpy().tolist() == [
            int(at.step) + 1,
            at.place.first + 1,
            at.place.total + 1,
        ]


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "side", "pieces"), [("float32", 28, 5), ("bfloat16", 14, 3)])
def test_a_conditional_generator_under_replicas(two_replicas, precision, side, pieces):
    """Batch normalisation over the global batch, one or two of them, cuts it."""
    with two_replicas.scope(), randomness.reproducible_initialisation(0), computing_in(precision):
        network = of("generator").get("dcgan")(6, (side, side, 1), 3, "concatenation", width=2)
        in_pieces = compiled_network(network, xla=True)
    start = [np.array(weight) for weight in network.get_weights()]
    numbers = np.random.default_rng(0)
    latents = numbers.normal(size=(2, 4, 6)).astype(np.float32)
    labels = np.array([[0, 1, 2, 0], [2, 2, 1, 0]], np.int32)
    slope = numbers.normal(size=(2, 4, side, side, 1)).astype(np.float32)

    def outcome(function):
        @tf.function(autograph=False)
        def step():
            def replica():
                context = tf.distribute.get_replica_context()
                mine = [tf.constant(whole)[context.replica_id_in_sync_group] for whole in (latents, labels, slope)]
                with tf.GradientTape() as tape:
                    images = function(mine[:2], training=True)
                    loss = tf.reduce_sum(images * mine[2])
                gradients = tape.gradient(loss, [variable.value for variable in network.trainable_variables])
                return images, *context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)

            return two_replicas.run(replica)

        network.set_weights(start)
        parts = [part.numpy() for value in step() for part in two_replicas.experimental_local_results(value)]
        return [*parts, *(variable.numpy() for variable in network.non_trainable_variables)]

    whole, cut = outcome(network), outcome(in_pieces)
    assert isinstance(in_pieces, Pieces)
    assert len(in_pieces._pieces) == pieces
    for expected, actual in zip(whole, cut, strict=True):
        distance = np.linalg.norm(actual - expected) / np.linalg.norm(expected)
        assert distance < (1e-4 if precision == "float32" else 2e-2)


def test_what_need_not_be_cut_is_one_program():
    plain = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])

    def function(x):
        return plain(x)

    assert compiled_network(plain, xla=True) is plain
    assert not isinstance(compiled_network(branched(), xla=False), Pieces)
    at = Now(tf.constant(0, tf.int64), randomness.Place(0, 3))
    assert Program(function, xla=False).compiled is None
    program = Program(function, xla=True)
    whole = program([tf.ones([3, 2])], at)
    text = program.compiled.experimental_get_compiler_ir((tf.ones([3, 2]),), at.step, 0, 3)(stage="hlo")
    assert "f32[3,1]" in text
    assert "dot" in text
    np.testing.assert_allclose(whole, plain(tf.ones([3, 2])), rtol=1e-6)


def test_a_function_that_calls_a_communicating_network_is_no_program():
    network = compiled_network(branched(), xla=True)

    def function(first, second):
        check_may_be_called(network)
        return network([first, second])[1]

    program = Program(function, xla=True)
    inputs = [tf.ones([4, 3]), tf.ones([4, 2])]
    with randomness.scope(randomness.key(0, "test"), randomness.Place(0, 4)):
        result = program(inputs, Now(tf.constant(0, tf.int64), randomness.Place(0, 4)))
    assert program.compiled is None, "it was found out when it was traced"
    assert result.shape == (4, 4)
