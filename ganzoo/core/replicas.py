"""Communication between the replicas of a training step; call it in replica context."""

from __future__ import annotations

import tensorflow as tf


def several() -> bool:
    """Return whether the strategy in scope has several replicas."""
    return tf.distribute.get_strategy().num_replicas_in_sync > 1


def of_all_replicas(value: tf.Tensor) -> tf.Tensor:
    """Stack every replica's tensor in the order of the replicas: `[…]` -> `[replicas, …]`, differentiable.

    Each replica sends its tensor in its own row of a sum, so that the result is exact and the same on all of them.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return value[tf.newaxis]
    row = tf.one_hot(context.replica_id_in_sync_group, context.num_replicas_in_sync, dtype=value.dtype)
    own = tf.reshape(row, [-1, *[1] * value.shape.rank]) * value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, own)


def global_mean(values: tf.Tensor, axis: int | None = None) -> tf.Tensor:
    """Return the mean over the global batch; all replicas hold equally many rows.

    Args:
      values: this replica's rows.
      axis: 0 for the mean of the rows, None for that of all entries.
    """
    return tf.reduce_mean(of_all_replicas(tf.reduce_mean(values, axis=axis)), axis=0)
