"""Data in the caller's memory: arrays, or a tf.data.Dataset.

They are kept in this process under the name `arrays:KIND:HASH`, with the hash of their content, which a config can
record and open like any other data set. A resumed run needs the same data again.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.core import images as pixels
from ganzoo.data.kinds import Table
from ganzoo.data.source import Source, from_arrays, order_classes, side_of, untuned
from ganzoo.errors import DataError
from ganzoo.registry import register
from ganzoo.schema import SHAPE_KEYS, Config, DatasetConfig

if TYPE_CHECKING:
    import tensorflow as tf

# A tf.data.Dataset up to this size is read into arrays; larger or endless ones are streamed.
MATERIALISED_BYTES = 2 * 2**30

# Number of a stream's examples for sample sheets, metrics and the list of classes.
SEEN = 2048

_EXAMPLES = ("examples", "images", "x")
_LABELS = ("labels", "y")


@dataclass(frozen=True)
class Held:
    """Data in memory.

    Attributes:
      examples: `[N, *shape]` in the kind's dtype; for a stream the first `SEEN`.
      labels: int32 `[N]`, or None.
      class_names: one name per label; empty without labels.
      stream: tf.data.Dataset of single examples as given, in mappings with `examples` and optionally `labels`; None
        for arrays.
      signed: whether a stream's floats are in [-1, 1] rather than [0, 1].
      columns: names of a table's columns.
    """

    examples: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    stream: Any = None
    signed: bool = False
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class StreamSource(Source):
    """The first examples of a stream, and the stream.

    Attributes:
      stream: endless tf.data.Dataset of single examples, mappings like those of `fetch` without the axis n.
    """

    stream: Any = None


# name -> domain ("" for data without domains) -> data
_held: dict[str, dict[str, Held]] = {}


def hold(data: Any, kind: str, domains: Sequence[str] = ()) -> str:
    """Keep data in this process; return the value of `dataset.name` that opens them.

    Args:
      data: an array, a tuple (examples, labels), a mapping with `examples` and optionally `labels` and `class_names`,
        or a tf.data.Dataset of examples, tuples or mappings, batched or not. Images are uint8 `[N, H, W, C]` or
        `[N, H, W]`, or floats in [-1, 1] (if any value is below 0) or [0, 1]; points and tables are numbers
        `[N, columns]`, sequences `[N, length, columns]`. A pandas.DataFrame keeps its column names. Labels are
        integers from 0, or names.
      kind: kind of the data, one of `kinds.KINDS`.
      domains: domains of a translation model; the data are then a mapping from each to an array of images.

    Raises:
      DataError: if the type, shape or range is wrong, or the labels do not fit the examples.
    """
    if domains:
        if not isinstance(data, Mapping) or set(data) != set(domains):
            given = sorted(map(str, data)) if isinstance(data, Mapping) else type(data).__name__
            raise DataError(f"dataset: expected a mapping from {' and '.join(domains)} to images, got {given}")
        held = {domain: _checked(data[domain], None, (), kind) for domain in domains}
        digest = hashlib.sha256("".join(map(_hash, held.values())).encode()).hexdigest()[:16]
    elif hasattr(data, "element_spec"):
        whole, digest = _of_dataset(data, kind)
        held = {"": whole}
    else:
        held = {"": _checked(*_parts(data), kind)}
        digest = _hash(held[""])
    name = f"arrays:{kind}:{digest}"
    _held[name] = held
    return name


def settings_for(config: Config, data: Any) -> dict[str, Any]:
    """Keep data in this process; return the overrides that train a config on them.

    Args:
      config: config of the model.
      data: see `hold`.

    Returns:
      dotted key -> value: the name and the shape of an example; without the size for a translation model, which
      resizes its images.

    Raises:
      DataError: as `hold`, or if a domain's images are smaller than the model's.
    """
    dataset = config.dataset
    name = hold(data, dataset.kind, dataset.domains)
    values: dict[str, Any] = {"dataset.name": name, "dataset.split": "train"}
    for domain, held in _held[name].items():
        shape = held.examples.shape[1:]
        sizes = (shape[0], shape[2]) if len(shape) == 3 else shape
        values |= {f"dataset.{key}": size for key, size in zip(SHAPE_KEYS[dataset.kind], sizes, strict=True)}
        if domain and shape[0] < dataset.image_shape[0]:
            raise DataError(
                f"dataset: expected images of {dataset.size}x{dataset.size} pixels or more, got {shape[0]}x{shape[1]} "
                f"of {domain} (take a smaller dataset.size)"
            )
    if dataset.domains:
        del values["dataset.size"]
    return values


def check(dataset: DatasetConfig, **_: Any) -> None:
    """Refuse a name whose data are not in this process, and splits other than `train`."""
    if dataset.name not in _held:
        raise DataError(
            f"dataset.name: {dataset.name} is data in memory that this process does not have: pass the same data "
            "again (in Python: ganzoo.train(…, dataset=…)), or name other data"
        )
    if dataset.split != "train":
        raise DataError(f"dataset.split: expected train for {dataset.name}, got '{dataset.split}'")


@register("dataset", "arrays:image:", domains=None, check=check)
@register("dataset", "arrays:image:", check=check)
@register("dataset", "arrays:points:", kind="points", check=check)
@register("dataset", "arrays:table:", kind="table", check=check)
@register("dataset", "arrays:sequence:", kind="sequence", check=check)
def open_held(dataset: DatasetConfig, *, domain: str = "", **_: Any) -> Source:
    """Open data kept in this process; convert images to the requested size and channels."""
    held = _held[dataset.name][domain]
    examples, kind = held.examples, None
    if dataset.kind == "table":
        kind = Table.fitted(held.columns, examples, dataset.name)
    if dataset.kind == "image":
        examples = _resized(held, dataset, side_of(dataset) if domain else dataset.image_shape[0])
    source = from_arrays(dataset.name, examples, held.labels, held.class_names, kind)
    return source if held.stream is None else StreamSource(**vars(source), stream=_converted(held))


def _resized(held: Held, dataset: DatasetConfig, side: int) -> np.ndarray:
    """Return the images with the side and channels of the config."""
    channels = dataset.image_shape[2]
    shape = held.examples.shape[1:]
    if shape == (side, side, channels):
        return held.examples
    if held.stream is not None:
        raise DataError(
            f"dataset.size: expected {'x'.join(map(str, shape))}, as in {dataset.name}, got {side}x{side}x{channels} "
            "(leave dataset.size and dataset.channels out, or resize the examples in the tf.data.Dataset)"
        )
    return np.stack([pixels.fit(image, side, channels) for image in held.examples])


def _parts(data: Any) -> tuple[Any, Any, Sequence[str]]:
    """Return examples, labels (or None) and class names (or none) of the given data."""
    if isinstance(data, Mapping):
        known = {*_EXAMPLES, *_LABELS, "class_names"}
        examples = [data[key] for key in _EXAMPLES if key in data]
        if len(examples) != 1 or not known.issuperset(data):
            raise DataError(
                f"dataset: expected a mapping with examples, optionally labels and class_names, got {sorted(data)}"
            )
        labels = next((data[key] for key in _LABELS if key in data), None)
        return examples[0], labels, tuple(data.get("class_names", ()))
    if isinstance(data, tuple):
        if len(data) != 2:
            raise DataError(f"dataset: expected a tuple (examples, labels), got {len(data)} parts")
        return data[0], data[1], ()
    return data, None, ()


def _checked(examples: Any, labels: Any, class_names: Sequence[str], kind: str) -> Held:
    """Return examples and labels in a source's form.

    Raises:
      DataError: as `hold`.
    """
    try:
        array = examples if isinstance(examples, np.memmap) else np.asarray(examples)
    except ValueError:
        raise DataError("dataset: expected examples of one shape, got several (resize or pad them)") from None
    array = _images(array) if kind == "image" else _numbers(array, SHAPE_KEYS[kind])
    columns = tuple(map(str, getattr(examples, "columns", range(array.shape[-1])))) if kind == "table" else ()
    if columns and not hasattr(examples, "columns"):
        columns = tuple(f"x{column}" for column in columns)
    if labels is None:
        if class_names:
            raise DataError(f"dataset: expected labels for the {len(class_names)} class names, got none")
        return Held(array, None, (), columns=columns)
    numbers, names = _numbered(np.asarray(labels), class_names)
    if len(numbers) != len(array):
        raise DataError(f"dataset: expected as many labels as examples, got {len(numbers)} and {len(array)}")
    return Held(array, numbers, names, columns=columns)


def _images(array: np.ndarray) -> np.ndarray:
    grey = array.ndim == 3
    shape = list(array.shape)
    if not grey and (array.ndim != 4 or shape[-1] not in (1, 3)):
        channels_first = array.ndim == 4 and shape[1] in (1, 3)
        hint = " (move the channels last: np.moveaxis(x, 1, -1))" if channels_first else ""
        raise DataError(f"dataset: expected images [N, H, W, 1 or 3] or [N, H, W], got {array.dtype} {shape}{hint}")
    if shape[1] != shape[2]:
        raise DataError(f"dataset: expected square images, got {shape[1]}x{shape[2]} pixels (crop or pad them)")
    try:
        (array,) = pixels.levels([array], ["dataset"])
    except ValueError as error:
        raise DataError(str(error)) from None
    return array[..., np.newaxis] if grey else array


def _numbers(array: np.ndarray, axes: Sequence[str]) -> np.ndarray:
    """Return float32 `[N, *axes]`."""
    if array.dtype.kind not in "fiub" or array.ndim != 1 + len(axes) or 0 in array.shape[1:]:
        wanted = ", ".join(["N", *axes])
        raise DataError(f"dataset: expected numbers [{wanted}], got {array.dtype} {list(array.shape)}")
    array = array.astype(np.float32)
    finite = np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    if not finite.all():
        raise DataError(
            f"dataset: expected finite numbers, got NaN or infinity in example {int(np.argmin(finite))} (leave such "
            "examples out)"
        )
    return array


def _numbered(labels: np.ndarray, class_names: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return labels int32 `[N]`, and the class names."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(f"dataset: expected labels [N], got {labels.dtype} {list(labels.shape)}")
    if labels.dtype.kind in "USO":
        texts = np.array([text.decode() if isinstance(text, bytes) else str(text) for text in labels])
        names = tuple(class_names) or order_classes(np.unique(texts).tolist())
        unknown = sorted(set(texts.tolist()) - set(names))
        if unknown:
            raise DataError(f"dataset: expected labels among the class names, got '{unknown[0]}'")
        return np.array([names.index(text) for text in texts], np.int32), names
    if labels.dtype.kind not in "iu":
        raise DataError(f"dataset: expected labels that are integers or names, got {labels.dtype}")
    least, most = (int(labels.min()), int(labels.max())) if len(labels) else (0, 0)
    names = tuple(class_names) or tuple(map(str, range(most + 1)))
    if least < 0 or most >= len(names):
        raise DataError(f"dataset: expected labels in 0 … {len(names) - 1}, got {least if least < 0 else most}")
    return labels.astype(np.int32), names


def _hash(held: Held) -> str:
    digest = hashlib.sha256()
    for part in (held.examples, held.labels):
        if part is not None:
            digest.update(f"{part.dtype} {part.shape} ".encode())
            digest.update(np.ascontiguousarray(part).data)
    digest.update("\0".join([*held.class_names, *held.columns]).encode())
    return digest.hexdigest()[:16]


def _of_dataset(data: tf.data.Dataset, kind: str) -> tuple[Held, str]:
    """Read a tf.data.Dataset into arrays in an order independent of shuffling; if large, read only its start."""
    endless = int(data.cardinality()) == -1  # tf.data.INFINITE_CARDINALITY
    data = _single(data, kind)
    rows, whole = _read(untuned(data).as_numpy_iterator(), endless)
    if not rows:
        raise DataError("dataset: expected at least two examples, got none")
    columns = {key: [row[key] for row in (rows if whole else rows[:SEEN])] for key in rows[0]}
    try:
        examples = np.stack(columns["examples"])
    except ValueError:
        raise DataError("dataset: expected examples of one shape, got several (resize or pad them)") from None
    labels = np.stack(columns["labels"]) if "labels" in columns else None
    held = _checked(examples, labels, (), kind)
    if whole:
        order = sorted(range(len(held.examples)), key=lambda row: _key(held, row))
        ordered = None if held.labels is None else held.labels[order]
        held = replace(held, examples=held.examples[order], labels=ordered)
        return held, _hash(held)
    if labels is not None and labels.dtype.kind not in "iu":
        raise DataError(f"dataset: expected integer labels in a stream, got {labels.dtype}")
    described = f"{data.element_spec} {held.examples.shape[1:]} {held.class_names}"
    signed = bool(kind == "image" and examples.dtype != np.uint8 and examples.min() < 0)
    digest = f"stream-{hashlib.sha256(described.encode()).hexdigest()[:8]}"
    return replace(held, stream=data, signed=signed), digest


def _key(held: Held, row: int) -> bytes:
    label = b"" if held.labels is None else held.labels[row].tobytes()
    return hashlib.sha256(held.examples[row].tobytes() + label).digest()


def _read(rows: Iterator[dict[str, np.ndarray]], endless: bool) -> tuple[list[dict[str, np.ndarray]], bool]:
    """Read single examples; also return whether they are all: at most `MATERIALISED_BYTES`, and not endless."""
    found: list[dict[str, np.ndarray]] = []
    size = 0
    for row in itertools.islice(rows, SEEN) if endless else rows:
        found.append(row)
        size += row["examples"].nbytes
        if size > MATERIALISED_BYTES:
            return found, False
    return found, not endless


def _single(data: tf.data.Dataset, kind: str) -> tf.data.Dataset:
    """Return the dataset with one example per element: a mapping with `examples` and optionally `labels`."""
    import tensorflow as tf

    spec = data.element_spec
    example_spec, labels_spec, _ = _parts(spec)
    shape = getattr(example_spec, "shape", None)
    if shape is None or shape.rank is None:
        raise DataError(f"dataset: expected elements that are examples of a known rank, got {spec}")
    is_image = kind == "image"
    grey = is_image and (shape.rank == 2 or (shape.rank == 3 and shape[-1] not in (1, 3, None)))
    batched = shape.rank - (2 if grey else 3 if is_image else len(SHAPE_KEYS[kind]))
    if batched not in (0, 1) or (is_image and not grey and shape[-1] not in (1, 3, None)):
        raise DataError(f"dataset: expected examples or batches of them, got elements of shape {shape}")

    @tf.autograph.experimental.do_not_convert
    def named(*parts: Any) -> dict[str, Any]:
        examples, labels, _ = _parts(parts if len(parts) > 1 else parts[0])
        return {"examples": examples} if labels_spec is None else {"examples": examples, "labels": labels}

    data = data.map(named)
    return data.unbatch() if batched else data


def _converted(held: Held) -> tf.data.Dataset:
    """Return the stream's examples in a source's form, repeated without end."""
    import tensorflow as tf

    shape = held.examples.shape[1:]

    @tf.autograph.experimental.do_not_convert
    def converted(row: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        examples = row["examples"]
        if held.examples.dtype == np.uint8 and examples.dtype != tf.uint8:
            floats = tf.cast(examples, tf.float32)
            examples = tf.cast(tf.round((floats + 1.0) * 127.5 if held.signed else floats * 255.0), tf.uint8)
        made = {"examples": tf.reshape(tf.cast(examples, held.examples.dtype), shape)}
        if held.labels is not None:
            labels = tf.reshape(tf.cast(row["labels"], tf.int32), [])
            last = len(held.class_names) - 1
            with tf.control_dependencies([tf.debugging.assert_less_equal(labels, last, "a label beyond the classes")]):
                made["labels"] = tf.identity(labels)
        return made

    return held.stream.repeat().map(converted)
