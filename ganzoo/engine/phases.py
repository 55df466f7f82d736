"""The phases of a training step: what a scheme's `train_step` is written in.

A phase minimises one loss by one update. What is here, so that no scheme has to know it: the parts of an accumulated
gradient, each replica's share of the global batch, loss scaling, XLA, the step and the rows that random keys belong to,
and the order in which things have to happen.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from ganzoo.core import randomness
from ganzoo.engine.accumulation import Part
from ganzoo.engine.compiled import Pieces

LossFunction = Callable[..., Any]


@dataclasses.dataclass
class Now:
    """Where in the training a computation stands.

    Attributes:
      step: int64 scalar, the number of the step.
      place: of the rows that are computed on, in the global batch.
      in_program: whether an XLA program is being traced.
    """

    step: tf.Tensor
    place: randomness.Place
    in_program: bool = False


_now: contextvars.ContextVar[Now | None] = contextvars.ContextVar("ganzoo_now", default=None)


def now() -> Now | None:
    """Where the computation around this call stands; None outside of a training step."""
    return _now.get()


@contextlib.contextmanager
def standing_at(where: Now) -> Iterator[None]:
    """Makes `now()` answer that inside."""
    token = _now.set(where)
    try:
        yield
    finally:
        _now.reset(token)


class CommunicatesError(Exception):
    """A network that exchanges numbers with other replicas was called while an XLA program was traced."""


class Program:
    """A function of a training step, as one XLA program where that is wanted and possible.

    Args:
      function: tensors -> anything that TensorFlow functions give; random keys inside belong to the step and place.
      xla: whether it is to be compiled. A function that calls a network which communicates with other replicas is left
        as it is: its networks are cut into programs then.
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
    """The output of networks for a batch, which several phases of a step look at.

    A phase that trains the networks that made it learns through it; for every other one it is a constant. Where the
    batch is one part, it is computed once a step and kept for all phases; else each phase computes it anew, part by
    part, as keeping it would be no saving.

    Args:
      program: computes it from the inputs.
      inputs: tensors, of which each part takes its rows; scalars are taken whole.
      roles: the networks that make it.
    """

    def __init__(self, program: Program, inputs: Sequence[Any], roles: Sequence[str], step: tf.Tensor) -> None:
        self._program = program
        self.inputs = tuple(inputs)
        self._step = step
        self._kept: tuple[Any, tf.GradientTape] | None = None
        self.roles = frozenset(roles)

    def of(self, part: Part) -> tuple[Any, tf.GradientTape]:
        """The output for a part of the batch, and the tape that saw it made."""
        if part.whole and self._kept is not None:
            return self._kept
        with tf.GradientTape() as tape:
            value = self._program([part.of(x) for x in self.inputs], Now(self._step, part.place))
        if part.whole:
            self._kept = value, tape
        return value, tape


def check_may_be_called(network: keras.Model | Pieces) -> None:
    """Refuses a network in pieces while an XLA program is traced.

    Raises:
      CommunicatesError: so it is.
    """
    at = _now.get()
    if at is not None and at.in_program and isinstance(network, Pieces):
        raise CommunicatesError
