"""Gradient accumulation: a replica's batch in parts, computed one after another, for less memory."""

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
    """Some rows of a replica's batch: all of them, or what one step of gradient accumulation takes."""

    start: Any
    count: Any
    place: randomness.Place
    whole: bool

    def of(self, tensors: Any) -> Any:
        """These rows of a tensor, or of each one in a structure; a scalar has none and stays."""
        if self.whole:
            return tensors
        return tf.nest.map_structure(
            lambda tensor: tensor[self.start : self.start + self.count] if tensor.shape.rank else tensor, tensors
        )


def parts_of(rows: Any, number: int) -> list[Part]:
    """A replica's batch of so many rows in so many parts; in replica context.

    Raises:
      UsageError: it does not divide.
    """
    if isinstance(rows, int) and rows % number:
        raise UsageError(f"accumulate={number}: a replica's batch of {rows} does not divide by it")
    place, count = randomness.place_of_replica(rows), rows // number
    return [
        Part(i * count, count, randomness.Place(place.first + i * count, place.total), number == 1)
        for i in range(number)
    ]


class Sums:
    """Gradients and logs of the parts of a batch, averaged; a part is computed once the one before it is done."""

    def __init__(self, parts: int) -> None:
        self._share = 1.0 / parts
        self.gradients: list[tf.Tensor] = []
        self.logs: dict[str, tf.Tensor] = {}

    @contextlib.contextmanager
    def one_after_another(self) -> Iterator[None]:
        """Else TensorFlow would compute the parts side by side, and all of them would be in memory."""
        with tf.control_dependencies(self.gradients):
            yield

    def add(self, gradients: Sequence[Any], logs: dict[str, tf.Tensor]) -> None:
        """Takes in one part."""
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
