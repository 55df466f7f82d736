"""Construction of a model from a config: networks, objectives and optimizers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf
from pydantic import ValidationError

from ganzoo.compat import variables_without_values
from ganzoo.core.randomness import reproducible_initialisation
from ganzoo.engine.precision import computing_in
from ganzoo.engine.schedules import SHAPES, factor
from ganzoo.engine.stepped import SteppedModel
from ganzoo.errors import ConfigError, UsageError
from ganzoo.registry import Registry, of
from ganzoo.schema import Config, OpenSection, OptimizerConfig, PenaltyConfig, ScheduleConfig, check_arguments
from ganzoo.schema.parsing import describe

OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop}
OBJECTIVES = ("loss", "penalties", "constraints", "augmentations")


class Plan:
    """Input of a scheme's `assemble`, made from a config.

    Attributes:
      options: the scheme's validated options (an instance of its `Options`).
      shape: shape of an example, `(H, W, C)` for images.
      classes: number of labels of the data.
      domains: names of a translation's two domains.
      common: arguments common to all schemes' constructors.
    """

    def __init__(self, config: Config, scheme: type[SteppedModel], *, xla: bool = False, compiled: bool = True) -> None:
        self._config = config
        self._scheme = scheme
        self._xla = xla
        self._compiled = compiled
        self.options: Any = options_of(config, scheme)
        self.shape = config.dataset.example_shape
        self.classes = config.dataset.classes
        self.domains = config.dataset.domains
        training = config.training
        self.common: dict[str, Any] = {"ema_decay": training.ema_decay, "seed": training.seed, "name": config.name}

    def network(self, role: str, kind: str, *given: Any) -> keras.Model:
        """Build a new network for a role.

        Args:
          role: section of the config that names the network.
          kind: its kind in the registry: `generator`, `discriminator`, `translator`, `encoder`.
          given: arguments of that kind's builders; see `networks.kinds`.

        Raises:
          ConfigError: if the network or an option is unknown, or does not suit the data.
        """
        if role not in self._scheme.roles:
            roles = ", ".join(self._scheme.roles) or "none"
            raise ConfigError(f"model.scheme: {self._config.model.scheme} has no role '{role}' (its roles: {roles})")
        section = self._config.networks[role]
        builder = _for_data(of(kind), section.network, f"{role}.network", self._config)
        network = builder(*given, **check_arguments(builder, section.arguments, role, ["network"]))
        if not isinstance(network, keras.Model):
            raise ConfigError(f"{role}.network: {section.network}: expected a keras.Model from it, got {network!r}")
        if kind == "discriminator":
            _check_patches(network, given[0])
        return network

    def compile(self, model: SteppedModel, **terms: Any) -> None:
        """Compile a model with the config's objectives and optimizers.

        Args:
          model: its `compile` takes one positional argument per entry of `update_names`, in order.
          terms: further arguments of its `compile`.
        """
        if not self._compiled:
            return
        config, training = self._config, self._config.training
        objectives = {key: _given(getattr(config, key), training.steps) for key in self._scheme.objectives}
        model.compile(
            *(_optimizer(config.optimizer.updates[name], training.steps) for name in self._scheme.update_names),
            **objectives,
            accumulate=training.accumulate,
            clip_norm=config.optimizer.clip_norm,
            xla=self._xla,
            steps_per_execution=training.steps_per_execution,
            **terms,
        )


def build(config: Config, *, precision: str = "float32", xla: bool = False) -> SteppedModel:
    """Return a compiled model with initial weights that depend on the config only. Call it in the strategy's scope.

    Args:
      config: config of the model; its own `precision` and `xla`, which may be `auto`, are not used here.
      precision: compute precision of the networks; weights and sampling are float32.
      xla: see `GAN.compile`.

    Raises:
      ConfigError: if a name is not registered, a part does not have an option, or the config does not fit its scheme.
      UsageError: if Keras's own settings ask for floats of 16 bits.
    """
    if (floats := keras.config.floatx()) not in ("float32", "float64"):
        raise UsageError(
            f"keras.config.floatx: expected float32 or float64, got {floats}: weights of 16 bits do not learn "
            "(training.precision computes in 16 bits)"
        )
    model = _assembled(config, precision, xla=xla)
    model.config = config
    model.precision = precision
    _make_savable(type(model))
    return model


def outlined(config: Config) -> SteppedModel:
    """Return a model whose variables have names and shapes but no values, in no memory; it cannot be used.

    It has no moving averages, whose names and shapes are those of their networks.

    Raises:
      ConfigError: as `build`.
    """
    with variables_without_values():
        return _assembled(config.override({"training.ema_decay": 0.0}), "float32", compiled=False)


def _assembled(config: Config, precision: str, **how: bool) -> SteppedModel:
    """Assemble a model; `how` goes to its plan."""
    scheme = scheme_of(config)
    try:
        plan = Plan(config, scheme, **how)
        with reproducible_initialisation(config.training.seed), computing_in(precision), _channels_last():
            return scheme.assemble(plan)
    except (ConfigError, UsageError) as error:
        raise ConfigError(f"{config.name}: {error}") from None


@contextmanager
def _channels_last() -> Iterator[None]:
    """Build layers for images `[N, H, W, C]`, whatever Keras's own settings say."""
    usual = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_last")
    try:
        yield
    finally:
        keras.config.set_image_data_format(usual)


