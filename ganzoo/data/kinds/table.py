"""Tables: rows of numbers in columns that have names and units, which the networks see standardised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ganzoo.core import figures
from ganzoo.data.kinds.kind import Kind, number
from ganzoo.errors import DataError, UsageError
from ganzoo.schema import ColumnConfig

if TYPE_CHECKING:
    import tensorflow as tf

    from ganzoo.schema import DatasetConfig

MOST_DECIMALS = 6
SHARE_OF_DECIMALS = 0.95  # of the rows have no more decimals than a column is said to have


@dataclass(frozen=True)
class Table(Kind):
    """Rows float32 `[columns]`, in the units of the data; inside each column has mean 0 and deviation 1."""

    fields: tuple[ColumnConfig, ...]

    name: ClassVar[str] = "table"
    plural: ClassVar[str] = "rows"
    task: ClassVar[str] = "table_generation"

    @classmethod
    def of(cls, dataset: DatasetConfig) -> Table:
        """The table of a config; columns that it does not describe are called x0, x1, … and are not scaled."""
        columns = dataset.example_shape[0]
        return cls(tuple(dataset.fields) or tuple(ColumnConfig(name=f"x{column}") for column in range(columns)))

    @classmethod
    def fitted(cls, names: Sequence[str], rows: np.ndarray, name: str) -> Table:
        """The table of these rows: means and deviations to six digits, and the decimals that the numbers have.

        Args:
          names: of the columns.
          rows: `[n, columns]`, n of 2 or more; those that models learn from.
          name: of the data set, for messages.

        Raises:
          DataError: a column whose values are all the same, or not finite.
        """
        fields = []
        for column, values in zip(names, np.asarray(rows, np.float64).T, strict=True):
            if not np.isfinite(values).all():
                raise DataError(f"{name}: column {column} holds NaN or infinity (leave such rows out)")
            deviation = float(f"{values.std():.6g}")
            if not deviation:
                raise DataError(f"{name}: column {column} is {values[0]:g} in all rows (leave the column out)")
            mean = float(f"{values.mean():.6g}")
            fields.append(ColumnConfig(name=column, mean=mean, deviation=deviation, decimals=_decimals(values)))
        return cls(tuple(fields))

    @property
    def shape(self) -> tuple[int, ...]:
        """`(columns,)`."""
        return (len(self.fields),)

    @property
    def sizes(self) -> dict[str, int]:
        """The number of columns."""
        return {"columns": len(self.fields)}

    @property
    def learned(self) -> dict[str, Any]:
        """The names, means, deviations and decimals of the columns."""
        return {"fields": [field.model_dump(exclude_none=True) for field in self.fields]}

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(field.name for field in self.fields)

    def to_inside(self, examples: Any) -> tf.Tensor:
        """Rows in their own units -> standardised columns, float32."""
        return (super().to_inside(examples) - self._of("mean")) / self._of("deviation")

    def to_edge(self, floats: Any) -> tf.Tensor:
        """Standardised columns -> rows in their own units, rounded to the decimals of the data, float32."""
        import tensorflow as tf

        rows = super().to_edge(floats) * self._of("deviation") + self._of("mean")
        rounded = [field.decimals is not None for field in self.fields]
        factors = np.array([10.0 ** (field.decimals or 0) for field in self.fields])
        # A product, since TensorFlow's graphs divide inexactly: 86 / 1 came out as 85.99999.
        whole = tf.round(rows * np.float32(factors)) * np.float32(1.0 / factors)
        return tf.where(rounded, whole, rows)

    def check(self, examples: Any, name: str) -> np.ndarray:
        """Rows in their own units, of whole numbers or floats; otherwise as `Kind.check`."""
        array = np.asarray(examples)
        if array.dtype.kind in "iu":
            array = array.astype(np.float32)
        elif array.dtype.kind != "f":
            raise UsageError(f"{name}: expected a table of numbers, got {array.dtype} (convert or leave out its texts)")
        return super().check(array, name)

    def default_features(self, data: str = "", domain: str = "") -> str:
        """Each column on its own scale."""
        return "standardised"

    def standardised(self, examples: np.ndarray) -> np.ndarray:
        """Rows in their own units -> standardised columns, float32; `to_inside` in NumPy."""
        return (np.asarray(examples, np.float32) - self._of("mean")) / self._of("deviation")

    def draw(
        self, examples: np.ndarray, real: np.ndarray | None = None, *, columns: int | None = None, title: str = ""
    ) -> np.ndarray:
        """A small histogram of each column."""
        return figures.histograms(examples, real, self.column_names, title)

    def lines(self, examples: np.ndarray) -> tuple[list[str], list[list[str]]]:
        """A line for each row; numbers have the decimals of their columns."""
        formats = [number if field.decimals is None else f"{{:.{field.decimals}f}}".format for field in self.fields]
        return list(self.column_names), [[f(value) for f, value in zip(formats, row, strict=True)] for row in examples]

    def _of(self, key: str) -> np.ndarray:
        return np.array([getattr(field, key) for field in self.fields], np.float32)


def _decimals(values: np.ndarray) -> int | None:
    """The decimals of nearly all values; None where they have more than can be told from noise."""
    for decimals in range(MOST_DECIMALS + 1):
        if np.isclose(values, np.round(values, decimals), rtol=1e-12, atol=1e-9).mean() >= SHARE_OF_DECIMALS:
            return decimals
    return None
