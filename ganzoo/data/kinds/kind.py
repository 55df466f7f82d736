"""Base class of the kinds of data; other code need not look at the shapes of examples."""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ganzoo.errors import UsageError

if TYPE_CHECKING:
    import tensorflow as tf

    from ganzoo.schema import DatasetConfig


class Kind(ABC):
    """A kind of data, with the shape of its examples.

    Examples outside the networks (data sets, `generate`, files) have their own dtype and units; inside (networks,
    losses) they are floats. `to_inside` and `to_edge` convert between the two.

    Attributes:
      name: value of `dataset.kind`.
      plural: plural of an example in messages, and the output's name in an exported SavedModel.
      task: task of the models that generate this kind.
      dtype: dtype of examples outside the networks.
      is_image: whether examples are images, which can be cropped, flipped, translated and shown one by one.
      activation: Keras activation at the end of a generator: `tanh` for a bounded range, otherwise `linear`.
      needs_float32: whether bfloat16 is too coarse for generated examples.
      suffixes: file suffixes for saved examples; the empty string is a folder with one file per example.
      default_count: default number of examples that a command draws.
      over_real: whether sample sheets show real examples behind the generated ones.
    """

    name: ClassVar[str]
    plural: ClassVar[str]
    task: ClassVar[str]
    dtype: ClassVar[type[np.generic]] = np.float32
    is_image: ClassVar[bool] = False
    activation: ClassVar[str] = "linear"
    needs_float32: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".png", ".csv", ".npy")
    default_count: ClassVar[int] = 1000
    over_real: ClassVar[bool] = True

    @classmethod
    @abstractmethod
    def of(cls, dataset: DatasetConfig) -> Kind:
        """Return the kind of a config's data set; see `kinds.of`."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""

    @property
    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """Shape of one example, by the keys of `dataset` that set it."""

    @property
    def fixed(self) -> dict[str, int]:
        """Sizes that the data determine; none for images, which can be resized."""
        return self.sizes

    @property
    def learned(self) -> dict[str, Any]:
        """Properties learned from the data besides their shape, by the keys of `dataset` that store them."""
        return {}

    @property
    def described(self) -> str:
        """Short description with the shape: `points of 2 columns`."""
        return f"{self.plural} of {self.shape[-1]} columns"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns; empty for images."""
        return tuple(f"x{column}" for column in range(self.shape[-1]))

    def to_inside(self, examples: Any) -> tf.Tensor:
        """Convert examples to the networks' input, float32 of the same shape. A graph function."""
        import tensorflow as tf

        return tf.cast(tf.convert_to_tensor(examples), tf.float32)

    def to_edge(self, floats: Any) -> tf.Tensor:
        """Convert a generator's output, of any float dtype, to examples of `dtype`. A graph function."""
        import tensorflow as tf

        return tf.cast(tf.convert_to_tensor(floats), tf.float32)

    def check(self, examples: Any, name: str) -> np.ndarray:
        """Check a caller's examples and return them as `[n, *shape]` of `dtype`; see `checked`."""
        return self.checked(examples, name).astype(np.float32)

    def checked(self, examples: Any, name: str) -> np.ndarray:
        """Check a caller's examples and return them as `[n, *shape]` of their own dtype.

        Args:
          examples: array, n >= 1.
          name: name of the examples, for messages.

        Raises:
          UsageError: if the shape or dtype is wrong, or a value is not finite; the first such example is named.
        """
        array = as_array(examples, name)
        if array.shape[1:] != self.shape or not len(array):
            raise UsageError(f"{name}: expected {self.plural} {batch_of(self.shape)}, got {shown(array)}")
        if not np.issubdtype(array.dtype, np.floating):
            raise UsageError(f"{name}: expected floats, got {array.dtype} (convert them)")
        check_finite(array, name)
        return array

    def default_features(self, data: str = "", domain: str = "") -> str:
        """Return the default extractor for the evaluation of generated examples.

        Args:
          data: name of the data set.
          domain: domain of the data set, if it has two.
        """
        return "identity"

    def on_a_sheet(self, classes: int) -> int:
        """Return the number of examples on a run's sample sheet, for a model with `classes` classes."""
        return self.default_count

    def columns_on_a_sheet(self, classes: int) -> int | None:
        """Return the number of columns of a sample sheet, for kinds drawn in a grid."""
        return None

    @abstractmethod
    def draw(
        self,
        examples: np.ndarray,
        real: np.ndarray | None = None,
        *,
        columns: int | None = None,
        title: str = "",
        captions: Sequence[str] = (),
    ) -> np.ndarray:
        """Draw examples as a picture.

        Args:
          examples: generated examples, `[n, *shape]`.
          real: real examples to draw behind them, for kinds drawn that way.
          columns: columns of the grid, for kinds drawn that way; by default chosen from the number.
          title: title of a plot; grids have none.
          captions: one text per example, such as its class, for kinds drawn in a grid.

        Returns:
          uint8 `[H, W, C]`.
        """

    def encode(self, examples: np.ndarray, suffix: str) -> bytes:
        """Encode examples as the content of a file.

        Args:
          examples: `[n, *shape]`.
          suffix: `.csv` (a header with the column names, then one line per row) or `.npy`.

        Raises:
          UsageError: if this kind is not saved with that suffix.
        """
        if suffix == ".npy" and suffix in self.suffixes:
            buffer = io.BytesIO()
            np.save(buffer, examples)
            return buffer.getvalue()
        if suffix != ".csv" or suffix not in self.suffixes:
            known = ", ".join(known for known in self.suffixes if known)
            raise UsageError(f"{self.plural}: expected a file of {known}, got '{suffix}'")
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        header, lines = self.lines(examples)
        writer.writerow(header)
        writer.writerows(lines)
        return text.getvalue().encode()

    def lines(self, examples: np.ndarray) -> tuple[list[str], list[list[str]]]:
        """Return the header and the lines of a CSV file, as texts."""
        return list(self.column_names), [[number(value) for value in row] for row in examples]


def number(value: Any) -> str:
    """Format a float32 so that it reads back exactly: nine digits suffice."""
    return f"{value:.9g}"


def as_array(examples: Any, name: str) -> np.ndarray:
    """Convert examples to an array.

    Raises:
      UsageError: if the examples have several shapes.
    """
    try:
        return np.asarray(examples)
    except ValueError:
        raise UsageError(f"{name}: expected examples of one shape, got several (make them all of one)") from None


def check_finite(array: np.ndarray, name: str) -> None:
    """Refuse NaN and infinity.

    Raises:
      UsageError: if an example has one; the first is named.
    """
    broken = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    if broken.any():
        first = int(np.argmax(broken))
        raise UsageError(f"{name}: expected finite numbers, got NaN or infinity in example {first} (leave it out)")


def batch_of(shape: tuple[int, ...]) -> str:
    """Return the shape of a batch, for messages: `[n, 28, 28, 1]`."""
    return f"[n, {', '.join(map(str, shape))}]"


def shown(array: np.ndarray) -> str:
    """Return the dtype and shape of an array, for messages: `float32 [4, 2]`."""
    return f"{array.dtype} {list(array.shape)}"
