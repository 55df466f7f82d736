"""Weights on disk: safetensors (no code in them), verified by SHA-256, assigned to networks by name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.errors import WeightsError


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(path: str | Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> None:
    """Write named arrays to a safetensors file, sorted by name: equal weights give equal bytes."""
    from safetensors.numpy import save

    ordered = {name: np.asarray(arrays[name], order="C") for name in sorted(arrays)}
    Path(path).write_bytes(save(ordered, metadata=dict(metadata or {})))  # save_file makes it readable by owner only


def read(path: str | Path, expected_sha256: str | None = None) -> dict[str, np.ndarray]:
    """Read a safetensors file.

    Args:
      path: the file.
      expected_sha256: expected hash of the file; None skips the check.

    Raises:
      WeightsError: if the file is absent, is not safetensors, or has another hash.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not Path(path).is_file():
        raise WeightsError(f"{path}: no such weights file (check the path; reinstall ganzoo if the file is its own)")
    if expected_sha256 is not None:
        actual = sha256(path)
        if actual != expected_sha256:
            raise WeightsError(
                f"{path}: expected SHA-256 {expected_sha256[:12]}…, got {actual[:12]}…: "
                "damaged or replaced (reinstall ganzoo)"
            )
    try:
        return load_file(str(path))
    except (SafetensorError, OSError, KeyError, TypeError, AttributeError) as error:  # dtypes that NumPy does not have
        raise WeightsError(f"{path}: cannot be read as safetensors ({error})") from None


def shapes(path: str | Path) -> dict[str, tuple[int, ...]]:
    """Read the shapes of the arrays in a safetensors file from its header.

    Raises:
      WeightsError: if the file is absent or is not safetensors.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "numpy") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  not a dict
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: cannot be read as safetensors ({error})") from None


def place(arrays: Mapping[str, np.ndarray], variables: Mapping[str, Any], origin: str) -> None:
    """Assign arrays to variables by name, cast to each variable's dtype.

    Args:
      arrays: arrays by name.
      variables: Keras variables by name; the names must be the same as those of `arrays`.
      origin: origin of the arrays, for messages.

    Raises:
      WeightsError: if a name is missing or surplus, a shape or the kind of number (float, integer, bool) differs, or a
        float is not finite in the variable's dtype; nothing is assigned then.
    """
    check_shapes({name: array.shape for name, array in arrays.items()}, variables, origin)
    cast = {name: _cast(arrays[name], variable, f"{origin}: {name}") for name, variable in variables.items()}
    for name, variable in variables.items():
        variable.assign(cast[name])


def check_shapes(found: Mapping[str, tuple[int, ...]], variables: Mapping[str, Any], origin: str) -> None:
    """Check that arrays have the names and shapes of variables, which need no values.

    Raises:
      WeightsError: if a name is missing or surplus, or a shape differs.
    """
    missing, surplus = sorted(variables.keys() - found.keys()), sorted(found.keys() - variables.keys())
    if missing or surplus:
        parts = [
            f"{what}: {', '.join(names[:3])}" for what, names in (("missing", missing), ("surplus", surplus)) if names
        ]
        raise WeightsError(f"{origin}: made for other networks ({'; '.join(parts)})")
    for name, variable in variables.items():
        if tuple(found[name]) != tuple(variable.shape):
            raise WeightsError(
                f"{origin}: made for other networks ({name}: expected {list(variable.shape)}, got {list(found[name])})"
            )


def _cast(array: np.ndarray, variable: Any, where: str) -> np.ndarray:
    """Return an array in a variable's dtype, or refuse it."""
    dtype = np.dtype(variable.dtype)
    if _kind(array.dtype) != _kind(dtype):
        raise WeightsError(f"{where}: expected {dtype}, got {array.dtype} (not weights of this model)")
    with np.errstate(over="ignore"):
        cast = array.astype(dtype)
    if _kind(dtype) == "f" and not np.isfinite(cast).all():
        raise WeightsError(f"{where}: expected finite numbers, got NaN or infinity (the training had failed)")
    return cast


def _kind(dtype: np.dtype) -> str:
    """Return `f` for floats, with bfloat16, `i` for integers, otherwise NumPy's letter."""
    return {"V": "f", "u": "i"}.get(dtype.kind, dtype.kind)
