"""What every kind of data knows of its examples, so that nobody else has to look at their shapes."""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ganzoo.errors import UsageError

if TYPE_CHECKING:
    import tensorflow as tf

    from ganzoo.schema import DatasetConfig


class Kind(ABC):
    """A kind of data, with the shape of its examples.

    At the edge (data sets, `generate`, files) examples have their own type and units; inside (networks, losses) they
    are floats, made and taken back by `to_inside` and `to_edge`.

    Attributes:
      name: in `dataset.kind`.
      plural: what examples are called in messages, and the output of an exported SavedModel.
      task: of the models that generate examples of the kind.
      dtype: of examples at the edge.
      is_image: whether examples are pictures, which can be cropped, flipped, translated and shown one by one.
      activation: Keras's name of the function that ends a generator: `tanh` for a bounded range, else `linear`.
      needs_float32: whether bfloat16 has too few digits for the generated examples.
      suffixes: the files that examples are saved in; the empty string is a folder with a file for each.
      default_count: how many examples a command draws where nobody says.
      over_real: whether a sample sheet shows real examples behind the generated ones.
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
        """The kind of a config's data set; see `kinds.of`."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""

    @property
    @abstractmethod
    def sizes(self) -> dict[str, int]:
        """The shape as the keys of `dataset` that give it."""

    @property
    def fixed(self) -> dict[str, int]:
        """Those of `sizes` that come with the data; images can be resized, so they have none."""
        return self.sizes

    @property
    def learned(self) -> dict[str, Any]:
        """What the kind takes from the data beyond their shape, as the keys of `dataset` that keep it."""
        return {}

    @property
    def described(self) -> str:
        """The kind with its shape in a few words: `points of 2 columns`."""
        return f"{self.plural} of {self.shape[-1]} columns"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns; none for images."""
        return tuple(f"x{column}" for column in range(self.shape[-1]))

    def to_inside(self, examples: Any) -> tf.Tensor:
        """Examples at the edge -> what the networks see: float32 of the same shape. A graph function."""
        import tensorflow as tf

        return tf.cast(tf.convert_to_tensor(examples), tf.float32)

    def to_edge(self, floats: Any) -> tf.Tensor:
        """What a generator makes, of any float type -> examples at the edge, of `dtype`. A graph function."""
        import tensorflow as tf

        return tf.cast(tf.convert_to_tensor(floats), tf.float32)

    def check(self, examples: Any, name: str) -> np.ndarray:
        """Examples that somebody hands in, as they are at the edge: `[n, *shape]` of `dtype`.

        Args:
          examples: an array, n of 1 or more.
          name: of the examples, for messages.

        Raises:
          UsageError: another shape or type, or a value that is not finite; the first such example is named.
        """
        array = as_array(examples, name)
        if array.shape[1:] != self.shape or not len(array):
            raise UsageError(f"{name}: expected {self.plural} {batch_of(self.shape)}, got {shown(array)}")
        if not np.issubdtype(array.dtype, np.floating):
            raise UsageError(f"{name}: expected floats, got {array.dtype} (convert them)")
        check_finite(array, name)
        return array.astype(np.float32)

    def default_features(self, data: str = "", domain: str = "") -> str:
        """The extractor that judges generated examples where none is asked for.

        Args:
          data: name of the data set.
          domain: of it, where it has two.
        """
        return "identity"

    def on_a_sheet(self, classes: int) -> int:
        """How many examples a sample sheet of a run shows, of a model with so many classes."""
        return self.default_count

    def columns_on_a_sheet(self, classes: int) -> int | None:
        """The columns of a sample sheet, of a kind that is drawn in a grid."""
        return None

    @abstractmethod
    def draw(
        self, examples: np.ndarray, real: np.ndarray | None = None, *, columns: int | None = None, title: str = ""
    ) -> np.ndarray:
        """A picture of examples.

        Args:
          examples: generated, `[n, *shape]` at the edge.
          real: real ones to draw them over, where the kind is drawn so.
          columns: of a grid, where the kind is drawn so; by default as suits the number.
          title: of a plot; a grid has none.

        Returns:
          uint8 `[H, W, C]`.
        """

    def encode(self, examples: np.ndarray, suffix: str) -> bytes:
        """The content of a file of examples.

        Args:
          examples: `[n, *shape]` at the edge.
          suffix: `.csv` (a header with the names of the columns, then a line for each row) or `.npy`.

        Raises:
          UsageError: the kind is not saved in such files.
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
        """The header of a CSV file, and its lines, as texts."""
        return list(self.column_names), [[number(value) for value in row] for row in examples]


def number(value: Any) -> str:
    """A float32 as text that reads back exactly: nine digits are enough."""
    return f"{value:.9g}"


def as_array(examples: Any, name: str) -> np.ndarray:
    """An array of examples.

    Raises:
      UsageError: examples of several shapes.
    """
    try:
        return np.asarray(examples)
    except ValueError:
        raise UsageError(f"{name}: expected examples of one shape, got several (make them all of one)") from None


def check_finite(array: np.ndarray, name: str) -> None:
    """Refuses NaN and infinity.

    Raises:
      UsageError: an example has one; the first is named.
    """
    broken = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    if broken.any():
        raise UsageError(f"{name}: example {int(np.argmax(broken))} holds NaN or infinity (leave such examples out)")


def batch_of(shape: tuple[int, ...]) -> str:
    """The shape of a batch, for messages: `[n, 28, 28, 1]`."""
    return f"[n, {', '.join(map(str, shape))}]"


def shown(array: np.ndarray) -> str:
    """The type and shape of an array, for messages: `float32 [4, 2]`."""
    return f"{array.dtype} {list(array.shape)}"
