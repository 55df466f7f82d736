"""What `fit` calls: several training steps in one TensorFlow function, under any strategy.

Keras's own train function fails or goes silently wrong for two optimizers under a strategy.
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
    """A function of (iterator of batches, int32 number of steps): makes the steps and gives the means of their logs.

    Args:
      strategy: that the model was built under.
      train_step: in replica context, a tuple of `batches_a_step` batches -> scalars, by name.
      batches_a_step: drawn from the iterator for each step.
      log_names: of the scalars that are wanted; each is a mean over the replica's rows.
    """

    def one_step(iterator: Any) -> tf.Tensor:
        def of_replica(batches: tuple[Any, ...]) -> tf.Tensor:
            logs = train_step(batches)
            return tf.stack([tf.cast(logs[name], keras.config.floatx()) for name in log_names])

        batches = tuple(iterator.get_next() for _ in range(batches_a_step))
        means = strategy.reduce("MEAN", strategy.run(of_replica, args=(batches,)), axis=None)  # one exchange a step
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
