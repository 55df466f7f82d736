"""What every trained model is: networks with moving averages of some, optimizers, a step counter, and one train step
that is a pure function.

Keras's own `fit` runs it, under any strategy; what it calls is in `models.loop`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from ganzoo import randomness
from ganzoo.errors import UsageError
from ganzoo.models import display
from ganzoo.models.guard import checked
from ganzoo.models.loop import train_function
from ganzoo.models.precision import computes_in_full_precision, twin
from ganzoo.models.sampling import Exported
from ganzoo.models.update import Update

EMA_WARM_UP = 10


class SteppedModel(keras.Model):
    """Networks that learn together. Subclasses override `train_step` and `log_names`, and call `compile_updates`.

    Args:
      networks: all of them, by name.
      averaged: names of those with a moving average, which is what is used in the end, always in full precision. One
        that computes in bfloat16 or float16 has a copy of its own in any case.
      ema_decay: of the averages; 0 for none. It is warmed up: `min(ema_decay, (1 + step) / (10 + step))`.
      seed: of every random draw of the training.
    """

    def __init__(
        self,
        networks: Mapping[str, keras.Model],
        averaged: Sequence[str],
        *,
        ema_decay: float = 0.0,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.networks = dict(networks)
        self.averages = {
            role: twin(networks[role]) if ema_decay > 0 or not computes_in_full_precision(networks[role]) else network
            for role, network in networks.items()
            if role in averaged
        }
        self.ema_decay = ema_decay
        self.seed = seed
        self.critic_steps = 1
        self.accumulate = 1
        self.train_function: Any = None
        self.step_counter = self.add_weight(name="step", shape=(), dtype="int64", initializer="zeros", trainable=False)
        self.rate_scale = self.add_weight(name="rate_scale", shape=(), initializer="ones", trainable=False)
        self.built = True

    def _repr_markdown_(self) -> str:
        return display.describe(self)

    def export(self, *args: Any, **kwargs: Any) -> None:
        """Keras's own knows neither the signatures nor the bounds.

        Raises:
          UsageError: always, with the way out.
        """
        raise UsageError(f"{self.name}: is exported by ganzoo.export(model, DIRECTORY)")

    def compile_updates(
        self,
        optimizers: Mapping[str, tuple[keras.optimizers.Optimizer, Sequence[str]]],
        *,
        accumulate: int = 1,
        clip_norm: float | None = None,
        steps_per_execution: int = 1,
    ) -> None:
        """Sets which optimizer trains which networks.

        Args:
          optimizers: name of an update -> its Keras optimizer, which is built here, and the names of its networks. A
            learning rate that is a schedule is called with the model's step.
          accumulate: compute each gradient in that many parts of the batch, one after another, for less memory.
          clip_norm: the largest global norm of each update's gradient.
          steps_per_execution: steps between two returns to Python.

        Raises:
          UsageError: networks, optimizers, model and this call are not all under the same strategy.
        """
        keras.Model.compile(self, optimizer=None, loss=None, jit_compile=False, steps_per_execution=steps_per_execution)
        self._check_scope(*(optimizer for optimizer, _ in optimizers.values()))
        self.updates = {}
        for name, (optimizer, roles) in optimizers.items():
            networks = {role: self.networks[role] for role in roles}
            self.updates[name] = Update(
                name,
                optimizer,
                {f"{role}/{v.path}": v for role, network in networks.items() for v in network.trainable_variables},
                step=self.step_counter,
                rate_scale=self.rate_scale,
                clip_norm=clip_norm,
                scale_loss=any(
                    layer.compute_dtype == "float16" for network in networks.values() for layer in network.layers
                ),
            )
        self.accumulate = accumulate
        self.train_function = None

    @property
    def step(self) -> int:
        """How many steps have been made."""
        return int(self.step_counter.numpy())

    def state(self) -> dict[str, keras.Variable]:
        """Every variable that training reads, by a name that does not depend on what else the process has built."""
        parts = {role: network.variables for role, network in self.networks.items()}
        for role, average in self.averages.items():
            if average is not self.networks[role]:
                parts[f"{role}_ema"] = average.variables
        named = {f"{part}/{v.path}": v for part, variables in parts.items() for v in variables}
        for update in self.updates.values():
            named |= update.variables
        return {**named, "step": self.step_counter, "rate_scale": self.rate_scale}

    @property
    def parameters(self) -> dict[str, int]:
        """How many trainable numbers each update moves: `generator`, `discriminator`, over all of its networks."""
        return {name: sum(math.prod(v.shape) for v in update.trainable) for name, update in self.updates.items()}

    def weights_to_ship(self) -> dict[str, keras.Variable]:
        """What a weights file holds, by name: of each network its moving average, or itself where it has none."""
        parts = {**self.networks, **self.averages}
        return {f"{role}/{v.path}": v for role, network in parts.items() for v in network.variables}

    def exported(self, networks: Mapping[str, keras.Model] | None = None) -> dict[str, Exported]:
        """The functions that a SavedModel of the model holds, by name; see `serving.export`.

        Args:
          networks: role -> network that runs in place of the moving average.
        """
        raise NotImplementedError

    def adopt_averages(self) -> None:
        """Makes the networks that are trained equal to their moving averages, after weights were read into these."""
        for role, average in self.averages.items():
            if average is not self.networks[role]:
                self.networks[role].set_weights(average.get_weights())

    @property
    def log_names(self) -> list[str]:
        """The scalars that a step reports."""
        raise NotImplementedError

    def train_step(self, batches: tuple[Any, ...]) -> dict[str, tf.Tensor]:
        """One step on `critic_steps` batches, in replica context; gives the scalars of `log_names`."""
        raise TypeError(f"{type(self).__name__} has no train_step: use one of its subclasses, or write one")

    @property
    def _replicas(self) -> int:
        """Applying gradients sums them over the replicas, so each counts as its share of the global batch's mean."""
        return self.distribute_strategy.num_replicas_in_sync

    def _key(self, purpose: str, *counters: int) -> tf.Tensor:
        """The key of one draw of this step."""
        return randomness.key(self.seed, purpose, self.step_counter.value, *counters)

    def _checked_logs(self, logs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The logs, which stop the step where they are not finite; over replicas that is seen once they are summed."""
        if self._replicas > 1:
            return logs
        return {name: checked(value, f"loss {name}") for name, value in logs.items()}

    def _end_step(self, logs: Mapping[str, tf.Tensor], weights: Sequence[tf.Tensor]) -> None:
        """Moves the averages, and counts the step once its logs and new weights are known to be finite."""
        self._update_averages()
        with tf.control_dependencies([*logs.values(), *weights]):
            self.step_counter.assign_add(1)

    def _update_averages(self) -> None:
        """Every replica has the same weights, and makes the same average of them."""
        step = tf.cast(self.step_counter.value, keras.config.floatx())
        decay = tf.minimum(tf.cast(self.ema_decay, step.dtype), (1.0 + step) / (EMA_WARM_UP + step))
        for role, network in self.averages.items():
            if network is self.networks[role]:
                continue
            for average, variable in zip(network.variables, self.networks[role].variables, strict=True):
                average.assign(variable + decay * (average - variable))

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Keras's `fit`, which enters the model's strategy by itself.

        Raises:
          UsageError: it is called in the scope of another one, or what it is given does not divide: the batch by the
            replicas and the parts of `accumulate`, `steps_per_epoch` by `steps_per_execution`.
        """
        if tf.distribute.has_strategy():
            self._check_scope()
        steps, together = kwargs.get("steps_per_epoch"), self.steps_per_execution
        if steps is not None and steps % together:
            raise UsageError(f"steps_per_epoch={steps}: does not divide by steps_per_execution={together}")
        data = args[0] if args else kwargs.get("x")
        if isinstance(data, tf.data.Dataset):
            rows, shares = tf.nest.flatten(data.element_spec)[0].shape[0], self._replicas * self.accumulate
            if rows is not None and rows % shares:
                raise UsageError(
                    f"a batch of {rows} does not divide by {shares} ({self._replicas} replicas, accumulate="
                    f"{self.accumulate})"
                )
        return super().fit(*args, **kwargs)

    def make_train_function(self, force: bool = False) -> Any:
        """Makes what `fit` calls: `steps_per_execution` steps on an iterator of batches; the means of their logs."""
        if self.train_function is None or force:
            execute = train_function(self.distribute_strategy, self.train_step, self.critic_steps, self.log_names)
            self.train_function = lambda iterator: execute(iterator, tf.constant(self.steps_per_execution))
        return self.train_function

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Nothing is left to build, and Keras would average a batch over the replicas, which fails for workers."""

    def _check_scope(self, *optimizers: keras.optimizers.Optimizer) -> None:
        """Else a replica's variables would be another's as well, and be updated twice."""
        mend = "build networks, optimizers and model, and compile it, inside one `with strategy.scope():`"
        if tf.distribute.get_strategy() is not self.distribute_strategy:
            raise UsageError(f"{self.name}: was made under another strategy than the current one ({mend})")
        for variable in (variable for part in (*self.networks.values(), *optimizers) for variable in part.variables):
            if not self.distribute_strategy.extended.variable_created_in_scope(variable.value):
                raise UsageError(f"{self.name}: {variable.path} was made outside of the current strategy ({mend})")
