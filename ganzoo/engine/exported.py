"""Functions that a scheme passes to an export."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import keras
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Exported:
    """One function of a model's SavedModel.

    Attributes:
      run: the same function that Python calls, with an input signature and one output.
      variables: variables of its network.
      classes: upper bound (exclusive) of its input `labels`; 0 without labels.
      smallest_side: smallest side of its input `images` in pixels; 0 without images.
      output: name of its output: the plural of its kind of data.
    """

    run: tf.types.experimental.PolymorphicFunction
    variables: Sequence[keras.Variable]
    classes: int = 0
    smallest_side: int = 0
    output: str = "images"
