"""The private names of Keras and TensorFlow are there, and mean what we take them for."""

import keras
import numpy as np
import tensorflow as tf

from ganzoo import compat


def test_the_rate_is_the_schedule_itself():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    assert compat.rate_of(keras.optimizers.SGD(schedule)) is schedule
    assert float(compat.rate_of(keras.optimizers.SGD(0.25))) == 0.25


def test_gradients_are_not_summed_over_replicas():
    """Two replicas with gradients 1 and 2: by itself Keras applies 3 on each, and then each its own."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice())

    def moved(prepare):
        with strategy.scope():
            weight = keras.Variable(np.zeros(1, np.float32))
            optimizer = keras.optimizers.SGD(1.0)
            optimizer.build([weight])
        prepare(optimizer)

        @tf.function
        def step():
            def replica():
                number = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.float32)
                optimizer.apply([tf.reshape(number + 1.0, [1])], [weight])

            strategy.run(replica)

        step()
        return float(strategy.experimental_local_results(weight.value)[0][0])

    assert moved(lambda _: None) == -3.0
    assert moved(compat.sum_nothing_over_replicas) != -3.0


def test_a_tensor_knows_its_layer():
    assert compat.layer_of(keras.layers.Dense(2, name="made")(keras.Input((3,)))) == "made"


def test_variables_without_values_leave_nothing_to_keras():
    from keras.src.backend.common import global_state

    held = keras.layers.Dense(3)
    with compat.variables_without_values():
        held.build((None, 10**6))
    assert held.kernel.shape == (10**6, 3)
    assert not global_state.get_global_attribute("uninitialized_variables")


def test_tensorflow_has_begun_once_it_has_devices():
    from tensorflow.python.eager import context

    tf.constant(0)
    assert compat.has_begun()
    assert context.Context()._context_handle is None


def test_variables_become_constants():
    weight = tf.Variable(3.0)
    function = tf.function(lambda x: weight * x, input_signature=[tf.TensorSpec([], tf.float32)])
    frozen = compat.with_constants(function.get_concrete_function())
    weight.assign(5.0)
    assert [float(value) for value in frozen(tf.constant(2.0))] == [6.0]


def test_keras_still_asks_for_a_symbolic_build():
    """`SteppedModel` overrides it; under another name, Keras would average a batch over the replicas."""
    assert callable(keras.Model._maybe_symbolic_build)
