"""Lossless storage of weights as float16."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from ganzoo.engine.exported import Exported


def compact(functions: Mapping[str, Exported]) -> tuple[dict[str, Exported], list[tf.Variable]]:
    """Make functions read float16 copies of their weights, if these are exact; the graph casts them back.

    The zoo's weights ship as float16, so they are exact. The Python functions are traced again, on the same numbers.

    Args:
      functions: Functions of a model by name.

    Returns:
      The functions by name, and the variables that they read, each once. Returns the given functions if any weight is
      not a float16 number.
    """
    used = {id(variable): variable for function in functions.values() for variable in function.variables}
    values = {key: variable.numpy() for key, variable in used.items()}
    if not all(_is_half(value) for value in values.values()):
        return dict(functions), [variable.value for variable in used.values()]
    halves = {
        key: tf.Variable(value.astype(np.float16), trainable=False, name=used[key].name)
        for key, value in values.items()
    }
    return {name: _on_halves(function, halves) for name, function in functions.items()}, list(halves.values())


def _is_half(value: np.ndarray) -> bool:
    with np.errstate(over="ignore"):
        return value.dtype == np.float32 and np.array_equal(value, value.astype(np.float16).astype(np.float32))


def _on_halves(function: Exported, halves: Mapping[int, tf.Variable]) -> Exported:
    def run(*inputs: tf.Tensor) -> tf.Tensor:
        weights = [(variable, tf.cast(halves[id(variable)], variable.dtype)) for variable in function.variables]
        with keras.StatelessScope(weights):
            return function.run.python_function(*inputs)

    traced = tf.function(run, input_signature=function.run.input_signature)
    return dataclasses.replace(function, run=traced)
