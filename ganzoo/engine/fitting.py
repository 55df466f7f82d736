"""What people hand to `fit`: data are checked, converted and cut into whole steps; callbacks are checked."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ganzoo.data.kinds import Kind, of_shape
from ganzoo.data.kinds.kind import batch_of, shown
from ganzoo.data.source import untuned
from ganzoo.errors import UsageError

_log = logging.getLogger(__name__)

ROWS = 32  # default batch size of arrays, as in Keras
# arguments of Keras's `fit` for validation and weights, with its defaults
NOT_OF_A_GAN: Mapping[str, Any] = {
    **dict.fromkeys(("validation_data", "class_weight", "sample_weight", "validation_steps", "validation_batch_size")),
    "validation_split": 0.0,
    "validation_freq": 1,
}
Parts = Mapping[str, Kind | int]  # parts of a batch: kind of the examples, or number of classes of labels


class Feed(NamedTuple):
    """Input of Keras's `fit`.

    Attributes:
      batches: batches of one number of rows, in the networks' range.
      steps: steps of an epoch; None for all batches of a data set of unknown length.
      together: number of steps per execution.
    """

    batches: Any
    steps: int | None
    together: int


def feed(model: Any, x: Any, y: Any, batch_size: int | None, shuffle: bool, steps: int | None) -> Feed:
    """Return the data of `fit`, in whole batches and whole steps.

    Args:
      model: model to train; its `batch_parts` say what it is fed.
      x, y, batch_size, shuffle: as for `SteppedModel.fit`.
      steps: `steps_per_epoch`.

    Raises:
      UsageError: the data are not a batch of the model, there are too few, or the rows do not divide.
    """
    if isinstance(x, tf.distribute.DistributedDataset):
        replicas = model.distribute_strategy.num_replicas_in_sync
        specs = tf.nest.flatten(x.element_spec, expand_composites=True)
        if replicas > 1 and any(part.shape[:1] == [None] for part in specs):
            raise UsageError(
                f"{model.name}: fit: expected a distributed data set of equally many rows for each of {replicas} "
                f"replicas, got batches of an unknown number (batch a multiple of {replicas} with drop_remainder=True; "
                "with several workers also repeat() it)"
            )
        return Feed(x, steps, largest_divisor(steps or 1, model.steps_per_execution))
    if isinstance(x, tf.data.Dataset):
        if y is not None or batch_size is not None:
            raise UsageError(f"{model.name}: fit: expected no y and no batch_size beside a tf.data.Dataset of batches")
        batches = _of_dataset(model, x)
    else:
        batches = _of_arrays(model, x if y is None else (x, y), batch_size or ROWS, shuffle)
    batches = untuned(batches)
    needed, length = model.batches_a_step, int(batches.cardinality())
    endless = isinstance(x, tf.data.Dataset) and int(x.cardinality()) == tf.data.INFINITE_CARDINALITY
    if steps is not None:
        return Feed(batches if endless else batches.repeat(), steps, largest_divisor(steps, model.steps_per_execution))
    if endless:
        raise UsageError(f"{model.name}: fit: expected steps_per_epoch for data without an end, got none")
    if length == tf.data.UNKNOWN_CARDINALITY:
        return Feed(batches, None, 1)
    if length < needed:
        raise UsageError(f"{model.name}: fit: expected {needed} batches or more for a step, got {length}")
    steps = length // needed
    if left := length % needed:
        _log.warning("%s: fit: %d of %d batches make no step and are left out of each epoch", model.name, left, length)
    return Feed(batches.take(steps * needed).repeat(), steps, largest_divisor(steps, model.steps_per_execution))


def largest_divisor(number: int, limit: int) -> int:
    """Return the largest divisor of a number up to the limit."""
    return next(d for d in range(min(number, limit), 0, -1) if number % d == 0)


def check_others(model: Any, others: Mapping[str, Any]) -> None:
    """Refuse arguments of Keras's `fit` that make no sense for a GAN, unless they have Keras's own defaults.

    Raises:
      UsageError: one of them is given.
      TypeError: Keras does not have such an argument.
    """
    for name, value in others.items():
        if name not in NOT_OF_A_GAN:
            raise TypeError(f"fit() got an unexpected keyword argument '{name}'")
        if value is not None and not (np.isscalar(value) and value == NOT_OF_A_GAN[name]):
            raise UsageError(f"{model.name}: fit: {name} is not supported (evaluate by ganzoo.evaluate(model))")


def check_callbacks(model: Any, callbacks: Any) -> None:
    """Refuse callbacks that cannot work, and set the direction of those that watch one of the model's scalars.

    Raises:
      UsageError: a callback changes the learning rate of a single optimizer, or watches a scalar that is not logged.
    """
    held = getattr(callbacks, "callbacks", callbacks)
    for callback in held if isinstance(held, Iterable) else [held]:
        name = type(callback).__name__
        if isinstance(callback, keras.callbacks.ReduceLROnPlateau | keras.callbacks.LearningRateScheduler):
            raise UsageError(
                f"{model.name}: fit: {name} needs a model with one optimizer (give each optimizer a schedule of "
                "keras.optimizers.schedules)"
            )
        watched = getattr(callback, "monitor", None)
        if watched is None or not getattr(callback, "save_best_only", True):
            continue
        if watched not in model.log_names:
            raise UsageError(
                f"{model.name}: fit: {name} monitors '{watched}', expected one of {', '.join(model.log_names)}"
            )
        if getattr(callback, "mode", None) == "auto":
            callback.mode = "max" if watched.endswith("accuracy") else "min"


def _of_arrays(model: Any, given: Any, batch_size: int, shuffle: bool) -> tf.data.Dataset:
    """Return batches of arrays, in a new order each epoch if `shuffle` is set; the rest of an order is left out."""
    if callable(getattr(given, "__next__", None)) or isinstance(given, keras.utils.PyDataset):
        raise UsageError(
            f"{model.name}: fit: expected arrays or a tf.data.Dataset of batches, got {type(given).__name__} "
            "(tf.data.Dataset.from_generator)"
        )
    if not model.batch_parts:
        raise UsageError(f"{model.name}: fit: expected a tf.data.Dataset of batches, got {type(given).__name__}")
    parts = _named(model, given)
    arrays = {name: _checked(model, name, array) for name, array in parts.items()}
    lengths = {name: len(array) for name, array in arrays.items()}
    count = min(lengths.values())
    if len(set(lengths.values())) > 1:
        raise UsageError(
            f"{model.name}: fit: expected parts of the same length, got {lengths} (of others, give a tf.data.Dataset "
            "that zips them)"
        )
    _check_rows(model, batch_size)
    if count < batch_size:
        raise UsageError(f"{model.name}: fit: expected batch_size={batch_size} examples or more, got {count}")
    if left := count % batch_size:
        _log.warning("%s: fit: %d of %d examples fill no batch and are left out of each epoch", model.name, left, count)
    order = tf.data.Dataset.range(count)
    order = order.shuffle(count, seed=model.seed) if shuffle else order  # the same on all workers
    with tf.device("CPU:0"):
        held = {name: tf.convert_to_tensor(array) for name, array in arrays.items()}

    @tf.autograph.experimental.do_not_convert
    def batch(at: tf.Tensor) -> Any:
        return _unnamed(model, given, _converted(model, {name: tf.gather(array, at) for name, array in held.items()}))

    return order.batch(batch_size, drop_remainder=True).map(batch).prefetch(2)


def _of_dataset(model: Any, batches: tf.data.Dataset) -> tf.data.Dataset:
    """Return a data set of batches, checked by its element's specification, in batches of one number of rows."""
    spec = batches.element_spec
    parts = _named(model, spec)
    for name, part in parts.items():
        _check_spec(model, name, part)
    rows = tf.nest.flatten(parts or spec)[0].shape[0]  # what else a batch has may be without rows
    if rows is None:
        first = next(iter(batches), None)
        if first is None:
            raise UsageError(f"{model.name}: fit: expected a batch or more, got none")
        rows = len(tf.nest.flatten(_named(model, first) or first)[0])
        _check_rows(model, rows)
        _log.warning(
            "%s: fit: the last batch may have fewer rows; a rest of less than %d is left out (drop_remainder=True)",
            model.name,
            rows * model.batches_a_step,
        )
        batches = batches.rebatch(rows * model.batches_a_step, drop_remainder=True)
        batches = batches.rebatch(rows, drop_remainder=True)
    _check_rows(model, rows)
    if any(isinstance(kind, int) or kind.is_image for kind in model.batch_parts.values()):

        @tf.autograph.experimental.do_not_convert
        def converted(*batch: Any) -> Any:
            given = _single(batch)
            made = _converted(model, _named(model, given))
            return {**given, **made} if isinstance(given, Mapping) else _unnamed(model, spec, made)

        batches = batches.map(converted)
    return batches


