"""XLA compilation of a replica's computation: whole functions, or the parts of a network between communicating layers.

XLA compiles the computation of one replica. A layer that communicates with other replicas (batch normalisation over
the global batch) cannot be inside; such a network is compiled piece by piece around it. Random keys are arguments of
every compiled function: a captured key would stay that of the first call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from ganzoo.core import randomness


def compiled_network(network: keras.Model, xla: bool) -> Callable[..., Any]:
    """Return the network, or its XLA pieces if it communicates inside."""
    return Pieces(network) if xla and communicates(network) else network


def communicates(network: keras.Model) -> bool:
    """Return whether a training call of the network communicates with other replicas."""
    return any(map(_exchanges, network.layers))


def may_communicate(network: keras.Model) -> bool:
    """Return whether it would with several replicas, so that one device can compute in the same way."""
    return any(hasattr(layer, "communicates") for layer in network.layers)


class Pieces:
    """A functional network as XLA programs with communicating layers in between; called like the network.

    Args:
      network: functional keras.Model in which every layer is called once.
    """

    def __init__(self, network: keras.Model) -> None:
        self.inputs = network.inputs
        self.outputs = network.outputs
        self._structure = network.output
        self._pieces = [_Piece(inputs, outputs, layers) for inputs, outputs, layers in _cut(network)]

    def __call__(self, inputs: Any, training: bool = False) -> Any:
        tensors = {id(symbol): tensor for symbol, tensor in zip(self.inputs, tf.nest.flatten(inputs), strict=True)}
        for piece in self._pieces:
            outputs = piece([tensors[id(symbol)] for symbol in piece.inputs], training)
            tensors |= {id(symbol): tensor for symbol, tensor in zip(piece.outputs, outputs, strict=True)}
        return tf.nest.pack_sequence_as(self._structure, [tensors[id(symbol)] for symbol in self.outputs])


class _Piece:
    """Consecutive layers as one XLA program, or one uncompiled layer that communicates."""

    def __init__(self, inputs: list[Any], outputs: list[Any], layers: list[keras.layers.Layer]) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self._network = keras.Model(inputs, outputs)
        self._alone = _exchanges(layers[0])
        self._program = tf.function(self._run, jit_compile=True, autograph=False)

    def __call__(self, tensors: list[tf.Tensor], training: bool) -> list[tf.Tensor]:
        if self._alone:
            return tf.nest.flatten(self._network(tensors, training=training))
        current = randomness.current_scope()
        if current is None:
            return self._program(tensors, training)
        key, place = current
        return self._program(tensors, training, key, place.first, place.total)

    def _run(
        self, tensors: list[tf.Tensor], training: bool, key: Any = None, first: Any = None, total: Any = None
    ) -> list[tf.Tensor]:
        if key is None:
            return tf.nest.flatten(self._network(tensors, training=training))
        with randomness.scope(key, randomness.Place(first, total)):
            return tf.nest.flatten(self._network(tensors, training=training))


def _cut(network: keras.Model) -> list[tuple[list[Any], list[Any], list[keras.layers.Layer]]]:
    """Return (inputs, outputs, layers) of every piece, in the order of computation."""
    groups: list[list[keras.layers.Layer]] = []
    for layer in network.layers:
        if isinstance(layer, keras.layers.InputLayer):
            continue
        if not groups or _exchanges(layer) or _exchanges(groups[-1][0]):
            groups.append([])
        groups[-1].append(layer)
    cut = []
    for i, layers in enumerate(groups):
        made = _symbols(layers, "output")
        wanted_later = {id(s) for later in groups[i + 1 :] for s in _symbols(later, "input")}
        wanted_later |= {id(s) for s in network.outputs}
        inputs = {id(s): s for s in _symbols(layers, "input") if id(s) not in {id(m) for m in made}}
        cut.append((list(inputs.values()), [s for s in made if id(s) in wanted_later], layers))
    return cut


def _exchanges(layer: keras.layers.Layer) -> bool:
    return getattr(layer, "communicates", False)


def _symbols(layers: list[keras.layers.Layer], side: str) -> list[Any]:
    return [symbol for layer in layers for symbol in tf.nest.flatten(getattr(layer, side))]
