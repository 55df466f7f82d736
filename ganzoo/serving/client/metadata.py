"""What a server says of a model: its version, and what its signatures take and give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Tensor:
    """One input or output.

    Attributes:
      dtype: of NumPy (`int32`, `uint8`, …), or `string`, which is bytes.
      shape: None where a size is free; rows come first.
    """

    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Signature:
    """One function of a model; its inputs and outputs by name."""

    name: str
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


@dataclass(frozen=True)
class Metadata:
    """A model on a server; its signatures by name, sorted."""

    model: str
    version: int
    signatures: Mapping[str, Signature]
