"""Metadata of a served model: its version, and the inputs and outputs of its signatures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST_BYTES = 2**27  # of an answer; the largest one of an export, 2**22 pixels as JSON, has 2**26


@dataclass(frozen=True)
class Tensor:
    """One input or output.

    Attributes:
      dtype: NumPy dtype (`int32`, `uint8`, …), or `string` for bytes.
      shape: Sizes, rows first; None for a free size.
    """

    dtype: str
    shape: tuple[int | None, ...]

    def fits(self, shape: Sequence[int]) -> bool:
        """Return whether an array of this shape may be the input or output."""
        return len(shape) == len(self.shape) and all(
            side >= 0 and known in (None, side) for side, known in zip(shape, self.shape, strict=True)
        )


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
