"""Inputs of a generator, from the arguments of `generate`; needs only NumPy."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from ganzoo.errors import UsageError, did_you_mean

LARGEST_SEED = 2**31 - 1
WITHOUT_CLASSES = 16  # default number of examples of an unconditional model
LISTED = 20  # classes in a message


def drawing(
    name: str,
    classes: int | None,
    n: int | None = None,
    labels: Any = None,
    seed: int | None = None,
    truncation: float = 1.0,
    positions: Any = None,
    class_names: Sequence[str] | None = (),
) -> dict[str, np.ndarray]:
    """Return the inputs of a generator's signature; the arguments are those of `GenerativeModel.generate`.

    Args:
      name: name of the model.
      classes: number of classes; 0 for an unconditional model; None if unknown (labels are required then).
      n, labels, seed, truncation, positions: as for `generate`.
      class_names: names of the labels, in order; labels may be given by name. None if they are unknown.

    Returns:
      seeds int32 `[n, 2]` = (seed, position), truncation float32 `[n]`, and labels int32 `[n]` if there are classes.

    Raises:
      UsageError: as `generate`.
    """
    labels = by_number(name, labels, class_names)
    n = _count(n, labels, positions, classes)
    positions = np.arange(n) if positions is None else _integers("positions", positions, n, LARGEST_SEED + 1)
    seeds = np.stack([np.full(n, check_seed(seed)), positions], axis=1).astype(np.int32)
    inputs = {"seeds": seeds, "truncation": np.full(n, check_truncation(truncation), np.float32)}
    if labels is None and classes:
        labels = positions % classes
    return inputs | check_labels(name, classes, labels, n)


def check_seed(seed: int | None) -> int:
    """Return a seed in [0, 2**31); a new one for None.

    Raises:
      UsageError: if it is not an integer, or out of range.
    """
    if seed is None:
        return secrets.randbelow(LARGEST_SEED + 1)
    return int(_integers("seed", [seed], 1, LARGEST_SEED + 1)[0])


def by_number(name: str, labels: Any, class_names: Sequence[str] | None = ()) -> Any:
    """Replace labels given as text, class names or numbers, by their numbers.

    Args:
      name: name of the model.
      labels: one label or several, each an integer or a text; returned unchanged if there is no text.
      class_names: in the order of the labels. A text that is both a class name and a number (`"3"`) is the name. If
        all names are numbers, a number is the class of that value (`"7"` of `07`), never an index. None if they are
        unknown, as on a server.

    Raises:
      UsageError: if a text is neither.
    """
    if isinstance(labels, str):
        return _number_of(name, labels, class_names)
    if isinstance(labels, list | tuple | np.ndarray) and any(isinstance(label, str) for label in labels):
        return [_number_of(name, label, class_names) if isinstance(label, str) else label for label in labels]
    return labels


def _number_of(name: str, label: str, class_names: Sequence[str] | None) -> int:
    names = list(class_names or ())
    if label in names:
        return names.index(label)
    values = [_value(each) for each in names]
    if values and None not in values:
        if values.count(value := _value(label)) == 1:
            return values.index(value)
        more = ", …" if len(values) > LISTED else ""
        raise UsageError(f"labels: {name} has no class '{label}' (classes: {', '.join(names[:LISTED])}{more})")
    if label.isascii() and label.isdigit() and len(label) < 19:
        return int(label)
    if class_names is None:
        raise UsageError(
            f"labels: expected integers, got '{label}' (a server does not report class names: give the number of the "
            "name's place, from 0, in dataset.class_names of the export's assets.extra/config.yaml)"
        )
    if not class_names:
        raise UsageError(f"labels: expected integers, got '{label}' ({name} has no class names)")
    raise UsageError(f"labels: {name} has no class '{label}'{did_you_mean(label, class_names)}")


def _value(text: str) -> Decimal | None:
    """Return a finite number in a text, or None."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def check_labels(
    name: str, classes: int | None, labels: Any, n: int, class_names: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """Return labels int32 `[n]` for a conditional model, otherwise {}; `classes` and `class_names` as in `drawing`.

    Raises:
      UsageError: if labels are missing, not supported, unknown, not integers, too many or out of range.
    """
    labels = by_number(name, labels, class_names)
    if classes == 0:
        if labels is not None:
            raise UsageError(f"labels: {name} is not conditional (leave them out)")
        return {}
    last = "the number of classes - 1" if classes is None else str(classes - 1)
    if labels is None:
        raise UsageError(f"labels: expected integers in 0 … {last}, got none")
    if _array("labels", labels).ndim == 0:
        labels = [labels] * n
    limit = LARGEST_SEED + 1 if classes is None else classes
    return {"labels": _integers("labels", labels, n, limit, last).astype(np.int32)}


def _count(n: Any, labels: Any, positions: Any, classes: int | None) -> int:
    if n is not None:
        return check_count(n)
    for what, values in (("labels", labels), ("positions", positions)):
        if values is not None and _array(what, values).ndim == 1:
            return check_count(len(values))
    return 1 if labels is not None else classes or WITHOUT_CLASSES


def check_count(n: Any) -> int:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise UsageError(f"n: expected an integer of 1 or more, got {n!r}")
    return int(n)


def check_truncation(truncation: Any) -> float:
    number = isinstance(truncation, int | float | np.number) and not isinstance(truncation, bool)
    if not number or not 0.0 < float(truncation) <= 1.0:
        raise UsageError(f"truncation: expected a number in (0, 1], got {truncation!r}")
    return float(truncation)


def _integers(what: str, values: Any, n: int, limit: int, last: str = "") -> np.ndarray:
    """Return int64 `[n]` in [0, limit), or raise UsageError with the first wrong value and the last valid one."""
    last = last or str(limit - 1)
    array = _array(what, values)
    if array.ndim != 1 or len(array) != n:
        raise UsageError(f"{what}: expected {n} integers, got shape {list(array.shape)}")
    if not np.issubdtype(array.dtype, np.integer):
        raise UsageError(f"{what}: expected integers in 0 … {last}, got {array.tolist()[0]!r}")
    wrong = array[(array < 0) | (array >= limit)]
    if len(wrong):
        raise UsageError(f"{what}: expected integers in 0 … {last}, got {wrong[0]}")
    return array.astype(np.int64)


def _array(what: str, values: Any) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError:
        raise UsageError(f"{what}: expected a plain list of integers, got rows of several lengths") from None
