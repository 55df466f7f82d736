"""Tables: rows of numbers in named columns with units, standardised for the networks."""

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
SHARE_OF_DECIMALS = 0.95  # of rows must have no more decimals than the column's


@dataclass(frozen=True)
class Table(Kind):
    """Rows float32 `[columns]` in the units of the data; inside, each column has mean 0 and standard deviation 1."""

    fields: tuple[ColumnConfig, ...]

    name: ClassVar[str] = "table"
    plural: ClassVar[str] = "rows"
    task: ClassVar[str] = "table_generation"

    @classmethod
    def of(cls, dataset: DatasetConfig) -> Table:
        """Return the table of a config; columns without a description are named x0, x1, … and are not scaled."""
        columns = dataset.example_shape[0]
        return cls(tuple(dataset.fields) or tuple(ColumnConfig(name=f"x{column}") for column in range(columns)))

    @classmethod
    def fitted(cls, names: Sequence[str], rows: np.ndarray, name: str) -> Table:
        """Return the table of these rows, with means and deviations to six digits and the decimals of the values.

        Args:
          names: column names.
          rows: training rows, `[n, columns]`, n >= 2.
          name: name of the data set, for messages.

        Raises:
          DataError: if the values of a column are all equal, or not finite.
        """
        fields = []
        for column, values in zip(names, np.asarray(rows, np.float64).T, strict=True):
            if not np.isfinite(values).all():
                raise DataError(f"{name}: column {column}: expected finite numbers, got NaN or infinity")
            deviation = float(f"{values.std():.6g}")
            if not deviation:
                raise DataError(f"{name}: column {column}: expected several values, got {values[0]:g} only")
            mean = float(f"{values.mean():.6g}")
            fields.append(ColumnConfig(name=column, mean=mean, deviation=deviation, decimals=_decimals(values)))
        return cls(tuple(fields))

    @property
    def shape(self) -> tuple[int, ...]:
        """`(columns,)`."""
        return (len(self.fields),)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of columns."""
        return {"columns": len(self.fields)}

    @property
    def learned(self) -> dict[str, Any]:
        """Names, means, deviations and decimals of the columns."""
        return {"fields": [field.model_dump(exclude_none=True) for field in self.fields]}

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(field.name for field in self.fields)

    def to_inside(self, examples: Any) -> tf.Tensor:
        """Standardise rows in their own units, float32."""
        return (super().to_inside(examples) - self._of("mean")) / self._of("deviation")

    def to_edge(self, floats: Any) -> tf.Tensor:
        """Convert standardised columns to rows in their own units, rounded to the data's decimals, float32."""
        import tensorflow as tf

        rows = super().to_edge(floats) * self._of("deviation") + self._of("mean")
        rounded = [field.decimals is not None for field in self.fields]
        factors = np.array([10.0 ** (field.decimals or 0) for field in self.fields])
        # A product, because TensorFlow's graphs divide inexactly: 86 / 1 came out as 85.99999.
        whole = tf.round(rows * np.float32(factors)) * np.float32(1.0 / factors)
        return tf.where(rounded, whole, rows)

    def checked(self, examples: Any, name: str) -> np.ndarray:
        """Check rows of integers or floats in their own units; otherwise as `Kind.checked`."""
        array = np.asarray(examples)
        if array.dtype.kind in "iu":
            array = array.astype(np.float32)
        elif array.dtype.kind != "f":
            raise UsageError(f"{name}: expected a table of numbers, got {array.dtype} (convert or leave out the texts)")
        return super().checked(array, name)

    def default_features(self, data: str = "", domain: str = "") -> str:
        """Return the extractor that puts each column on its own scale."""
        return "standardised"

    def standardised(self, examples: np.ndarray) -> np.ndarray:
        """Standardise rows in their own units, float32; `to_inside` in NumPy."""
        return (np.asarray(examples, np.float32) - self._of("mean")) / self._of("deviation")

    def draw(
        self,
        examples: np.ndarray,
        real: np.ndarray | None = None,
        *,
        columns: int | None = None,
        title: str = "",
        captions: Sequence[str] = (),
    ) -> np.ndarray:
        """Draw a histogram per column."""
        return figures.histograms(examples, real, self.column_names, title)

    def lines(self, examples: np.ndarray) -> tuple[list[str], list[list[str]]]:
        """Return one line per row; numbers have the decimals of their columns."""
        formats = [number if field.decimals is None else f"{{:.{field.decimals}f}}".format for field in self.fields]
        return list(self.column_names), [[f(value) for f, value in zip(formats, row, strict=True)] for row in examples]

    def _of(self, key: str) -> np.ndarray:
        return np.array([getattr(field, key) for field in self.fields], np.float32)


def _decimals(values: np.ndarray) -> int | None:
    """Return the number of decimals of nearly all values; None if it cannot be told from noise."""
    for decimals in range(MOST_DECIMALS + 1):
        if np.isclose(values, np.round(values, decimals), rtol=1e-12, atol=1e-9).mean() >= SHARE_OF_DECIMALS:
            return decimals
    return None
