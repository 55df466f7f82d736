"""Gradient accumulation: a replica's batch is computed in sequential parts, to save memory."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

from ganzoo.core import randomness
from ganzoo.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Part:
    """Rows of a replica's batch: all of them, or one part of gradient accumulation."""

    start: Any
    count: Any
    place: randomness.Place
    whole: bool

    def of(self, tensors: Any) -> Any:
        """Return these rows of a tensor, or of each one in a structure; scalars are unchanged."""
        if self.whole:
            return tensors
        return tf.nest.map_structure(
            lambda tensor: tensor[self.start : self.start + self.count] if tensor.shape.rank else tensor, tensors
        )


def parts_of(rows: Any, number: int) -> list[Part]:
    """Split a replica's batch of `rows` rows into `number` parts; call in replica context.

    Raises:
      UsageError: if it does not divide.
    """
    if isinstance(rows, int) and rows % number:
        raise UsageError(f"accumulate: expected a divisor of a replica's batch of {rows}, got {number}")
    place, count = randomness.place_of_replica(rows), rows // number
    return [
        Part(i * count, count, randomness.Place(place.first + i * count, place.total), number == 1)
        for i in range(number)
    ]


class Sums:
    """Mean of the gradients and logs of the parts of a batch, which are computed one after another."""

    def __init__(self, parts: int) -> None:
        self._share = 1.0 / parts
        self.gradients: list[tf.Tensor] = []
        self.logs: dict[str, tf.Tensor] = {}

    @contextlib.contextmanager
    def one_after_another(self) -> Iterator[None]:
        """Make the part wait for the previous one; otherwise TensorFlow would hold all parts in memory at once."""
        with tf.control_dependencies(self.gradients):
            yield

    def add(self, gradients: Sequence[Any], logs: dict[str, tf.Tensor]) -> None:
        """Add one part."""
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        if self._share == 1.0:
            self.gradients, self.logs = gradients, dict(logs)
            return
        gradients = [self._share * gradient for gradient in gradients]
        logs = {name: self._share * value for name, value in logs.items()}
        if self.gradients:
            gradients = [old + new for old, new in zip(self.gradients, gradients, strict=True)]
            logs = {name: self.logs[name] + value for name, value in logs.items()}
        self.gradients, self.logs = gradients, logs
