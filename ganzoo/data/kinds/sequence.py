"""Sequences: float32 columns over time steps, given to the networks unchanged."""

from __future__ import annotations

from collections import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ganzoo.core import figures
from ganzoo.data.kinds.kind import Kind, number

if TYPE_CHECKING:
    from ganzoo.schema import DatasetConfig


@dataclass(frozen=True)
class Sequence(Kind):
    """Sequences float32 `[length, columns]`."""

    length: int
    columns: int

    name: ClassVar[str] = "sequence"
    plural: ClassVar[str] = "sequences"
    task: ClassVar[str] = "sequence_generation"
    default_count: ClassVar[int] = 100

    @classmethod
    def of(cls, dataset: DatasetConfig) -> Sequence:
        """Return sequences with the config's length and columns."""
        return cls(*dataset.example_shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(length, columns)`."""
        return (self.length, self.columns)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of time steps and columns."""
        return {"length": self.length, "columns": self.columns}

    @property
    def described(self) -> str:
        """Description such as `sequences of 24 steps and 5 columns`."""
        return f"sequences of {self.length} steps and {self.columns} columns"

    def on_a_sheet(self, classes: int) -> int:
        """Return 12: more curves would hide each other."""
        return 12

    def draw(
        self,
        examples: np.ndarray,
        real: np.ndarray | None = None,
        *,
        columns: int | None = None,
        title: str = "",
        captions: abc.Sequence[str] = (),
    ) -> np.ndarray:
        """Draw curves over time, one panel per column."""
        return figures.sequences(examples, real, self.column_names, title)

    def lines(self, examples: np.ndarray) -> tuple[list[str], list[list[str]]]:
        """Return one line per time step of each sequence, starting with the sequence and step numbers."""
        lines = [
            [str(place), str(step), *map(number, values)]
            for place, sequence in enumerate(examples)
            for step, values in enumerate(sequence)
        ]
        return ["sequence", "step", *self.column_names], lines
