"""Base class of training schemes: networks with moving averages, optimizers, a step counter, and a train step that is a
pure function of variables, batch and step.

Keras's `fit` runs it under any strategy; `engine.loop` has the train function.
"""

from __future__ import annotations

import contextvars
import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from ganzoo.core import randomness
from ganzoo.data.kinds import Kind
from ganzoo.engine.accumulation import Part, Sums, parts_of
from ganzoo.engine.compiled import compiled_network
from ganzoo.engine.fitting import check_callbacks, check_others, feed, reporting_values
from ganzoo.engine.guard import checked
from ganzoo.engine.loop import train_function
from ganzoo.engine.networks_model import NetworksModel
from ganzoo.engine.phases import Forward, LossFunction, Now, Program, check_may_be_called, now
from ganzoo.engine.update import Update
from ganzoo.errors import UsageError
from ganzoo.schema import Section

ConstraintFunction = Callable[[tf.Tensor], tf.Tensor]


@dataclasses.dataclass
class _Made:
    """Logs and weights from the phases of the current step, on one replica."""

    logs: dict[str, tf.Tensor] = dataclasses.field(default_factory=dict)
    weights: list[tf.Tensor] = dataclasses.field(default_factory=list)


_made: contextvars.ContextVar[_Made | None] = contextvars.ContextVar("ganzoo_step", default=None)


