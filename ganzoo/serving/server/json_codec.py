"""TensorFlow Serving's JSON: bodies to arrays, arrays to answers.

Rows (`instances` -> `predictions`) are lists of values, or of objects with all inputs; columns (`inputs` -> `outputs`)
are one value, or an object with all inputs. Bytes are `{"b64": …}`, in outputs if the name ends with `_bytes`. A single
output stands without its name.

Source: tensorflow_serving/util/json_tensor.cc. Stricter here: NaN, infinities and numbers out of range are refused.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections import Counter
from collections.abc import Mapping
from itertools import chain
from typing import Any, NoReturn

import numpy as np
import tensorflow as tf

from ganzoo.serving.server.servable import DEEPEST, Arrays, Servable, Signature
from ganzoo.serving.server.status import invalid

ROWS, COLUMNS = "instances", "inputs"
BYTES_ENDING = "_bytes"
MOST_LISTS, MOST_OBJECTS = 5 * 2**20, 2**16  # above the largest call: 2048x2048 pixels, each a list; 1024 rows
ROUNDED = {tf.float32: 1 + 2**-25}  # its largest number prints as 3.4028235e38, which is larger and rounds to it


class JsonExchange:
    """Request as JSON, and its answer.

    Attributes:
      size: Size of the body in bytes.
    """

    def __init__(self, body: bytes) -> None:
        self.size = len(body)
        self._body = body
        self._by_rows = True

    def read(self, servable: Servable) -> tuple[Signature, Arrays]:
        """Return the requested signature and its inputs.

        Raises:
          ServingError: The body does not fit the signature.
        """
        if self._body.count(b"[") > MOST_LISTS or self._body.count(b"{") > MOST_OBJECTS:
            raise invalid(f"expected at most {MOST_LISTS} lists and {MOST_OBJECTS} objects")
        content = _parse(self._body)
        name = content.get("signature_name", "")
        if not isinstance(name, str):
            raise invalid("'signature_name' key must be a string value")
        signature = servable.signature(name)
        if (ROWS in content) == (COLUMNS in content):
            given = "both" if ROWS in content else "neither"
            raise invalid(f"expected one of the keys '{ROWS}' and '{COLUMNS}', got {given}")
        self._by_rows = ROWS in content
        values = _columns_of_rows(content[ROWS], signature) if self._by_rows else _columns(content[COLUMNS], signature)
        inputs = {name: array_of(value, signature.inputs[name].dtype, name) for name, value in values.items()}
        signature.check({name: array.shape for name, array in inputs.items()})
        return signature, inputs

    def write(self, servable: Servable, signature: Signature, outputs: Arrays) -> bytes:
        """Return the answer, in the form of the request.

        Raises:
          ServingError: The outputs cannot be written in that form.
        """
        values = {name: _writable(name, array) for name, array in sorted(outputs.items())}
        if not self._by_rows:
            (answer,) = values.values() if len(values) == 1 else (values,)
            return json.dumps({"outputs": answer}).encode()
        rows = {len(array) if array.ndim else None for array in outputs.values()}
        if len(rows) != 1 or None in rows:
            raise invalid(f"the outputs of '{signature.name}' have no common rows (use '{COLUMNS}')")
        if len(values) == 1:
            return json.dumps({"predictions": next(iter(values.values()))}).encode()
        table = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
        return json.dumps({"predictions": table}).encode()


def array_of(value: Any, dtype: tf.DType, name: str) -> np.ndarray:
    """Convert nested lists to an array.

    Args:
      value: Value or nested lists, of one length at each level.
      dtype: Dtype of the array.
      name: Name of the input, for errors.

    Raises:
      ServingError: Ragged lists, or a value of another type or out of the range of the dtype.
    """
    shape: list[int] = []
    leaves = [value]
    while leaves and isinstance(leaves[0], list):
        if len(shape) == DEEPEST:
            raise invalid(f"input '{name}': expected at most {DEEPEST} nested lists")
        shape.append(len(leaves[0]))
        if any(not isinstance(item, list) or len(item) != shape[-1] for item in leaves):
            raise invalid(f"input '{name}': expected lists of {shape[-1]} at level {len(shape)}, got ragged ones")
        leaves = list(chain.from_iterable(leaves))
    return _flat(leaves, dtype, name).reshape(shape)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body, parse_constant=_no_constant, object_pairs_hook=_unique)
    except RecursionError:
        raise invalid("JSON Parse error: nested too deeply") from None
    except ValueError as error:  # no JSON, or numbers with thousands of digits
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(content, dict):
        raise invalid(f"JSON Value: expected Object, got {_type(content)}")
    return content


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        (repeated, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {repeated[:30]!r} is given twice")
    return made


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _columns_of_rows(rows: Any, signature: Signature) -> dict[str, Any]:
    if not isinstance(rows, list) or not rows:
        raise invalid(f"'{ROWS}': expected a list with at least one row")
    names = set(signature.inputs)
    if not _is_object(rows[0]):
        (name,) = _only(names, ROWS)
        return {name: rows}
    for i, row in enumerate(rows):
        if not _is_object(row) or row.keys() != names:
            given = f"the keys {', '.join(sorted(row)) or 'none'}" if _is_object(row) else _type(row)
            raise invalid(
                f"'{ROWS}', row {i}: expected an object with the keys {', '.join(sorted(names))}, got {given}"
            )
    return {name: [row[name] for row in rows] for name in names}


def _columns(columns: Any, signature: Signature) -> dict[str, Any]:
    names = set(signature.inputs)
    if not _is_object(columns):
        (name,) = _only(names, COLUMNS)
        return {name: columns}
    missing = sorted(names - columns.keys())
    if missing:
        raise invalid(f"Missing named input: {', '.join(missing)} in '{COLUMNS}' object")
    return {name: columns[name] for name in names}  # others are ignored, as TensorFlow Serving does


def _only(names: set[str], key: str) -> set[str]:
    if len(names) != 1:
        raise invalid(f"'{key}': expected objects with the keys {', '.join(sorted(names))}, got plain values")
    return names


def _is_object(value: Any) -> bool:
    """Return whether a value is an object of inputs, not bytes."""
    return isinstance(value, dict) and not _is_bytes(value)


def _is_bytes(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _flat(leaves: list[Any], dtype: tf.DType, name: str) -> np.ndarray:
    if dtype == tf.string:
        array = np.empty(len(leaves), object)
        array[:] = [_string(leaf, name) for leaf in leaves]
        return array
    wanted = {tf.bool: {bool}}.get(dtype, {int} if dtype.is_integer else {int, float} if dtype.is_floating else set())
    wrong = {type(leaf) for leaf in leaves} - wanted
    if wrong:
        words = ", ".join(sorted(_type_name(kind) for kind in wrong))
        raise invalid(f"input '{name}': {words} is not of expected type: {dtype.name}")
    if dtype != tf.bool and leaves:
        exact = int if dtype.is_integer else float  # Python compares numbers of any size exactly
        least, most = (exact(limit) * ROUNDED.get(dtype, 1) for limit in (dtype.min, dtype.max))
        if min(leaves) < least or max(leaves) > most:
            far = min(leaves) if min(leaves) < least else max(leaves)
            raise invalid(f"input '{name}': {_short(far)} is out of the range of {dtype.name}")
    return np.array(leaves, dtype.as_numpy_dtype)


def _string(leaf: Any, name: str) -> bytes:
    try:
        if isinstance(leaf, str):
            return leaf.encode()
        if _is_bytes(leaf):
            return _from_base64(leaf["b64"])
    except (binascii.Error, ValueError) as error:
        raise invalid(f"input '{name}': Unable to base64 decode, or not text ({error})") from None
    raise invalid(f"input '{name}': {_type(leaf)} is not of expected type: string")


def _from_base64(text: str) -> bytes:
    """Decode base64 as `absl::Base64Unescape` does: white space anywhere, all padding or none, also of dots."""
    given = b"".join(text.encode().split())
    digits = given.rstrip(b"=.")
    padding = b"=" * (-len(digits) % 4)
    if len(given) - len(digits) not in (0, len(padding)):
        raise ValueError(f"expected {len(padding)} characters of padding, or none")
    return base64.b64decode(digits + padding, validate=True)


def _writable(name: str, array: np.ndarray) -> Any:
    """Convert to a value for `json`, with NaN and infinities, as in TensorFlow Serving."""
    if array.dtype == object:
        coded = [_coded(name, value) for value in array.reshape(-1)]
        cells = np.empty(len(coded), object)
        cells[:] = coded
        return cells.reshape(array.shape).tolist()
    if array.dtype.kind not in "biu" and array.dtype != np.float64:
        # The shortest decimal that rounds to this float32.
        array = array.astype(np.float32).astype(np.str_).astype(np.float64)
    return array.tolist()


def _coded(name: str, value: bytes) -> str | Mapping[str, str]:
    if name.endswith(BYTES_ENDING):
        return {"b64": base64.b64encode(value).decode("ascii")}
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise invalid(f"output '{name}': has bytes that are not text, which JSON cannot hold") from None


def _type(value: Any) -> str:
    return _type_name(type(value))


def _type_name(kind: type) -> str:
    names = {type(None): "Null", bool: "Boolean", dict: "Object", list: "Array", str: "String"}
    return names.get(kind, "Number")


def _short(number: float) -> str:
    try:
        text = str(number)
    except ValueError:  # Python refuses to print integers of thousands of digits
        return "a number"
    return text if len(text) <= 30 else f"{text[:30]}…"
