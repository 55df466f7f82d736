"""What a scheme hands to an export."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import keras
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Exported:
    """One function of a model, as its SavedModel holds it.

    Attributes:
      run: with an input signature and one output; the very function that Python calls.
      variables: of the network that it runs.
      classes: what its input `labels` has to be below; 0 where there is none.
      smallest_side: of its input `images`, in pixels; 0 where there is none.
      output: name of its output: the plural of its kind of data.
    """

    run: tf.types.experimental.PolymorphicFunction
    variables: Sequence[keras.Variable]
    classes: int = 0
    smallest_side: int = 0
    output: str = "images"
