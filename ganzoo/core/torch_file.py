"""PyTorch weight files, read without PyTorch and without running the code in their pickles."""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganzoo.errors import WeightsError

# Start of the older format, as pickles: this number, then the version (torch/serialization.py).
_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001

_TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """Read a file written by `torch.save(model.state_dict(), path)`, in the zip format or the one before 1.6.

    The unpickler knows ordered dictionaries, tensors and storages only. Any other name in the file is refused before
    it can be called.

    Args:
      path: the file; it is read into memory whole.

    Returns:
      Maps names to arrays, in the file's order. Read-only; arrays that share a storage share memory.

    Raises:
      WeightsError: if the file is absent, damaged, not a state dict, or names anything but tensors; one line.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such weights file") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from None
    try:
        return _read_zip(data) if data.startswith(b"PK") else _read_old(data)
    except Exception as error:  # damaged files raise nearly any type: KeyError, MemoryError, …
        kind = "" if isinstance(error, ValueError | pickle.UnpicklingError) else f"{type(error).__name__}: "
        reason = " ".join(f"{kind}{error}".split())
        raise WeightsError(f"{path}: cannot be read as a PyTorch state dict ({reason})") from None


class _Storage(NamedTuple):
    key: str
    dtype: str
    length: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def view(self, storages: dict[str, np.ndarray]) -> np.ndarray:
        """Return a view into the storage; without a copy no shape can ask for more memory than the file has."""
        storage = storages[self.storage.key]
        if len(self.shape) != len(self.strides) or min((self.offset, *self.shape, *self.strides)) < 0:
            raise ValueError("a tensor with an impossible shape")
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        if math.prod(self.shape) and last >= len(storage):
            raise ValueError("a tensor beyond the end of its storage")
        return np.lib.stride_tricks.as_strided(
            storage[min(self.offset, len(storage)) :],
            self.shape,
            [stride * storage.itemsize for stride in self.strides],
            writeable=False,
        )


class _Unpickler(pickle._Unpickler):
    """Unpickler that builds dictionaries of `_Tensor`; `storages` collects the storages that the pickle names.

    Based on the pure Python unpickler: with the C one a pickle of ten bytes can ask for 60 GB by a memo index.
    """

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _fresh_rebuild()
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not part of a tensor")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _location, length, *view = pid
        if kind != "storage" or not isinstance(key, str) or dtype not in _TYPES.values() or any(view):
            raise pickle.UnpicklingError("an unsupported kind of storage")
        storage = _Storage(key, dtype, int(length))
        if self.storages.setdefault(storage.key, storage) != storage:
            raise pickle.UnpicklingError("a storage of two dtypes")
        return storage


def _fresh_rebuild() -> Callable[..., _Tensor]:
    """Return a new function each time, because a pickle may set attributes of what it gets."""

    def rebuild(storage: Any, offset: Any, shape: Any, strides: Any, *_gradient: Any) -> _Tensor:
        if not isinstance(storage, _Storage):
            raise pickle.UnpicklingError("a tensor without a storage")
        return _Tensor(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))

    return rebuild


def _read_zip(data: bytes) -> dict[str, np.ndarray]:
    """Read a zip: uncompressed entries `NAME/data.pkl`, `NAME/data/KEY` and, in newer files, `NAME/byteorder`."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {info.filename.partition("/")[2]: info for info in archive.infolist()}
        if any(info.compress_type != zipfile.ZIP_STORED for info in entries.values()):
            raise ValueError("a compressed archive, which PyTorch does not write")
        if sum(info.file_size for info in entries.values()) > len(data):
            raise ValueError("an archive that claims more than it holds")
        if "byteorder" in entries and archive.read(entries["byteorder"]) != b"little":
            raise ValueError("written on a big-endian machine")
        unpickler = _Unpickler(io.BytesIO(archive.read(entries["data.pkl"])))
        tensors = _tensors(unpickler.load())
        storages = {
            key: _values(archive.read(entries[f"data/{key}"]), storage) for key, storage in unpickler.storages.items()
        }
    return {name: tensor.view(storages) for name, tensor in tensors.items()}


def _read_old(data: bytes) -> dict[str, np.ndarray]:
    """Read pickles of magic number, version, machine, state dict and keys, then the count and values of each key."""
    file = io.BytesIO(data)
    if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _VERSION:
        raise ValueError("neither of PyTorch's formats")
    if not _Unpickler(file).load()["little_endian"]:
        raise ValueError("written on a big-endian machine")
    unpickler = _Unpickler(file)
    tensors = _tensors(unpickler.load())
    storages = {}
    for key in _Unpickler(file).load():
        storage = unpickler.storages[key]
        if int.from_bytes(file.read(8), "little") != storage.length:
            raise ValueError("a storage length that differs from the announced one")
        storages[key] = _values(file.read(storage.length * np.dtype(storage.dtype).itemsize), storage)
    return {name: tensor.view(storages) for name, tensor in tensors.items()}


def _tensors(state: Any) -> dict[str, _Tensor]:
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(tensor, _Tensor) for name, tensor in state.items()
    ):
        raise ValueError("not a dictionary of tensors")
    return state


def _values(data: bytes, storage: _Storage) -> np.ndarray:
    if len(data) != storage.length * np.dtype(storage.dtype).itemsize:
        raise ValueError("it ends too early")
    return np.frombuffer(data, storage.dtype)
