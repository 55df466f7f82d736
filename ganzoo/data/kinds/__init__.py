"""Kinds of data: what an example is, how the networks see it, how it is checked, drawn, judged and saved.

Nobody else looks at the rank of a shape: `of` gives the kind of a config's data, `of_shape` of examples that are there.
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
    """The kind of a config's data, with the shape of an example, and a table's columns where the config has them."""
    return KINDS[dataset.kind].of(dataset)


def of_shape(shape: tuple[int, ...]) -> Kind:
    """The kind that examples of a shape most likely are: images, sequences or points; for lack of a config.

    Args:
      shape: of one example, of 1 to 3 axes.
    """
    return {1: Points, 2: Sequence, 3: Image}[len(shape)](*shape)


def of_output(output: str, shape: tuple[int, ...]) -> Kind:
    """The kind of what an exported SavedModel draws.

    Args:
      output: the name of the signature's output: `images`, `points`, `rows` or `sequences`.
      shape: of one example.
    """
    if output == Table.plural:
        return Table(tuple(ColumnConfig(name=f"x{column}") for column in range(shape[0])))
    return of_shape(shape)


def of_array(examples: Any, name: str) -> Kind:
    """The kind of examples that somebody hands in without saying more: images, or points.

    Args:
      examples: an array `[n, height, width, channels]` or `[n, columns]`.
      name: of the examples, for messages.

    Raises:
      UsageError: another shape; three axes could be grey images or sequences.
    """
    array = as_array(examples, name)
    if array.ndim not in (2, 4) or 0 in array.shape:
        raise UsageError(f"{name}: expected [n, height, width, channels] or [n, columns], got {shown(array)}")
    if array.ndim == 4 and array.shape[3] not in (1, 3):
        raise UsageError(f"{name}: expected 1 (grey) or 3 (RGB) channels, got {array.shape[3]}")
    return of_shape(array.shape[1:])
