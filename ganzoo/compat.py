"""Every private name of Keras and TensorFlow that ganzoo leans on: an upgrade that takes one away is mended here.

`tests/test_compat.py` fails where one of them is gone or means something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def rate_of(optimizer: Any) -> Any:
    """An optimizer's learning rate, a variable or a schedule; the public attribute gives a schedule's present value."""
    return optimizer._learning_rate


def sum_nothing_over_replicas(optimizer: Any) -> None:
    """Have `optimizer.apply` take gradients as they are; by itself it sums them over the replicas."""
    optimizer._all_reduce_sum_gradients = list


def layer_of(tensor: Any) -> str:
    """The name of the layer that made a symbolic tensor."""
    return tensor._keras_history.operation.name


def with_constants(function: Any) -> Any:
    """A concrete TensorFlow function with constants in place of its variables."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    return convert_variables_to_constants_v2(function)


def has_begun() -> bool:
    """Whether TensorFlow has devices already, so that it can no longer join other workers."""
    from tensorflow.python.eager import context

    return context.context()._context_handle is not None


@contextmanager
def variables_without_values() -> Iterator[None]:
    """Keras's variables made inside have names and shapes but no values; Keras is not left to give them some later."""
    import keras
    from keras.src.backend.common import global_state

    before = list(global_state.get_global_attribute("uninitialized_variables") or [])
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute("uninitialized_variables", before)
