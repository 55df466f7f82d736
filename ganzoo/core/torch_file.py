"""Weight files of PyTorch users, read without PyTorch and without running the code in their pickles."""

from __future__ import annotations

import io
import itertools
import math
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import ml_dtypes
import numpy as np
from safetensors import deserialize

from ganzoo.errors import WeightsError

# Start of the older format, as pickles: this number, then the version (torch/serialization.py).
_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001

_TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16).name,
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}
_NUMPY = {
    **{f"F{8 * size}": f"<f{size}" for size in (2, 4, 8)},
    **{f"{letter.upper()}{8 * size}": f"<{letter}{size}" for letter in "iu" for size in (1, 2, 4, 8)},
    "BF16": _TYPES["BFloat16Storage"],
    "BOOL": "|b1",
}

# What torch.save writes, and pickles of other protocols for the same; none makes an object but REDUCE and BUILD.
_OPCODES = (
    *(pickle.PROTO, pickle.FRAME, pickle.STOP, pickle.MARK, pickle.POP, pickle.POP_MARK, pickle.NONE),
    *(pickle.NEWTRUE, pickle.NEWFALSE, pickle.INT, pickle.BININT, pickle.BININT1, pickle.BININT2, pickle.LONG1),
    *(pickle.FLOAT, pickle.BINFLOAT, pickle.UNICODE, pickle.BINUNICODE, pickle.SHORT_BINUNICODE),
    *(pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3, pickle.EMPTY_TUPLE),
    *(pickle.LIST, pickle.EMPTY_LIST, pickle.APPEND, pickle.APPENDS),
    *(pickle.DICT, pickle.EMPTY_DICT, pickle.SETITEM, pickle.SETITEMS),
    *(pickle.GET, pickle.BINGET, pickle.LONG_BINGET, pickle.PUT, pickle.BINPUT, pickle.LONG_BINPUT, pickle.MEMOIZE),
    *(pickle.GLOBAL, pickle.STACK_GLOBAL, pickle.BINPERSID, pickle.REDUCE, pickle.BUILD),
)
_LOADERS: dict[int, Any] = dict(pickle._Unpickler.dispatch)

MOST_DIMENSIONS = 8
MOST_PAIRS = 100_000  # of all ordered dictionaries that a pickle makes from lists, which may be one list many times
MOST_LISTED = 10  # dictionaries named in a message
MOST_SEARCHED = 1000
LONGEST_KEY = 200  # characters, as of a tensor's name
LONGEST_REASON = 1000


