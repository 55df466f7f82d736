"""Weights in float16: only where that loses nothing, and the functions give the same numbers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.engine.exported import Exported
from ganzoo.exports.compact import compact


@pytest.fixture
def functions():
    """Two networks that share one layer."""
    shared = keras.layers.Dense(3, name="shared")
    networks = {name: keras.Sequential([keras.Input([2]), shared, keras.layers.Dense(1)]) for name in ("a", "b")}
    for network in networks.values():
        network.set_weights([value.astype(np.float16).astype(np.float32) for value in network.get_weights()])
    spec = [tf.TensorSpec([None, 2], tf.float32, "x")]
    return {
        name: Exported(tf.function(network, input_signature=spec), network.variables)
        for name, network in networks.items()
    }


def test_exact_weights_take_half_the_bytes(functions):
    found, variables = compact(functions)
    assert len(variables) == 6, "the shared layer's once"
    assert {variable.dtype for variable in variables} == {tf.float16}
    inputs = tf.constant(np.random.default_rng(0).normal(size=(5, 2)), tf.float32)
    for name, function in functions.items():
        np.testing.assert_array_equal(found[name].run(inputs), function.run(inputs))
        captured = found[name].run.get_concrete_function().captured_inputs
        assert len(captured) == 4, "its own weights, and not the float32 ones"
        assert {id(tensor) for tensor in captured} <= {id(variable.handle) for variable in variables}


@pytest.mark.parametrize("value", [0.1, 1e6, np.nan])
def test_one_number_that_is_no_float16_keeps_all_as_they_are(functions, value):
    functions["a"].variables[0].assign(np.full((2, 3), value, np.float32))
    found, variables = compact(functions)
    assert found == functions
    assert [variable.dtype for variable in variables] == [tf.float32] * 6
