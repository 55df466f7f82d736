"""Weights on disk: safetensors (no code in them), checked by SHA-256, placed by name into networks of a config."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.errors import WeightsError


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(path: str | Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> None:
    """Writes named arrays as one safetensors file, in the order of their names: equal weights are equal bytes."""
    from safetensors.numpy import save

    ordered = {name: np.asarray(arrays[name], order="C") for name in sorted(arrays)}
    Path(path).write_bytes(save(ordered, metadata=dict(metadata or {})))  # save_file would let only its owner read it


def read(path: str | Path, expected_sha256: str | None = None) -> dict[str, np.ndarray]:
    """Reads a safetensors file.

    Args:
      path: the file.
      expected_sha256: what its bytes must hash to; None trusts the file.

    Raises:
      WeightsError: the file is absent, is no safetensors file, or has another hash.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not Path(path).is_file():
        raise WeightsError(f"{path}: no such weights file (check the path; if it is ganzoo's own, install it again)")
    if expected_sha256 is not None:
        actual = sha256(path)
        if actual != expected_sha256:
            raise WeightsError(
                f"{path}: SHA-256 is {actual[:12]}…, {expected_sha256[:12]}… expected: "
                "damaged or replaced (install ganzoo again)"
            )
    try:
        return load_file(str(path))
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: cannot be read as safetensors ({error})") from None


def place(arrays: Mapping[str, np.ndarray], variables: Mapping[str, Any], origin: str) -> None:
    """Assigns arrays to variables by name, casting to each variable's type.

    Args:
      arrays: what was read.
      variables: name -> Keras variable; every one must be there, and nothing else.
      origin: named in messages.

    Raises:
      WeightsError: a missing or surplus name or another shape; nothing has been assigned then.
    """
    missing, surplus = sorted(variables.keys() - arrays.keys()), sorted(arrays.keys() - variables.keys())
    if missing or surplus:
        parts = [
            f"{what}: {', '.join(names[:3])}" for what, names in (("missing", missing), ("surplus", surplus)) if names
        ]
        raise WeightsError(f"{origin}: made for other networks ({'; '.join(parts)})")
    for name, variable in variables.items():
        if tuple(arrays[name].shape) != tuple(variable.shape):
            raise WeightsError(
                f"{origin}: made for other networks "
                f"({name} is {list(arrays[name].shape)}, {list(variable.shape)} wanted)"
            )
    for name, variable in variables.items():
        variable.assign(arrays[name].astype(variable.dtype))