def read_state_dict(path: str | Path, key: str | None = None) -> dict[str, np.ndarray]:
    """Read tensors by name, from a file of `torch.save` (the zip format, or the one before 1.6) or a safetensors file.

    The unpickler knows dictionaries, tensors, parameters and storages only. Any other name in the file is refused
    before it can be called.

    Args:
      path: the file; it is read into memory whole.
      key: where the state dict is in a nested checkpoint: `state_dict`, `models.G_A`. What is no key of a dictionary is
        a prefix of names: `state_dict.G_A` of `G_A.model.1.weight`. None is the whole file.

    Returns:
      Maps names to arrays, in the file's order. Read-only; arrays that share a storage share memory.

    Raises:
      WeightsError: if the file is absent, damaged, names anything but tensors, or has no state dict there; one line
        that lists where there is one.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such weights file") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from None
    try:
        if Path(path).suffix.lower() == ".safetensors":
            arrays = _read_safetensors(data, key)
        else:
            arrays = _read_zip(data, key) if data.startswith(b"PK") else _read_old(data, key)
        if max(map(len, arrays), default=0) > LONGEST_KEY:
            raise ValueError(f"a name of more than {LONGEST_KEY} characters")
    except Exception as error:  # damaged files raise nearly any type: KeyError, MemoryError, …
        kind = "" if isinstance(error, ValueError | pickle.UnpicklingError) else f"{type(error).__name__}: "
        reason = " ".join(f"{kind}{error}".split())
        raise WeightsError(f"{path}: cannot be read as a PyTorch state dict ({reason[:LONGEST_REASON]})") from None
    return arrays


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
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        if math.prod(self.shape) and last >= len(storage):
            raise ValueError("a tensor beyond the end of its storage")
        return np.lib.stride_tricks.as_strided(
            storage[min(self.offset, len(storage)) :],
            self.shape,
            [stride * storage.itemsize for stride in self.strides],
            writeable=False,
        )


def _refuse(_: _Unpickler) -> None:
    raise pickle.UnpicklingError("it has an instruction that no state dict needs")


class _Unpickler(pickle._Unpickler):
    """Unpickler that builds dictionaries of `_Tensor`; `storages` collects the storages that the pickle names.

    Based on the pure Python unpickler: with the C one a pickle of ten bytes can ask for 60 GB by a memo index. Only
    some opcodes are known: others can ask for gigabytes (BYTEARRAY8). Keys are texts and integers only: tuples nested
    thirty times, in 217 bytes, take half a minute to hash. Three bytes call a function with a list that was read
    before, so no function copies, nor reads as numbers, more than a few of its items. Attributes (BUILD) are not set.
    """

    dispatch: ClassVar[dict[int, Any]] = dict.fromkeys(range(256), _refuse) | {
        op[0]: _LOADERS[op[0]] for op in _OPCODES
    }
    stack: list[Any]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}
        self.pairs = 0

    def load_dict(self) -> None:
        items = self.pop_mark()
        _check_keys(items[::2])
        self.append(dict(zip(items[::2], items[1::2], strict=True)))

    def load_setitem(self) -> None:
        _check_keys(self.stack[-2:-1])
        _LOADERS[pickle.SETITEM[0]](self)

    def load_setitems(self) -> None:
        _check_keys(self.stack[::2])  # what was put since the mark
        _LOADERS[pickle.SETITEMS[0]](self)

    def load_build(self) -> None:
        self.stack.pop()  # torch.save writes the versions of modules

    dispatch |= {
        pickle.BUILD[0]: load_build,
        pickle.DICT[0]: load_dict,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return self.ordered
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, _gradient=None, _hooks=None: tensor
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not part of a tensor")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _location, length = pid[:-1] if len(pid) == 6 and pid[-1] is None else pid
        named = isinstance(key, str) and isinstance(dtype, str) and type(length) is int
        if kind != "storage" or not named or dtype not in _TYPES.values():
            raise pickle.UnpicklingError("an unsupported kind of storage")
        storage = _Storage(key, dtype, length)
        if self.storages.setdefault(storage.key, storage) != storage:
            raise pickle.UnpicklingError("a storage of two dtypes")
        return storage

    def ordered(self, items: Sequence[Any] = ()) -> OrderedDict[Any, Any]:
        self.pairs += len(items)
        if self.pairs > MOST_PAIRS or any(len(item) != 2 for item in items):
            raise pickle.UnpicklingError(f"an ordered dictionary of anything but pairs, or more than {MOST_PAIRS:,}")
        pairs = [tuple(item) for item in items]
        _check_keys(pair[0] for pair in pairs)
        return OrderedDict(pairs)


def _check_keys(keys: Iterable[Any]) -> None:
    if not all(type(key) in (str, int) for key in keys):
        raise pickle.UnpicklingError("a dictionary with keys other than texts and integers")


def _rebuild(
    storage: Any,
    offset: Any,
    shape: Any,
    strides: Any,
    _gradient: Any = None,
    _hooks: Any = None,
    _metadata: Any = None,
) -> _Tensor:
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    fits = len(shape) == len(strides) <= MOST_DIMENSIONS
    if not fits or not all(type(number) is int and number >= 0 for number in (offset, *shape, *strides)):
        raise pickle.UnpicklingError("a tensor with an impossible shape")
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


def _read_safetensors(data: bytes, key: str | None) -> dict[str, np.ndarray]:
    arrays = {}
    for name, found in deserialize(data):
        if found["dtype"] not in _NUMPY:
            raise ValueError(f"{name}: an unsupported dtype {found['dtype']}")
        array = np.frombuffer(found["data"], _NUMPY[found["dtype"]]).reshape(found["shape"])
        array.flags.writeable = False
        arrays[name] = array
    return _chosen(arrays, key)


def _read_zip(data: bytes, key: str | None) -> dict[str, np.ndarray]:
    """Read a zip of uncompressed entries `NAME/data.pkl`, `NAME/data/KEY` and, in newer files, `NAME/byteorder`."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {info.filename.partition("/")[2]: info for info in archive.infolist()}
        if any(info.compress_type != zipfile.ZIP_STORED for info in entries.values()):
            raise ValueError("a compressed archive, which PyTorch does not write")
        if sum(info.file_size for info in entries.values()) > len(data):
            raise ValueError("an archive that claims more than it holds")
        if "byteorder" in entries and archive.read(entries["byteorder"]) != b"little":
            raise ValueError("written on a big-endian machine")
        unpickler = _Unpickler(io.BytesIO(archive.read(entries["data.pkl"])))
        tensors = _chosen(unpickler.load(), key)
        wanted = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
        storages = {name: _values(archive.read(entries[f"data/{name}"]), storage) for name, storage in wanted.items()}
    return {name: tensor.view(storages) for name, tensor in tensors.items()}


