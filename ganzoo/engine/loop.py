"""The train function that `fit` calls: several steps in one TensorFlow function, under any strategy.

With two optimizers under a strategy, Keras's own train function fails or silently computes something else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from ganzoo.engine.guard import checked

TrainStep = Callable[[tuple[Any, ...]], dict[str, tf.Tensor]]


def train_function(
    strategy: tf.distribute.Strategy, train_step: TrainStep, batches_a_step: int, log_names: Sequence[str]
) -> Callable[[Any, tf.Tensor], dict[str, tf.Tensor]]:
    """Return a function of (iterator of batches, int32 number of steps) that runs the steps and returns mean logs.

    Args:
      strategy: strategy of the model.
      train_step: maps a tuple of `batches_a_step` batches to scalars by name, in replica context.
      batches_a_step: batches per step.
      log_names: names of the scalars to return; each is a mean over the replica's rows.
    """

    def one_step(iterator: Any) -> tf.Tensor:
        def of_replica(batches: tuple[Any, ...]) -> tf.Tensor:
            logs = train_step(batches)
            return tf.stack([tf.cast(logs[name], keras.config.floatx()) for name in log_names])

        batches = tuple(iterator.get_next() for _ in range(batches_a_step))
        means = strategy.reduce("MEAN", strategy.run(of_replica, args=(batches,)), axis=None)  # one reduction per step
        return checked(means, f"loss (one of {', '.join(log_names)})")

    @tf.function(reduce_retracing=True, autograph=False)
    def execute(iterator: Any, steps: tf.Tensor) -> dict[str, tf.Tensor]:
        _, sums = tf.while_loop(
            lambda i, _: i < steps,
            lambda i, sums: (i + 1, sums + one_step(iterator)),
            (tf.constant(0), tf.zeros([len(log_names)], keras.config.floatx())),
            parallel_iterations=1,
        )
        means = tf.unstack(sums / tf.cast(steps, sums.dtype))
        return dict(zip(log_names, means, strict=True))

    return execute
