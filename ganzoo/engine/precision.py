"""Compute dtypes: mixed precision for training, full precision for sampling."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

POLICIES = {"bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


@contextlib.contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Make layers built inside compute in `float32`, `bfloat16` or `float16`; weights are always float32.

    float32 and `auto` mean Keras's float type, which tests set to float64.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES.get(precision, keras.config.floatx()))
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def twin(network: keras.Model) -> keras.Model:
    """Return a copy of a network, with its own weights, that computes in full precision."""

    def in_full_precision(layer: keras.layers.Layer) -> keras.layers.Layer:
        return type(layer).from_config({**layer.get_config(), "dtype": keras.config.floatx()})

    with computing_in("float32"):  # for the inputs, which have no configuration of their own
        copy = keras.models.clone_model(network, clone_function=in_full_precision)
    copy.set_weights(network.get_weights())
    return copy


def computes_in_full_precision(network: keras.Model) -> bool:
    """Return whether no layer computes in a shorter dtype than Keras's float type."""
    short = {"bfloat16", "float16"}
    return all(layer.compute_dtype not in short for layer in network.layers)
