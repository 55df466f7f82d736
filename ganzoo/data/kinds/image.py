"""Images: uint8 in data sets and files, floats in [-1, 1] in the networks."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ganzoo.core import figures, images
from ganzoo.data.kinds.kind import Kind, as_array, batch_of, check_finite, shown
from ganzoo.errors import UsageError

if TYPE_CHECKING:
    import tensorflow as tf

    from ganzoo.schema import DatasetConfig

_log = logging.getLogger(__name__)

ROWS_ON_A_SHEET = 10
COLUMNS_WITHOUT_CLASSES = 10
WIDEST = 20

# Data sets, their domains and channels, with a small classifier; other images are evaluated by EfficientNet-Lite0.
CLASSIFIERS = {
    ("mnist", "", 1): "mnist_cnn",
    ("mnist_5k", "", 1): "mnist_cnn",
    ("stacked_mnist", "", 3): "stacked_mnist_cnn",
    ("cyclegan_digits", "plain", 1): "mnist_cnn",
    ("pix2pix_digits", "digits", 1): "mnist_cnn",
    ("fashion_mnist", "", 1): "fashion_cnn",
}


@dataclass(frozen=True)
class Image(Kind):
    """Images `[height, width, channels]` with 1 (grey) or 3 (RGB) channels."""

    height: int
    width: int
    channels: int

    name: ClassVar[str] = "image"
    plural: ClassVar[str] = "images"
    task: ClassVar[str] = "image_generation"
    dtype: ClassVar[type[np.generic]] = np.uint8
    is_image: ClassVar[bool] = True
    activation: ClassVar[str] = "tanh"
    needs_float32: ClassVar[bool] = False
    suffixes: ClassVar[tuple[str, ...]] = (".png", "")
    default_count: ClassVar[int] = 64
    over_real: ClassVar[bool] = False

    @classmethod
    def of(cls, dataset: DatasetConfig) -> Image:
        """Return the kind of square images of the config's size."""
        return cls(*dataset.image_shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(height, width, channels)`."""
        return (self.height, self.width, self.channels)

    @property
    def sizes(self) -> dict[str, int]:
        """Side and channels of square images."""
        return {"size": self.height, "channels": self.channels}

    @property
    def fixed(self) -> dict[str, int]:
        """Empty: sources resize images to the config's size."""
        return {}

    @property
    def described(self) -> str:
        """Description such as `colour images of 64x64 pixels`."""
        return f"{'grey' if self.channels == 1 else 'colour'} images of {self.width}x{self.height} pixels"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Empty."""
        return ()

    def to_inside(self, examples: Any) -> tf.Tensor:
        """Convert uint8 to float32 in [-1, 1]."""
        return images.to_float(examples)

    def to_edge(self, floats: Any) -> tf.Tensor:
        """Convert floats in [-1, 1] to uint8; values outside are clipped."""
        return images.to_uint8(floats)

    def check(self, examples: Any, name: str) -> np.ndarray:
        """Return images, uint8 or floats in [-1, 1], as uint8; see `checked`."""
        array = self.checked(examples, name)
        return array if array.dtype == np.uint8 else images.to_uint8(array).numpy()

    def checked(self, examples: Any, name: str) -> np.ndarray:
        """Return images, uint8 or floats in [-1, 1], as an array.

        Raises:
          UsageError: if the shape or dtype is wrong, or values are NaN, infinite or outside [-1, 1].
        """
        array = as_array(examples, name)
        if array.shape[1:] != self.shape or not len(array):
            raise UsageError(f"{name}: expected {self.plural} {batch_of(self.shape)}, got {shown(array)}")
        if array.dtype == np.uint8:
            return array
        if not np.issubdtype(array.dtype, np.floating):
            raise UsageError(f"{name}: expected uint8 pixels or floats in [-1, 1], got {array.dtype} (convert them)")
        check_finite(array, name)
        least, most = array.min(), array.max()
        if least < -1.0 or most > 1.0:
            rows = array.reshape(len(array), -1)
            first = int(np.argmax((np.abs(rows) > 1.0).any(axis=1)))
            low, high = rows[first].min(), rows[first].max()
            raise UsageError(
                f"{name}: expected floats in [-1, 1], got {low:g} to {high:g} in example {first}"
                " (pixels of 0 to 255 are uint8)"
            )
        if least >= 0.0:
            _log.warning("%s: no value below 0; floats are read as [-1, 1], are these in [0, 1]?", name)
        return array

    def default_features(self, data: str = "", domain: str = "") -> str:
        """Return the small classifier of digits or clothes, or `efficientnet_lite0`."""
        return CLASSIFIERS.get((data, domain, self.channels), "efficientnet_lite0")

    def on_a_sheet(self, classes: int) -> int:
        """Return ten rows of a column per class."""
        return ROWS_ON_A_SHEET * self.columns_on_a_sheet(classes)

    def columns_on_a_sheet(self, classes: int) -> int:
        """Return one column per class; ten without classes."""
        return min(classes or COLUMNS_WITHOUT_CLASSES, WIDEST)

    def draw(
        self,
        examples: np.ndarray,
        real: np.ndarray | None = None,
        *,
        columns: int | None = None,
        title: str = "",
        captions: Sequence[str] = (),
    ) -> np.ndarray:
        """Draw a grid of the images, row by row, under their captions."""
        return figures.sheet(examples, columns, captions=captions)
