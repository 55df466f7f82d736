"""Networks and all that belongs to their training as one Keras model: averages, optimizers, steps, files.

What Keras offers and a model of several networks has not is refused, with the way out.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from ganzoo.engine.exported import Exported
from ganzoo.engine.overview import describe, summary
from ganzoo.engine.precision import computes_in_full_precision, twin
from ganzoo.engine.update import Update
from ganzoo.errors import UsageError

EMA_WARM_UP = 10

_log = logging.getLogger(__name__)


class NetworksModel(keras.Model):
    """Base of `SteppedModel`, which documents its arguments.

    Attributes:
      networks: all networks, by name.
      averages: name -> moving average of a network, or the network itself without one.
      updates: name -> update of a step; empty until the model is compiled.
      step_counter: number of completed steps.
    """

    offers: ClassVar[tuple[str, ...]] = ()

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
        self.batches_a_step = 1
        self.accumulate = 1
        self.updates: dict[str, Update] = {}
        self.train_function: Any = None
        self.step_counter = self.add_weight(name="step", shape=(), dtype="int64", initializer="zeros", trainable=False)
        self.rate_scale = self.add_weight(name="rate_scale", shape=(), initializer="ones", trainable=False)
        self.built = True
        self.autocast = False  # the networks cast their inputs
        self.precision = "float32"  # precision of the networks; set by `build`

    def summary(self, line_length: int | None = None, *, print_fn: Callable[[str], None] = print, **_: Any) -> None:
        """Print the networks: role, inputs and outputs, parameters, and the updates that train each.

        Args:
          line_length: ignored.
          print_fn: called with the text.
        """
        print_fn(summary(self))

    def direction(self, role: str) -> str:
        """Return what a network computes, in words; empty if its inputs and outputs are self-explanatory."""
        return ""

    def get_config(self) -> dict[str, Any]:
        """Return the content of a `.keras` file besides the weights: config and precision.

        Raises:
          UsageError: if the model was not built from a config.
        """
        config = getattr(self, "config", None)
        if config is None:
            raise UsageError(
                f"{self.name}: has no config to be saved with: build it from one, or save its networks (model.networks)"
            )
        return {"config": config.to_dict(), "precision": self.precision}

    def get_compile_config(self) -> None:
        """Return None: the config determines how the model is compiled."""

    def evaluate(self, *args: Any, **kwargs: Any) -> None:
        """Refuse Keras's evaluation, which needs a loss between targets and predictions.

        Raises:
          UsageError: always; names the alternative.
        """
        raise UsageError(f"{self.name}: is evaluated by ganzoo.evaluate(model, metrics, num_samples)")

    def train_on_batch(self, *args: Any, **kwargs: Any) -> None:
        """Refuse a call: a step has more than one update.

        Raises:
          UsageError: always; names the alternatives.
        """
        raise UsageError(f"{self.name}: is trained by model.fit(batches, steps_per_epoch=…), or by ganzoo.train")

    def test_on_batch(self, *args: Any, **kwargs: Any) -> None:
        """Refuse a call; see `evaluate`."""
        self.evaluate()

    def generate(self, *args: Any, **kwargs: Any) -> Any:
        """Generate examples, in models that offer it.

        Raises:
          UsageError: if the model does not.
        """
        raise self._not_offered("draws no examples")

    def translate(self, *args: Any, **kwargs: Any) -> Any:
        """Translate images, in models that offer it.

        Raises:
          UsageError: if the model does not.
        """
        raise self._not_offered("does not translate")

    def _not_offered(self, what: str) -> UsageError:
        offers = " and ".join(f"model.{name}(…)" for name in self.offers) or "nothing of the kind"
        return UsageError(f"{self.name}: {what} (it has {offers})")

    def _repr_markdown_(self) -> str:
        return describe(self)

    def export(self, *args: Any, **kwargs: Any) -> None:
        """Refuse Keras's export, which has neither the signatures nor the bounds.

        Raises:
          UsageError: always; names the alternative.
        """
        raise UsageError(f"{self.name}: is exported by ganzoo.export(model, DIRECTORY)")

    @property
    def step(self) -> int:
        """Number of completed steps."""
        return int(self.step_counter.numpy())

    def state(self) -> dict[str, keras.Variable]:
        """Return every variable that training reads, by names independent of other models in the process."""
        parts = {role: network.variables for role, network in self.networks.items()}
        for role, average in self.averages.items():
            if average is not self.networks[role]:
                parts[f"{role}_ema"] = average.variables
        named = {f"{part}/{v.path}": v for part, variables in parts.items() for v in variables}
        for update in self.updates.values():
            named |= update.variables
        return {**named, "step": self.step_counter, "rate_scale": self.rate_scale}

    def save_own_variables(self, store: Any) -> None:
        """Write what the networks' own entries in a file of Keras lack: step, optimizers, pools."""
        for name, variable in self._beside_networks().items():
            store[name] = variable

    def load_own_variables(self, store: Any) -> None:
        """Read what `save_own_variables` wrote. What optimizers and parts it lacks starts anew."""
        variables, there, anew = self._beside_networks(), set(store.keys()), []
        sets = {f"the optimizer of {update}": set(held.variables) for update, held in self.updates.items()}
        sets["penalties and augmentations"] = {name for name in self.state() if name.startswith("parts/")}
        for what, held in sets.items():
            own = {name.replace("/", ".") for name in held} & variables.keys()
            if any(name not in there or store[name].shape != tuple(variables[name].shape) for name in own):
                anew.append(what)
                variables = {name: variable for name, variable in variables.items() if name not in own}
        if anew:
            _log.warning(
                "%s: the weights were saved with other optimizers or parts, or none: start anew: %s",
                self.name,
                " and ".join(anew),
            )
        for name, variable in variables.items():
            variable.assign(store[name])

    def _beside_networks(self) -> dict[str, keras.Variable]:
        networks = (*self.networks.values(), *self.averages.values())
        inside = {id(variable) for network in networks for variable in network.variables}
        state = {name: variable for name, variable in self.state().items() if id(variable) not in inside}
        return {name.replace("/", "."): variable for name, variable in state.items()}  # no groups in HDF5

    @property
    def parameters(self) -> dict[str, int]:
        """Number of trainable parameters of each update, over all its networks."""
        return {name: sum(math.prod(v.shape) for v in update.trainable) for name, update in self.updates.items()}

    def weights_to_ship(self) -> dict[str, keras.Variable]:
        """Return the content of a weights file by name: each network's moving average, or itself without one."""
        parts = {**self.networks, **self.averages}
        return {f"{role}/{v.path}": v for role, network in parts.items() for v in network.variables}

    def exported(self, networks: Mapping[str, keras.Model] | None = None) -> dict[str, Exported]:
        """Return the functions of the model's SavedModel, by name; see `exports.versions`.

        Args:
          networks: maps roles to networks that replace the moving averages.
        """
        raise NotImplementedError

    def adopt_averages(self) -> None:
        """Copy the moving averages into the trained networks, after weights were read into the averages."""
        for role, average in self.averages.items():
            if average is not self.networks[role]:
                self.networks[role].set_weights(average.get_weights())

    def _update_averages(self) -> None:
        """Update the averages; every replica has the same weights and computes the same average."""
        step = tf.cast(self.step_counter.value, keras.config.floatx())
        decay = tf.minimum(tf.cast(self.ema_decay, step.dtype), (1.0 + step) / (EMA_WARM_UP + step))
        for role, network in self.averages.items():
            if network is self.networks[role]:
                continue
            for average, variable in zip(network.variables, self.networks[role].variables, strict=True):
                average.assign(variable + decay * (average - variable))
