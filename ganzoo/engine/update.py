"""Application of gradients: sum over replicas, guard, clipping, loss scaling, optimizer.

Keras does this differently with replicas: it clips each replica's gradient before the sum, and its loss scaling sees
one replica and one optimizer only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from ganzoo import compat
from ganzoo.engine.guard import checked
from ganzoo.errors import UsageError

Rate = float | Callable[[tf.Tensor], tf.Tensor]


class Update:
    """Training of networks from their gradients.

    Args:
      name: prefix of saved variables.
      optimizer: built here; its learning rate, a number or a schedule, becomes a function of the model's *step*.
      variables: variables to train, by their names in messages.
      roles: networks of the variables.
      step: step counter of the model.
      rate_scale: factor of the learning rate.
      clip_norm: largest global norm of the gradient summed over all replicas; None for no limit.
      constraints: functions that put a weight back into bounds, applied to each weight after every update.
      scale_loss: keep float16 gradients in range by a dynamic loss scale.
    """

    def __init__(
        self,
        name: str,
        optimizer: keras.optimizers.Optimizer,
        variables: Mapping[str, keras.Variable],
        *,
        roles: Sequence[str] = (),
        step: keras.Variable,
        rate_scale: keras.Variable,
        clip_norm: float | None = None,
        constraints: Sequence[Callable[[tf.Tensor], tf.Tensor]] = (),
        scale_loss: bool = False,
    ) -> None:
        self.name = name
        self.optimizer = optimizer
        self.names = list(variables)
        self.trainable = list(variables.values())
        self.roles = tuple(roles)
        self.clip_norm = clip_norm
        self.constraints = tuple(constraints)
        self.loss_scale = LossScale() if scale_loss else None
        rate = compat.rate_of(optimizer)
        if isinstance(rate, RateByStep):  # of an earlier compile
            rate = rate.rate
        elif not isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
            rate = float(optimizer.learning_rate.numpy())
        optimizer.learning_rate = RateByStep(rate, step, rate_scale)
        optimizer.build(self.trainable)
        # Keras would sum over the replicas again; this sum must come first, to be clipped and checked.
        compat.sum_nothing_over_replicas(optimizer)

    @property
    def variables(self) -> dict[str, keras.Variable]:
        """Variables to save, by name."""
        named = {f"{i:03d}_{variable.name}": variable for i, variable in enumerate(self.optimizer.variables)}
        if self.loss_scale is not None:
            named |= {"loss_scale": self.loss_scale.scale, "loss_scale_steps": self.loss_scale.good_steps}
        return {f"{self.name}_optimizer/{name}": variable for name, variable in named.items()}

    def scaled(self, loss: tf.Tensor) -> tf.Tensor:
        """Return the scaled loss, whose gradient is to be taken."""
        return loss if self.loss_scale is None else loss * tf.cast(self.loss_scale.scale.value, loss.dtype)

    def apply(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Apply one update, in replica context.

        Args:
          gradients: this replica's part of the gradient of the scaled loss, in the order of the variables; summed over
            the replicas here.

        Returns:
          The new weights, checked; make depend on them what must happen only if they are finite.

        Raises:
          tf.errors.InvalidArgumentError: if a gradient (then nothing is applied) or a new weight is not finite; see
            `engine.guard`.
        """
        context = tf.distribute.get_replica_context()
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        if context.num_replicas_in_sync > 1:
            gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        if self.loss_scale is None:
            gradients = [
                checked(gradient, f"gradient {name}") for gradient, name in zip(gradients, self.names, strict=True)
            ]
            with tf.control_dependencies(gradients):  # all are checked before any is applied
                self.optimizer.apply(self._clipped(gradients), self.trainable)
        else:
            gradients = [gradient / tf.cast(self.loss_scale.scale.value, gradient.dtype) for gradient in gradients]
            finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(gradient)) for gradient in gradients])
            context.merge_call(self._optimize_if, args=(finite, *self._clipped(gradients)))
        weights = [checked(v.value, f"weight {name}") for v, name in zip(self.trainable, self.names, strict=True)]
        for constraint in self.constraints:
            for variable in self.trainable:
                bound = constraint(variable.value)
                if getattr(bound, "shape", None) != variable.shape:
                    raise UsageError(
                        f"constraints: expected a tensor {list(variable.shape)} for {variable.path}, got {bound!r}"
                    )
                variable.assign(bound)
        return weights

    def _clipped(self, gradients: Sequence[tf.Tensor]) -> Sequence[tf.Tensor]:
        return gradients if self.clip_norm is None else tf.clip_by_global_norm(gradients, self.clip_norm)[0]

    def _optimize_if(self, strategy: tf.distribute.Strategy, finite: Any, *gradients: Any) -> None:
        """Apply finite gradients, in cross-replica context: a condition in a replica's own could not communicate."""
        assert self.loss_scale is not None
        condition = strategy.experimental_local_results(finite)[0]  # of sums: the same on every replica

        def optimize() -> tf.Tensor:
            strategy.extended.call_for_each_replica(
                lambda *summed: self.optimizer.apply(summed, self.trainable), args=gradients
            )
            return condition

        tf.cond(condition, optimize, lambda: condition)
        self.loss_scale.adapt(condition)


class RateByStep(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate as a function of the model's step, whatever the number of updates per step.

    Args:
      rate: number, or schedule that is called with the step.
      step: step counter of the model.
      scale: factor of the rate.
    """

    def __init__(self, rate: Rate, step: keras.Variable, scale: keras.Variable) -> None:
        self.rate = rate
        self.step = step
        self.scale = scale

    def __call__(self, iterations: Any) -> tf.Tensor:
        del iterations
        rate = self.rate(self.step.value) if callable(self.rate) else self.rate
        return self.scale.value * tf.cast(rate, self.scale.value.dtype)


class LossScale:
    """Factor of a float16 loss: halved after a gradient that is not finite, doubled after many finite ones.

    Source: Micikevicius et al. 2018, arXiv:1710.03740, section 3.2.
    """

    INITIAL = 2.0**15
    GROW_AFTER = 2000

    def __init__(self) -> None:
        self.scale = keras.Variable(self.INITIAL, dtype="float32", trainable=False, name="loss_scale")
        self.good_steps = keras.Variable(0, dtype="int64", trainable=False, name="loss_scale_steps")

    def adapt(self, finite: tf.Tensor) -> None:
        """Record an update, in cross-replica context.

        Raises:
          tf.errors.InvalidArgumentError: if the scale is so low that only the gradient itself can be at fault.
        """
        good = tf.where(finite, self.good_steps.value + 1, tf.zeros((), tf.int64))
        grow = good >= self.GROW_AFTER
        scale = self.scale.value * tf.where(grow, 2.0, tf.where(finite, 1.0, 0.5))
        lowest = tf.where(scale < 2.0**-10, tf.constant(float("nan")), scale)
        self.scale.assign(checked(lowest, "gradient at any loss scale"))
        self.good_steps.assign(tf.where(grow, tf.zeros((), tf.int64), good))
