"""Phases of a training step, from which a scheme's `train_step` is built.

A phase minimises one loss by one update. This module handles what schemes need not know: parts of an accumulated
gradient, each replica's share of the global batch, loss scaling, XLA, step and rows of random keys, and the order of
operations.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from ganzoo.core import randomness, replicas
from ganzoo.engine.accumulation import Part
from ganzoo.engine.compiled import Pieces

LossFunction = Callable[..., Any]


@dataclasses.dataclass
class Now:
    """Position of a computation in the training.

    Attributes:
      step: int64 scalar, number of the step.
      place: position of its rows in the global batch.
      in_program: whether an XLA program is being traced.
    """

    step: tf.Tensor
    place: randomness.Place
    in_program: bool = False


_now: contextvars.ContextVar[Now | None] = contextvars.ContextVar("ganzoo_now", default=None)


def now() -> Now | None:
    """Return the position of the surrounding computation; None outside a training step."""
    return _now.get()


@contextlib.contextmanager
def standing_at(where: Now) -> Iterator[None]:
    """Set the position that `now()` returns inside."""
    token = _now.set(where)
    try:
        yield
    finally:
        _now.reset(token)


class CommunicatesError(Exception):
    """Raised when a network or part that communicates with other replicas is called while an XLA program is traced."""


class Program:
    """A function of a training step, compiled to one XLA program if requested and possible.

    Args:
      function: maps tensors to any TensorFlow function output; its random keys use the step and place of the call.
      xla: whether to compile it. A function that calls a communicating network is not compiled; its networks are
        compiled in pieces instead.
    """

    def __init__(self, function: Callable[..., Any], xla: bool) -> None:
        self._function = function
        self.compiled: Any = tf.function(self._traced, jit_compile=True, autograph=False) if xla else None

    def __call__(self, inputs: Sequence[Any], at: Now) -> Any:
        if self.compiled is not None:
            try:
                return self.compiled(tuple(inputs), at.step, at.place.first, at.place.total)
            except CommunicatesError:
                self.compiled = None
        with standing_at(at):
            return self._function(*inputs)

    def _traced(self, inputs: tuple[Any, ...], step: tf.Tensor, first: Any, total: Any) -> Any:
        with standing_at(Now(step, randomness.Place(first, total), in_program=True)):
            return self._function(*inputs)


class Forward:
    """Output of networks for a batch, shared by several phases of a step.

    A phase that trains these networks backpropagates through it; for other phases it is a constant. If the batch is a
    single part, it is computed once per step and kept; otherwise each phase recomputes it part by part, because
    keeping it would save no memory.

    Args:
      program: computes the output from the inputs.
      inputs: tensors, sliced to the rows of each part; scalars are used whole.
      roles: networks that compute it.
    """

    def __init__(self, program: Program, inputs: Sequence[Any], roles: Sequence[str], step: tf.Tensor) -> None:
        self._program = program
        self.inputs = tuple(inputs)
        self._step = step
        self._kept: tuple[Any, tf.GradientTape] | None = None
        self.roles = frozenset(roles)

    def of(self, part: Part) -> tuple[Any, tf.GradientTape]:
        """Return the output for a part of the batch, and the tape that recorded it."""
        if part.whole and self._kept is not None:
            return self._kept
        with tf.GradientTape() as tape:
            value = self._program([part.of(x) for x in self.inputs], Now(self._step, part.place))
        if part.whole:
            self._kept = value, tape
        return value, tape


def check_may_communicate() -> None:
    """Refuse communication with other replicas while an XLA program is traced.

    Raises:
      CommunicatesError: if that is the case.
    """
    at = _now.get()
    if at is not None and at.in_program and replicas.several():
        raise CommunicatesError


def check_may_be_called(network: keras.Model | Pieces) -> None:
    """Refuse a network in pieces while an XLA program is traced.

    Raises:
      CommunicatesError: if that is the case.
    """
    at = _now.get()
    if at is not None and at.in_program and isinstance(network, Pieces):
        raise CommunicatesError