def _read_old(data: bytes, key: str | None) -> dict[str, np.ndarray]:
    """Read pickles of magic number, version, machine, state dict and keys, then the count and values of each key."""
    file = io.BytesIO(data)
    if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _VERSION:
        raise ValueError("neither of PyTorch's formats")
    if not _Unpickler(file).load()["little_endian"]:
        raise ValueError("written on a big-endian machine")
    unpickler = _Unpickler(file)
    tensors = _chosen(unpickler.load(), key)
    storages = {}
    names = _Unpickler(file).load()
    _check_keys(names)
    for name in names:
        storage = unpickler.storages[name]
        if int.from_bytes(file.read(8), "little") != storage.length:
            raise ValueError("a storage length that differs from the announced one")
        storages[name] = _values(file.read(storage.length * np.dtype(storage.dtype).itemsize), storage)
    return {name: tensor.view(storages) for name, tensor in tensors.items()}


def _chosen(state: Any, key: str | None) -> dict[str, Any]:
    """Return the dictionary of tensors at a key: keys of dictionaries, then a prefix of names."""
    found, parts = state, key.split(".") if key is not None else []
    while parts and isinstance(found, dict) and isinstance(found.get(parts[0]), dict):
        found = found[parts.pop(0)]
    if parts and isinstance(found, dict):
        before = ".".join(parts) + "."
        names = [name for name in found if isinstance(name, str) and name.startswith(before)]
        found = {name.removeprefix(before): found[name] for name in names} or None
    if (found or not parts) and _is_state_dict(found):
        return found
    places = _places(state)
    listed = ", ".join(places[:MOST_LISTED]) + (" …" if len(places) > MOST_LISTED else "")
    where = "it is not" if key is None else f"'{key}' is not"
    raise ValueError(f"{where} a dictionary of tensors" + (f"; give the key of one: {listed}" if places else ""))


def _is_state_dict(found: Any) -> bool:
    return isinstance(found, dict) and all(isinstance(k, str) and _is_tensor(v) for k, v in found.items())


def _is_tensor(value: Any) -> bool:
    return isinstance(value, _Tensor | np.ndarray)


def _places(state: Any) -> list[str]:
    """Return the keys at which a file has tensors; the search ends early in a very large one."""
    found, places = [], [("", state)]
    met = {id(state)}  # the same dictionary may be in many places
    for place, value in places:  # grows on the way
        if place and value and _is_state_dict(value):
            found.append(place[:-1])
        if isinstance(value, dict):
            known = [(key, inner) for key, inner in value.items() if isinstance(key, str) and len(key) <= LONGEST_KEY]
            found += [place + prefix for prefix in prefixes(key for key, inner in known if _is_tensor(inner))]
            for key, inner in known:
                if isinstance(inner, dict) and id(inner) not in met and len(places) < MOST_SEARCHED:
                    met.add(id(inner))
                    places.append((f"{place}{key}.", inner))
    return found


def prefixes(names: Iterable[str]) -> list[str]:
    """Return the prefixes at which tensors' names part first, unless by numbers: `G_A` of `G_A.model.1.weight`."""
    parts = [name.split(".") for name in names]
    shared = sum(1 for _ in itertools.takewhile(lambda column: len(set(column)) == 1, zip(*parts, strict=False)))
    starts = [one[: shared + 1] for one in parts if len(one) > shared + 1 and not one[shared].isdecimal()]
    return sorted({".".join(start) for start in starts})


def _values(data: bytes, storage: _Storage) -> np.ndarray:
    if len(data) != storage.length * np.dtype(storage.dtype).itemsize:
        raise ValueError("it ends too early")
    return np.frombuffer(data, storage.dtype)
