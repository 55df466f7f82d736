"""Metadata of a served model: its version, and the inputs and outputs of its signatures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Tensor:
    """One input or output.

    Attributes:
      dtype: NumPy dtype (`int32`, `uint8`, …), or `string` for bytes.
      shape: Sizes, rows first; None for a free size.
    """

    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Signature:
    """Signature of a model; inputs and outputs by name."""

    name: str
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


@dataclass(frozen=True)
class Metadata:
    """Model on a server; signatures by name, sorted."""

    model: str
    version: int
    signatures: Mapping[str, Signature]