def _single(batch: tuple[Any, ...]) -> Any:
    return batch[0] if len(batch) == 1 else batch


def _named(model: Any, given: Any) -> dict[str, Any]:
    """Return the parts of a batch, or of all data, by name."""
    names = list(model.batch_parts)
    if not names:
        return {}
    if isinstance(given, Mapping) and set(given) >= set(names):
        return {name: given[name] for name in names}
    if isinstance(given, tuple) and len(given) == len(names):
        return dict(zip(names, given, strict=True))
    if len(names) == 1 and not isinstance(given, tuple | Mapping):
        return {names[0]: given}
    wanted = names[0] + " alone" if len(names) == 1 else f"({', '.join(names)})"
    has = list(given) if isinstance(given, Mapping) else f"{len(given)} parts" if isinstance(given, tuple) else "one"
    raise UsageError(f"{model.name}: fit: expected {wanted}, got {has}")


def _unnamed(model: Any, given: Any, parts: dict[str, Any]) -> Any:
    """Return parts in the structure of the given data."""
    if isinstance(given, Mapping):
        return parts
    return tuple(parts.values()) if len(parts) > 1 else next(iter(parts.values()))


def _checked(model: Any, name: str, given: Any) -> np.ndarray:
    """Return an array of examples or labels, checked by dtype, shape and range."""
    part, where = model.batch_parts[name], f"{model.name}: fit: {name}"
    array = np.asarray(given)
    if isinstance(part, Kind):
        if tf.TensorShape(array.shape[1:]).is_compatible_with(part.shape):
            part = of_shape(array.shape[1:])  # a translator may take any size
        return part.checked(array, where)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise UsageError(f"{where}: expected integers [N] in 0 … {part - 1}, got {shown(array)}{_one_hot(array.shape)}")
    wrong = array[(array < 0) | (array >= part)]
    if len(wrong):
        raise UsageError(f"{where}: expected integers in 0 … {part - 1}, got {wrong[0]}")
    return array.astype(np.int32)