def _make_savable(scheme: type[SteppedModel]) -> None:
    """Register a scheme's class for saving, under the name that `models.saving` opens."""
    register = keras.saving.register_keras_serializable(package="ganzoo", name="Model")
    opener = keras.saving.get_registered_object("ganzoo>Model")
    register(scheme)
    register(opener)


def scheme_of(config: Config) -> type[SteppedModel]:
    """Return the class of a config's scheme, after checking that the config fits it.

    Raises:
      ConfigError: if there is no such scheme, or the config does not fit it.
    """
    name = config.model.scheme
    try:
        scheme = of("scheme").get(name)
        if not (inspect.isclass(scheme) and issubclass(scheme, SteppedModel)):
            raise ConfigError(f"model.scheme: {name}: expected a subclass of SteppedModel, got {scheme!r}")
        _check_keys("", "role", config.networks, scheme.roles, name)
        _check_keys("optimizer.", "update", config.optimizer.updates, scheme.update_names, name)
        _check_objectives(config, scheme)
        _check_batch(config, scheme.batch)
        options_of(config, scheme)
        rule = config.training.stop_when
        if rule is not None and rule.name not in scheme.stop_rules:
            raise ConfigError(f"training.stop_when: not for model.scheme: {name} (remove it)")
    except ConfigError as error:
        raise ConfigError(f"{config.name}: {error}") from None
    return scheme


def options_of(config: Config, scheme: type[SteppedModel]) -> Any:
    """Return a scheme's options from the config.

    Raises:
      ConfigError: if an option is unknown or missing, or a value is invalid.
    """
    try:
        return scheme.Options.model_validate(config.model.arguments)
    except ValidationError as error:
        text = describe(error, scheme.Options)
        raise ConfigError(f"model.{text} (model.scheme: {config.model.scheme})") from None


def _check_keys(section: str, what: str, given: Mapping[str, Any], wanted: tuple[str, ...], scheme: str) -> None:
    has = ", ".join(wanted)
    for key in wanted:
        if key not in given:
            raise ConfigError(f"{section}{key}: missing (model.scheme: {scheme} has the {what}s {has})")
    for key in given:
        if key not in wanted:
            raise ConfigError(f"{section}{key}: model.scheme: {scheme} has no such {what} (it has {has}; remove it)")


def _check_objectives(config: Config, scheme: type[SteppedModel]) -> None:
    name = config.model.scheme
    for key in OBJECTIVES:
        if getattr(config, key) and key not in scheme.objectives:
            raise ConfigError(f"{key}: not for model.scheme: {name} (remove it)")
    for augmentation in config.augmentations:
        _for_data(of("augmentation"), augmentation.name, "augmentations", config)
    if "loss" in scheme.objectives and config.loss is None:
        raise ConfigError(f"loss: missing, for model.scheme: {name} (for example loss: {{name: non_saturating}})")


