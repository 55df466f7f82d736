"""Keyed, stateless random draws (Philox) for training and sampling; nothing holds random state.

A draw is a pure function of its key (seed, purpose, counters). It covers the *global* batch and each replica takes its
own rows, so the numbers do not depend on the number of replicas, on compilation or on resuming.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import math
import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

_scope: contextvars.ContextVar[Any] = contextvars.ContextVar("ganzoo_randomness_scope", default=None)


def key(seed: Any, purpose: str, *counters: Any) -> tf.Tensor:
    """Return the key of one draw.

    Args:
      seed: integer scalar, the seed of the run or request.
      purpose: name of the draw ("latents"); different purposes never share numbers.
      counters: integer scalars such as the step or the position.

    Returns:
      int32 `[2]`, for the samplers below.
    """
    folded = tf.stack([tf.cast(seed, tf.int32), tf.constant(zlib.crc32(purpose.encode()) & 0x7FFFFFFF, tf.int32)])
    for counter in counters:
        folded = fold(folded, counter)
    return folded


def fold(parent: tf.Tensor, counter: Any) -> tf.Tensor:
    """Derive a new key from a key int32 `[2]` and an integer scalar."""
    return tf.random.fold_in(parent, tf.cast(counter, tf.int32), alg="philox")


def normal(draw_key: tf.Tensor, shape: Any) -> tf.Tensor:
    """Draw standard normal numbers of Keras's float type. Call it outside XLA, which gives other numbers for a key."""
    return tf.cast(tf.random.stateless_normal(shape, draw_key, alg="philox"), keras.config.floatx())


def uniform(draw_key: tf.Tensor, shape: Any, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
    """Draw uniform numbers in `[low, high)` of Keras's float type; the same inside and outside XLA.

    TensorFlow builds a float from the low 23 bits of a draw, XLA from the high ones. This uses the low ones everywhere.
    """
    bits = tf.random.stateless_uniform(shape, draw_key, None, None, dtype=tf.int32, alg="philox")
    in_one_to_two = tf.bitwise.bitwise_or(tf.bitwise.bitwise_and(bits, 0x7FFFFF), 0x3F800000)
    unit = tf.bitcast(in_one_to_two, tf.float32) - 1.0
    return tf.cast(unit * (high - low) + low, keras.config.floatx())


def box_muller(pairs: tf.Tensor) -> tf.Tensor:
    """Map uniform numbers `[N, 2, …]` in [0, 1) to standard normal ones `[N, …]`; the same inside and outside XLA."""
    first, second = tf.unstack(pairs, axis=1)
    return tf.sqrt(-2.0 * tf.math.log(1.0 - first)) * tf.cos(2.0 * math.pi * second)


def keep_mask(draw_key: tf.Tensor, shape: Sequence[Any], rate: float) -> tf.Tensor:
    """Draw a mask that is True with probability `1 - rate`, to 1/65536 (16 random bits per entry).

    Args:
      draw_key: int32 `[2]`.
      shape: the first entry may be a tensor; the others are static.
      rate: in [0, 1).
    """
    rows, *rest = shape
    columns = math.prod(rest)
    bits = tf.random.stateless_uniform([rows, -(-columns // 2)], draw_key, None, None, dtype=tf.int32, alg="philox")
    halves = tf.reshape(tf.bitcast(bits, tf.int16), [rows, -1])[:, :columns]  # in [-32768, 32768)
    return tf.reshape(halves >= min(round(65536 * rate), 65535) - 32768, [rows, *rest])


def latents(prior: str, draw_key: tf.Tensor, shape: Any) -> tf.Tensor:
    """Draw latents of a prior: `normal` is N(0, 1), `uniform` is U(-1, 1)."""
    return normal(draw_key, shape) if prior == "normal" else uniform(draw_key, shape, -1.0, 1.0)


def latents_by_row(prior: str, seeds: tf.Tensor, size: int) -> tf.Tensor:
    """Draw latents of which row i depends on `seeds[i]` only.

    Args:
      prior: `normal` or `uniform`.
      seeds: int32 `[N, 2]`, pairs of (seed, position).
      size: latent dimensions.

    Returns:
      `[N, size]` of Keras's float type.
    """
    return tf.map_fn(
        lambda pair: latents(prior, key(pair[0], "sample", pair[1]), [size]),
        seeds,
        fn_output_signature=tf.TensorSpec([size], keras.config.floatx()),
        parallel_iterations=1,  # measured: 2.1 ms of CPU for 64 rows, 3.1 ms in parallel
    )


@dataclasses.dataclass(frozen=True)
class Place:
    """Position of a replica's rows (or of a part of its batch) in the global batch.

    Attributes:
      first: int32 scalar, index of the first row.
      total: rows of the global batch.
    """

    first: Any
    total: Any

    def rows(self, draw: Callable[[Any], tf.Tensor], count: Any) -> tf.Tensor:
        """Return the next `count` rows, from this position on, of a draw for the global batch.

        Args:
          draw: maps a number of rows to a tensor `[rows, …]`.
          count: number of rows to return.
        """
        if isinstance(count, int) and count == self.total:
            return draw(count)
        whole = draw(self.total)
        rest = whole.shape[1:]
        return tf.slice(whole, [self.first, *[0] * rest.rank], [count, *rest])


def rows_of(examples: tf.Tensor) -> Any:
    """Return the number of rows of a tensor `[N, …]`: an int where it is known, otherwise an int32 scalar."""
    return examples.shape[0] or tf.shape(examples)[0]


def place_of_replica(local_rows: Any) -> Place:
    """Return the position of this replica's rows; all replicas hold equally many. Call it inside `strategy.run`."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    context = tf.distribute.get_replica_context()
    assert context is not None, "inside strategy.run"
    return Place(tf.cast(context.replica_id_in_sync_group, tf.int32) * local_rows, local_rows * replicas)


@contextlib.contextmanager
def scope(draw_key: tf.Tensor, place: Place) -> Iterator[None]:
    """Provide key and place to the stochastic layers (`layers.Dropout`) called inside: one scope per network call."""
    token = _scope.set((draw_key, place))
    try:
        yield
    finally:
        _scope.reset(token)


def current_scope() -> tuple[tf.Tensor, Place] | None:
    """Return the key and place of the innermost `scope`, or None outside."""
    return _scope.get()


def layer_key(name: str) -> tuple[tf.Tensor, Place]:
    """Return the key of the named layer in the current scope, and the place of its rows.

    Raises:
      RuntimeError: if there is no scope: a stochastic layer was called for training outside one.
    """
    current = _scope.get()
    if current is None:
        raise RuntimeError(f"layer '{name}': expected a scope for its random numbers: use randomness.scope(key, place)")
    draw_key, place = current
    return fold(draw_key, zlib.crc32(name.encode()) & 0x7FFFFFFF), place


@contextlib.contextmanager
def reproducible_initialisation(seed: int) -> Iterator[None]:
    """Make the initial weights of networks built inside depend on `seed` only; restore the random state afterwards.

    Keras seeds unseeded initializers from Python's `random`.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