def _check_spec(model: Any, name: str, spec: Any) -> None:
    """Check dtype and shape of a part of a batch."""
    part, where = model.batch_parts[name], f"{model.name}: fit: {name}"
    if spec.shape.rank is None:
        raise UsageError(f"{where}: expected batches of a known shape, got an unknown one (set_shape tells it)")
    got = f"{spec.dtype.name} {[side if side is not None else 'N' for side in spec.shape]}"
    if not isinstance(part, Kind):
        if spec.shape.rank != 1 or not spec.dtype.is_integer:
            raise UsageError(f"{where}: expected integers [N] in 0 … {part - 1}, got {got}{_one_hot(spec.shape)}")
    elif spec.shape.rank == len(part.shape) or not spec.shape[1:].is_compatible_with(part.shape):
        mend = " (batch the data set)" if spec.shape.rank == len(part.shape) else ""
        raise UsageError(f"{where}: expected {part.plural} {batch_of(part.shape)}, got {got}{mend}")
    elif not (spec.dtype.is_floating or (spec.dtype == tf.uint8 and part.is_image)):
        pixels = "uint8 or " if part.is_image else ""
        raise UsageError(f"{where}: expected {pixels}floats, got {got} (convert them)")


def _one_hot(shape: Any) -> str:
    return " (give the index of each class: argmax(labels, -1))" if len(shape) == 2 else ""


def _check_rows(model: Any, rows: int) -> None:
    replicas = model.distribute_strategy.num_replicas_in_sync
    shares = replicas * model.accumulate
    if rows % shares:
        raise UsageError(
            f"batch: expected a multiple of {shares} rows ({replicas} replicas, accumulate={model.accumulate}), "
            f"got {rows}"
        )


def _converted(model: Any, parts: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Return a batch with pixels as floats, and with floats and labels that are in range."""
    return {name: _inside(model, name, tensor) for name, tensor in parts.items()}


def _inside(model: Any, name: str, tensor: tf.Tensor) -> tf.Tensor:
    part = model.batch_parts[name]
    if isinstance(part, Kind):
        if not part.is_image:
            return tensor
        if tensor.dtype == tf.uint8:
            return part.to_inside(tensor)
        right = tf.reduce_all(tf.abs(tensor) <= 1.0)  # false for NaN
    else:
        right = tf.reduce_all(tf.logical_and(tensor >= 0, tf.cast(tensor, tf.int64) < part))
    with tf.control_dependencies([tf.debugging.Assert(right, [message(model, name)])]):
        return tf.identity(tensor)


def message(model: Any, name: str) -> str:
    """Return the message about values out of range in a data set, in ASCII as TensorFlow escapes the rest."""
    part = model.batch_parts[name]
    wanted = f"integers from 0 to {part - 1}" if isinstance(part, int) else "uint8 or floats in [-1, 1]"
    return f"{model.name}: fit: {name}: expected {wanted} in every batch"


def reporting_values(model: Any, train: Callable[[], Any]) -> Any:
    """Train; turn TensorFlow's error about a value out of range into one line.

    Raises:
      UsageError: a label or pixel of a data set is out of range.
    """
    try:
        with warnings.catch_warnings():  # Keras warns at the end of each data set of unknown length
            warnings.filterwarnings("ignore", "Your input ran out of data")
            return train()
    except tf.errors.InvalidArgumentError as error:
        for name in model.batch_parts:
            if (said := message(model, name)) in error.message:
                raise UsageError(said) from None
        raise