class SteppedModel(NetworksModel):
    """Networks that are trained together; a scheme is a subclass registered with `@register("scheme", "name")`.

    Class attributes describe a scheme to code that builds, trains, evaluates or exports it:

      roles: networks that a config defines, by the names of their sections.
      update_names: updates of a step, each with an optimizer of that name in the config.
      batch: training data: `examples`, `labelled` (examples with labels), `domains` (two unpaired sets of images), or
        `pairs` (example i of one domain corresponds to example i of the other).
      objectives: the supported ones of `loss`, `penalties`, `constraints` and `augmentations`.
      offers: methods of the trained model: `generate`, `translate`, `reconstruct`.
      stop_rules: supported names in `training.stop_when`.
      parallel_updates: whether a step has two halves that do not depend on each other.
      Options: schema of the scheme's options in the config's `model`.

    A scheme overrides `assemble`, `log_names` and `train_step`, whose phases are calls of `minimise`.

    Args:
      networks: all networks, by name.
      averaged: names of networks with a moving average, which is used for inference in full precision. A network that
        computes in bfloat16 or float16 always has its own copy.
      ema_decay: decay of the averages; 0 for none. With warm-up: `min(ema_decay, (1 + step) / (10 + step))`.
      seed: seed of all random draws in training.
    """

    roles: ClassVar[tuple[str, ...]] = ()
    update_names: ClassVar[tuple[str, ...]] = ()
    batch: ClassVar[str] = "examples"
    objectives: ClassVar[tuple[str, ...]] = ()
    stop_rules: ClassVar[tuple[str, ...]] = ()
    parallel_updates: ClassVar[bool] = False

    class Options(Section):
        """No options."""

    @classmethod
    def assemble(cls, plan: Any) -> SteppedModel:
        """Return the compiled model that a config describes.

        Args:
          plan: `models.build.Plan`, which builds the networks, knows the shape of the examples, and compiles.
        """
        raise TypeError(f"scheme {cls.__name__}: expected a classmethod assemble(plan)")

    def compile_updates(
        self,
        optimizers: Mapping[str, tuple[Any, Sequence[str]]],
        *,
        constraints: Mapping[str, Sequence[ConstraintFunction]] | None = None,
        accumulate: int = 1,
        clip_norm: float | None = None,
        xla: bool = False,
        steps_per_execution: int = 1,
    ) -> None:
        """Set which optimizer trains which networks.

        Args:
          optimizers: maps an update's name to its Keras optimizer (or the name of one), which is built here, and the
            names of its networks. A learning rate schedule is called with the model's step.
          constraints: maps an update's name to functions that put each of its weights back into bounds after it.
          accumulate: number of sequential parts in which each gradient is computed, to save memory.
          clip_norm: largest global norm of each update's gradient.
          xla: compile a replica's computation between communications with the others.
          steps_per_execution: steps per return to Python.

        Raises:
          UsageError: if networks, optimizers, model and this call are not all under the same strategy, or an update
            trains a network that the model does not have.
        """
        keras.Model.compile(self, optimizer=None, loss=None, jit_compile=False, steps_per_execution=steps_per_execution)
        made = {name: (keras.optimizers.get(optimizer), roles) for name, (optimizer, roles) in optimizers.items()}
        self._check_scope(*(optimizer for optimizer, _ in made.values()))
        updates: dict[str, Update] = {}
        for name, (optimizer, roles) in made.items():
            for role in roles:
                if role not in self.networks:
                    has = ", ".join(self.networks)
                    raise UsageError(
                        f"{self.name}: update '{name}' trains '{role}', expected one of its networks ({has})"
                    )
            networks = {role: self.networks[role] for role in roles}
            updates[name] = Update(
                name,
                optimizer,
                {f"{role}/{v.path}": v for role, network in networks.items() for v in network.trainable_variables},
                roles=roles,
                step=self.step_counter,
                rate_scale=self.rate_scale,
                clip_norm=clip_norm,
                constraints=(constraints or {}).get(name, ()),
                scale_loss=any(
                    layer.compute_dtype == "float16" for network in networks.values() for layer in network.layers
                ),
            )
        self.updates = updates
        self.accumulate = accumulate
        self.xla = xla
        self._callable = {name: compiled_network(network, xla) for name, network in self.networks.items()}
        self.programs: dict[Any, Program] = {}

    # Building blocks of a train step, for replica context.

    def minimise(self, update: str, loss: LossFunction, *inputs: Any) -> Any:
        """Run one phase of a step: compute the gradient of a loss over the batch and apply the update.

        Args:
          update: name of the update.
          loss: function of `inputs` that returns (loss, terms) or (loss, terms, made): a scalar mean over the given
            rows, scalars to log by name, and tensors with a row axis for later phases.
          inputs: tensors or structures of them with this replica's rows first, sliced for each part; scalars; and
            results of `forward`, through which the update backpropagates if it trains their networks.

        Returns:
          `made` for all rows; None if the loss returns none.
        """
        chosen = self.updates[update]
        parts = self._parts(inputs)
        sums = Sums(len(parts))
        made: list[Any] = []
        for part in parts:
            with sums.one_after_another():
                gradients, terms, extra = self._gradients(chosen, loss, inputs, part)
                sums.add(gradients, terms)
                made.append(extra)
        so_far = _made.get()
        assert so_far is not None, "inside a step"
        so_far.weights += chosen.apply(sums.gradients)
        so_far.logs |= sums.logs
        if made[0] is None:
            return None
        return made[0] if len(made) == 1 else tf.nest.map_structure(lambda *rows: tf.concat(rows, 0), *made)

    def forward(self, function: Callable[..., Any], *inputs: Any, roles: Sequence[str]) -> Forward:
        """Return the output of networks for several phases of a step; see `Forward`.

        Args:
          function: function of `inputs`.
          inputs: as in `minimise`.
          roles: networks that it calls.
        """
        return Forward(self._program(function), inputs, roles, self.step_counter.value)

    def run(
        self, role: str, examples: Any, conditions: Sequence[tf.Tensor] = (), *, purpose: str, counters: Any = ()
    ) -> Any:
        """Return a network's output in training mode.

        Args:
          role: name of the network.
          examples: its first input.
          conditions: its further inputs.
          purpose, counters: key of the random numbers that its layers draw; see `key`.
        """
        network = self._callable[role]
        check_may_be_called(network)
        at = now()
        assert at is not None, "inside a loss function"
        with randomness.scope(self.key(purpose, *counters), at.place):
            return network([examples, *conditions] if conditions else examples, training=True)

    def key(self, purpose: str, *counters: Any) -> tf.Tensor:
        """Return the key of one random draw of this step; see `randomness.key`."""
        at = now()
        return randomness.key(self.seed, purpose, self.step_counter.value if at is None else at.step, *counters)

    def _gradients(self, update: Update, loss: LossFunction, inputs: Sequence[Any], part: Part) -> Any:
        """Return (gradients, terms, made) for a part of the batch: this replica's share of the scaled loss."""
        given, tape = [], None
        for x in inputs:
            if not isinstance(x, Forward):
                given.append(part.of(x))
                continue
            value, seen = x.of(part)
            if x.roles & set(update.roles):
                assert tape is None, "at most one output to backpropagate through"
                tape = seen
            else:
                value = tf.nest.map_structure(tf.stop_gradient, value)
            given.append(value)
        at = Now(self.step_counter.value, part.place)

        def share(value: tf.Tensor) -> tf.Tensor:
            return update.scaled(value / self._replicas)

        if tape is not None:
            with tape:
                value, terms, *made = self._program(loss)(given, at)
                scaled = share(value)
            return tape.gradient(scaled, [v.value for v in update.trainable]), terms, (made or [None])[0]

        def of_loss(*given: Any) -> Any:
            with tf.GradientTape() as inner:
                value, terms, *made = loss(*given)
                scaled = share(value)
            return inner.gradient(scaled, [v.value for v in update.trainable]), terms, (made or [None])[0]

        return self._program(loss, of_loss)(given, at)

    def _program(self, function: Callable[..., Any], of: Callable[..., Any] | None = None) -> Program:
        """Return the program of a function (or of its gradient), created once."""
        name = getattr(function, "__name__", repr(function)) + ("" if of is None else "_gradients")
        if name not in self.programs:
            self.programs[name] = Program(of or function, self.xla)
        return self.programs[name]

    def _parts(self, inputs: Sequence[Any]) -> list[Part]:
        tensors = tf.nest.flatten([x.inputs if isinstance(x, Forward) else x for x in inputs])
        first = next((x for x in tensors if x.shape.rank), None)
        if first is None:
            raise UsageError(f"{self.name}: minimise: expected an input with the rows of a batch, got none")
        return parts_of(randomness.rows_of(first), self.accumulate)

    @property
    def log_names(self) -> list[str]:
        """Names of the scalars that a step reports."""
        raise NotImplementedError

    def train_step(self, batches: tuple[Any, ...]) -> dict[str, tf.Tensor] | None:
        """Run the phases of one step on `batches_a_step` batches, in replica context.

        Returns:
          Further scalars to log, as means over this replica's rows, or None.
        """
        raise TypeError(f"{type(self).__name__} has no train_step: use one of its subclasses, or write one")

    def whole_step(self, batches: tuple[Any, ...]) -> dict[str, tf.Tensor]:
        """Run one step in replica context: phases, moving averages, counter; return the scalars of `log_names`."""
        made = _Made()
        token = _made.set(made)
        try:
            further = self.train_step(batches)
            made.logs |= further or {}
        finally:
            _made.reset(token)
        logs = {name: made.logs[name] for name in self.log_names}
        if self._replicas == 1:  # with more replicas the summed logs are checked instead
            logs = {name: checked(value, f"loss {name}") for name, value in logs.items()}
        self._update_averages()
        # The step counts once its logs and new weights are known to be finite.
        with tf.control_dependencies([*logs.values(), *made.weights]):
            self.step_counter.assign_add(1)
        return logs

    @property
    def _replicas(self) -> int:
        """Number of replicas; gradients are summed over them, so each computes its share of the global mean."""
        return self.distribute_strategy.num_replicas_in_sync

    @property
    def batch_parts(self) -> Mapping[str, Kind | int]:
        """Parts of a batch by name, in their order: kind of the examples, or number of classes of labels.

        Empty in a scheme that does not say; `fit` then checks only the rows.
        """
        return {}

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        *,
        shuffle: bool = True,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        **others: Any,
    ) -> keras.callbacks.History:
        """Train by Keras's `fit`, which enters the model's strategy itself.

        Args:
          x: a `tf.data.Dataset` of batches, or the data themselves: an array, a tuple or a mapping of the parts of a
            batch. Images are uint8, or floats in [-1, 1].
          y: labels, if `x` is an array of examples.
          batch_size: number of examples in a batch of arrays, 32 by default.
          epochs, verbose, callbacks, initial_epoch: as in Keras.
          shuffle: take arrays in a new order each epoch.
          steps_per_epoch: number of steps of an epoch; by default the whole steps that the data have. Examples that
            fill no batch are left out, with a warning.
          others: Keras's arguments for validation and for weights of examples: refused, as a GAN has no such loss.

        Numbers of points, tables and sequences are those that the networks see: for a table, `model.kind.to_inside`
        gives them.

        Raises:
          UsageError: the data, a callback or an argument does not suit the model; the batch does not divide by replicas
            times `accumulate`; or the call is in the scope of another strategy.
        """
        if tf.distribute.has_strategy():
            self._check_scope()
        check_others(self, others)
        check_callbacks(self, callbacks or [])
        data = feed(self, x, y, batch_size, shuffle, steps_per_epoch)
        before, usual = self.step, int(self.steps_per_execution)  # type: ignore[has-type]
        self.steps_per_execution = data.together
        fit = functools.partial(super().fit, data.batches, shuffle=False, steps_per_epoch=data.steps)
        try:
            history = reporting_values(
                self,
                lambda: fit(epochs=epochs, verbose=verbose, callbacks=callbacks, initial_epoch=initial_epoch),
            )
        finally:
            self.steps_per_execution = usual
        if self.step == before and epochs > initial_epoch:
            raise UsageError(
                f"{self.name}: fit: expected {self.batches_a_step} batches or more of equally many rows for a step, "
                "got fewer"
            )
        return history

    def make_train_function(self, force: bool = False) -> Any:
        """Build the function that `fit` calls: `steps_per_execution` steps on an iterator, returning mean logs."""
        if self.train_function is None or force:
            execute = train_function(self.distribute_strategy, self.whole_step, self.batches_a_step, self.log_names)
            self.train_function = lambda iterator: execute(iterator, tf.constant(self.steps_per_execution))
        return self.train_function

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Do nothing: all is built, and Keras would average a batch over the replicas, which fails for workers."""

    def _check_scope(self, *optimizers: keras.optimizers.Optimizer) -> None:
        """Check that all is under one strategy; otherwise replicas would share variables and update them twice."""
        mend = "build networks, optimizers and model, and compile it, inside one `with strategy.scope():`"
        if tf.distribute.get_strategy() is not self.distribute_strategy:
            raise UsageError(f"{self.name}: expected the strategy that it was made under, got another one ({mend})")
        for variable in (variable for part in (*self.networks.values(), *optimizers) for variable in part.variables):
            if not self.distribute_strategy.extended.variable_created_in_scope(variable.value):
                raise UsageError(f"{self.name}: {variable.path} was created outside the current strategy ({mend})")
