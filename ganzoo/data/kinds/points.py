"""Points: float32 vectors without names or units, given to the networks unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ganzoo.core import figures
from ganzoo.data.kinds.kind import Kind

if TYPE_CHECKING:
    from ganzoo.schema import DatasetConfig


@dataclass(frozen=True)
class Points(Kind):
    """Points float32 `[columns]`."""

    columns: int

    name: ClassVar[str] = "points"
    plural: ClassVar[str] = "points"
    task: ClassVar[str] = "point_generation"

    @classmethod
    def of(cls, dataset: DatasetConfig) -> Points:
        """Return points with the config's number of columns."""
        return cls(*dataset.example_shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(columns,)`."""
        return (self.columns,)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of columns."""
        return {"columns": self.columns}

    def draw(
        self,
        examples: np.ndarray,
        real: np.ndarray | None = None,
        *,
        columns: int | None = None,
        title: str = "",
        captions: Sequence[str] = (),
    ) -> np.ndarray:
        """Draw a histogram of a single column, otherwise a scatter plot of the first two."""
        return figures.points(examples, real, title)
