"""Compute types: mixed precision for training, full precision for sampling."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras

POLICIES = {"bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


@contextlib.contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Layers made inside compute in `float32`, `bfloat16` or `float16`; their weights are float32 in any case.

    float32 and `auto` stand for Keras's float type, which tests set to float64.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES.get(precision, keras.config.floatx()))
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def twin(network: keras.Model) -> keras.Model:
    """A network of the same architecture and weights that computes in full precision; its weights are its own."""

    def in_full_precision(layer: keras.layers.Layer) -> keras.layers.Layer:
        return type(layer).from_config({**layer.get_config(), "dtype": keras.config.floatx()})

    with computing_in("float32"):  # of the inputs, which have no configuration of their own
        copy = keras.models.clone_model(network, clone_function=in_full_precision)
    copy.set_weights(network.get_weights())
    return copy


def computes_in_full_precision(network: keras.Model) -> bool:
    """Whether no layer computes in a shorter type than Keras's float type."""
    short = {"bfloat16", "float16"}
    return all(layer.compute_dtype not in short for layer in network.layers)
