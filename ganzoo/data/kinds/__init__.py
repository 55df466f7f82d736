"""Kinds of data: the representation, checks, figures, default features and files of examples.

Only this package looks at the rank of a shape: `of` gives the kind of a config's data, `of_shape` that of examples.
"""

from __future__ import annotations

from typing import Any

from ganzoo.data.kinds.image import Image
from ganzoo.data.kinds.kind import Kind, as_array, shown
from ganzoo.data.kinds.points import Points
from ganzoo.data.kinds.sequence import Sequence
from ganzoo.data.kinds.table import Table
from ganzoo.errors import UsageError
from ganzoo.schema import ColumnConfig, DatasetConfig

__all__ = ["KINDS", "Image", "Kind", "Points", "Sequence", "Table", "of", "of_array", "of_output", "of_shape"]

KINDS: dict[str, type[Kind]] = {kind.name: kind for kind in (Image, Points, Table, Sequence)}


def of(dataset: DatasetConfig) -> Kind:
    """Return the kind of a config's data: the shape of an example, and a table's columns if the config has them."""
    return KINDS[dataset.kind].of(dataset)


def of_shape(shape: tuple[int, ...]) -> Kind:
    """Return the likely kind of examples without a config: points, sequences or images, by the number of axes.

    Args:
      shape: shape of one example, 1 to 3 axes.
    """
    return {1: Points, 2: Sequence, 3: Image}[len(shape)](*shape)


def of_output(output: str, shape: tuple[int, ...]) -> Kind:
    """Return the kind of the examples that an exported SavedModel draws.

    Args:
      output: name of the signature's output: `images`, `points`, `rows` or `sequences`.
      shape: shape of one example.
    """
    if output == Table.plural:
        return Table(tuple(ColumnConfig(name=f"x{column}") for column in range(shape[0])))
    return of_shape(shape)


def of_array(examples: Any, name: str) -> Kind:
    """Return the kind of examples given without a config: images or points.

    Args:
      examples: array `[n, height, width, channels]` or `[n, columns]`.
      name: name of the examples, for messages.

    Raises:
      UsageError: if the shape is another one; three axes could be grey images or sequences.
    """
    array = as_array(examples, name)
    if array.ndim not in (2, 4) or 0 in array.shape:
        raise UsageError(f"{name}: expected [n, height, width, channels] or [n, columns], got {shown(array)}")
    if array.ndim == 4 and array.shape[3] not in (1, 3):
        raise UsageError(f"{name}: expected 1 (grey) or 3 (RGB) channels, got {array.shape[3]}")
    return of_shape(array.shape[1:])