def _for_data(registry: Registry[Any], name: str, key: str, config: Config) -> Any:
    """Return a registered part that suits the config's kind of data.

    Raises:
      ConfigError: if there is no such part, or it is for other kinds of data.
    """
    found, kind = registry.find(name, key), config.dataset.kind
    if kind in found.properties.get("kinds", (kind,)):
        return found.part
    suits = [known for known, other in registry.all().items() if kind in other.properties.get("kinds", (kind,))]
    wanted = " or ".join(found.properties["kinds"])
    mend = f"use one of: {', '.join(suits)}" if suits else "leave it out"
    raise ConfigError(f"{key}: {name} is for dataset.kind: {wanted}, got {kind} ({mend})")


def _check_batch(config: Config, batch: str) -> None:
    """Refuse data that do not have the form of the scheme's training batches."""
    dataset, name = config.dataset, config.model.scheme
    two = batch in ("domains", "pairs")
    if two != bool(dataset.domains):
        wanted = "expected two names" if two else "expected none (remove them)"
        raise ConfigError(f"dataset.domains: {wanted}, for model.scheme: {name}")
    if two and dataset.classes:
        raise ConfigError(f"dataset.classes: not for model.scheme: {name} (remove it)")
    if not two and dataset.load_size is not None:
        raise ConfigError("dataset.load_size: only for task: image_translation (remove it)")
    if two and dataset.paired != (batch == "pairs"):
        raise ConfigError(
            f"dataset.paired: expected {str(batch == 'pairs').lower()}, for model.scheme: {name} "
            f"(set dataset.paired={str(batch == 'pairs').lower()})"
        )
    if batch == "labelled" and dataset.classes < 2:
        raise ConfigError(f"model.scheme: {name} needs dataset.classes of 2 or more (or use scheme: vanilla)")


def _given(parts: Any, steps: int) -> Any:
    """Convert a config's parts to mappings of name and options for `compile`, with schedules as functions."""
    if not isinstance(parts, OpenSection):
        return [_given(part, steps) for part in parts]
    if not isinstance(parts, PenaltyConfig):
        return parts.model_dump()
    given = parts.model_dump(exclude={"schedule"})
    return {**given, "weight": Schedule(parts.weight, parts.schedule, steps)} if parts.schedule else given


def _check_patches(discriminator: keras.Model, shape: tuple[int, ...]) -> None:
    """Refuse a discriminator with patches larger than the images."""
    first = discriminator.inputs[0]
    if None not in first.shape[1:]:
        return
    try:
        shapes = [(1, *shape), *((1,) for _ in discriminator.inputs[1:])]  # labels too
        discriminator.compute_output_shape(shapes if len(shapes) > 1 else shapes[0])
    except ValueError:  # Keras's "output size would be zero or negative"
        raise ConfigError(
            f"dataset.size: {shape[0]} is too small for the discriminator, which has no logit for it (enlarge it, or "
            "use fewer discriminator.layers)"
        ) from None


def _optimizer(config: OptimizerConfig, steps: int) -> keras.optimizers.Optimizer:
    rate: Any = config.learning_rate
    if config.schedule is not None:
        rate = Schedule(rate, config.schedule, steps)
    return OPTIMIZERS[config.name](learning_rate=rate, **config.arguments)


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """A config's schedule as a Keras schedule; a function of the model's step."""

    def __init__(self, start: float, config: ScheduleConfig, steps: int) -> None:
        self.start = start
        self.config = config
        self.end = config.end_of(steps)
        SHAPES.get(config.name)

    def __call__(self, step: Any) -> tf.Tensor:
        config, floats = self.config, keras.config.floatx()
        left = factor(config.name, tf.cast(step, floats), config.start, self.end, config.final)
        return self.start * left
