"""Every random draw of training and sampling, keyed and stateless (Philox), so that nothing holds random state.

A draw is a pure function of its key: (seed, purpose, counters). A draw for a batch is made for the *global* batch and
each replica takes its own rows, so 1, 2 or 8 replicas, compiled or not, resumed or not, see the same numbers.
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
    """The key of one draw.

    Args:
      seed: integer scalar; the run's or the request's seed.
      purpose: what is drawn ("latents"); different purposes never share numbers.
      counters: integer scalars such as the step or the position.

    Returns:
      int32 `[2]`, for the samplers below.
    """
    folded = tf.stack([tf.cast(seed, tf.int32), tf.constant(zlib.crc32(purpose.encode()) & 0x7FFFFFFF, tf.int32)])
    for counter in counters:
        folded = fold(folded, counter)
    return folded


def fold(parent: tf.Tensor, counter: Any) -> tf.Tensor:
    """A new key from a key int32 `[2]` and an integer scalar."""
    return tf.random.fold_in(parent, tf.cast(counter, tf.int32), alg="philox")


def normal(draw_key: tf.Tensor, shape: Any) -> tf.Tensor:
    """Standard normal numbers of Keras's float type; to be drawn outside of XLA, which makes others of the same key."""
    return tf.cast(tf.random.stateless_normal(shape, draw_key, alg="philox"), keras.config.floatx())


def uniform(draw_key: tf.Tensor, shape: Any, low: float = 0.0, high: float = 1.0) -> tf.Tensor:
    """Uniform numbers in `[low, high)` of Keras's float type; the same inside and outside of XLA.

    TensorFlow makes a float of the low 23 bits of a draw, XLA of the high ones; here it is the low ones everywhere.
    """
    bits = tf.random.stateless_uniform(shape, draw_key, None, None, dtype=tf.int32, alg="philox")
    in_one_to_two = tf.bitwise.bitwise_or(tf.bitwise.bitwise_and(bits, 0x7FFFFF), 0x3F800000)
    unit = tf.bitcast(in_one_to_two, tf.float32) - 1.0
    return tf.cast(unit * (high - low) + low, keras.config.floatx())


def keep_mask(draw_key: tf.Tensor, shape: Sequence[Any], rate: float) -> tf.Tensor:
    """True with probability `1 - rate`, to 1/65536: half of a draw's 32 bits make an entry.

    Args:
      draw_key: int32 `[2]`.
      shape: the first entry may be a tensor, the others are known.
      rate: in [0, 1).
    """
    rows, *rest = shape
    columns = math.prod(rest)
    bits = tf.random.stateless_uniform([rows, -(-columns // 2)], draw_key, None, None, dtype=tf.int32, alg="philox")
    halves = tf.reshape(tf.bitcast(bits, tf.int16), [rows, -1])[:, :columns]  # int16 is in [-32768, 32768)
    return tf.reshape(halves >= min(round(65536 * rate), 65535) - 32768, [rows, *rest])


def latents(prior: str, draw_key: tf.Tensor, shape: Any) -> tf.Tensor:
    """Latents of a prior: `normal` is N(0, 1), `uniform` is U(-1, 1)."""
    return normal(draw_key, shape) if prior == "normal" else uniform(draw_key, shape, -1.0, 1.0)


def latents_by_row(prior: str, seeds: tf.Tensor, size: int) -> tf.Tensor:
    """Latents of which row i depends on `seeds[i]` alone, whatever the other rows are.

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
        parallel_iterations=1,  # rows that wait for each other take 2.1 ms of CPU for 64 of them, others 3.1
    )


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the rows of a replica (or of a part of its batch) stand in the global batch.

    Attributes:
      first: int32 scalar, the number of the first row.
      total: rows of the global batch.
    """

    first: Any
    total: Any

    def rows(self, draw: Callable[[Any], tf.Tensor], count: Any) -> tf.Tensor:
        """`count` rows from here on, of a draw that is made for the whole global batch.

        Args:
          draw: rows -> tensor `[rows, …]`.
          count: how many rows are wanted.
        """
        if isinstance(count, int) and count == self.total:
            return draw(count)
        whole = draw(self.total)
        rest = whole.shape[1:]
        return tf.slice(whole, [self.first, *[0] * rest.rank], [count, *rest])


def place_of_replica(local_rows: Any) -> Place:
    """The place of this replica's rows; every replica holds as many. To be called inside `strategy.run`."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    context = tf.distribute.get_replica_context()
    assert context is not None, "inside strategy.run"
    return Place(tf.cast(context.replica_id_in_sync_group, tf.int32) * local_rows, local_rows * replicas)


@contextlib.contextmanager
def scope(draw_key: tf.Tensor, place: Place) -> Iterator[None]:
    """Gives stochastic layers (`layers.Dropout`) called inside their key and place: one scope a network call."""
    token = _scope.set((draw_key, place))
    try:
        yield
    finally:
        _scope.reset(token)


def current_scope() -> tuple[tf.Tensor, Place] | None:
    """The key and place given by the innermost `scope`, or None outside of all."""
    return _scope.get()


def layer_key(name: str) -> tuple[tf.Tensor, Place]:
    """The key of the layer of that name in the current scope, and the place of the rows it sees.

    Raises:
      RuntimeError: there is no scope: a stochastic layer was called for training outside of one.
    """
    current = _scope.get()
    if current is None:
        raise RuntimeError(f"layer '{name}' draws random numbers: call it inside `with randomness.scope(key, place):`")
    draw_key, place = current
    return fold(draw_key, zlib.crc32(name.encode()) & 0x7FFFFFFF), place


@contextlib.contextmanager
def reproducible_initialisation(seed: int) -> Iterator[None]:
    """Networks built inside have the same initial weights for the same seed; the process's own generator is left as
    it was.

    Keras takes the seed of an unseeded initializer from Python's `random`.
    """
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)
