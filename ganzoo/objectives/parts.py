"""Construction of objectives from names and options."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo.errors import ConfigError, UsageError
from ganzoo.registry import of
from ganzoo.schema import check_arguments

Named = str | Mapping[str, Any]


@dataclass(frozen=True)
class Penalty:
    """A penalty in a training step.

    Attributes:
      name: name in the log.
      function: maps a context to `[N]`.
      weight: factor of the penalty, or a function of the step that returns it.
      every: interval in steps; the penalty is `every` times as strong then.
      updates: names of the updates whose losses include it.
    """

    name: str
    function: Callable[[Any], Any]
    weight: float | Callable[[Any], Any]
    every: int
    updates: tuple[str, ...]

    def scale(self, step: Any) -> Any:
        """Return the factor of the penalty at a step where it is due."""
        return (self.weight(step) if callable(self.weight) else self.weight) * self.every

    def logged(self, update: str) -> str:
        """Return its name in the log: of several updates, each has its own."""
        return self.name if len(self.updates) == 1 else f"{update}_{self.name}"


@dataclass(frozen=True)
class Constraint:
    """A constraint in a training step: `function` is applied to the weights of `update`."""

    name: str
    function: Callable[[Any], Any]
    update: str


@dataclass(frozen=True)
class Augmentation:
    """An augmentation in a training step.

    Attributes:
      function: maps examples and draws to examples.
      domains: those whose discriminators see it; None for all.
    """

    function: Callable[[Any, Any], Any]
    domains: tuple[str, ...] | None


class States:
    """Variables of the parts that have state, one set for each part and discriminator.

    Args:
      parts: parts by name; their attribute `state` has the initial values by name.
      roles: names of the discriminators.
    """

    def __init__(self, parts: Mapping[str, Any], roles: Sequence[str]) -> None:
        self._sets = {
            (name, role): {
                key: keras.Variable(value, dtype=keras.config.floatx(), trainable=False, name=key)
                for key, value in getattr(part, "state", {}).items()
            }
            for name, part in parts.items()
            for role in roles
        }

    def of(self, name: str, role: str) -> dict[str, keras.Variable]:
        """Return the variables of a part for a discriminator; none for a part without state."""
        return self._sets.get((name, role), {})

    @property
    def variables(self) -> dict[str, keras.Variable]:
        """Variables to save, by name."""
        return {
            f"parts/{name}/{role}/{key}": variable
            for (name, role), one in self._sets.items()
            for key, variable in one.items()
        }


def loss(given: Named | Any, key: str = "loss") -> Any:
    """Return an adversarial loss from a name, a mapping of name and options, or the loss itself.

    Raises:
      ConfigError: if a name or option is unknown.
      UsageError: if an object is not a loss.
    """
    made = made_of("loss", given, f"{key}.name", key)
    for method in ("discriminator", "generator"):
        if not callable(getattr(made, method, None)):
            raise UsageError(f"{key}: {made!r} has no method {method}(real_logits, fake_logits)")
    return made


def penalties(given: Sequence[Any], key: str = "penalties") -> list[Penalty]:
    """Return the penalties of a model. Each is given as a name, (name, weight, every), a mapping of name, weight,
    every and options, or a callable of a context with optional attributes `weight`, `every` and `update`. A weight is a
    number, or a function of the step (int64 scalar) such as Keras's learning rate schedules.

    Raises:
      ConfigError: if a name or option is unknown, or a name repeats.
    """
    made = []
    for number, one in enumerate(given):
        at = f"{key}.{number}"
        if isinstance(one, tuple):
            one = dict(zip(("name", "weight", "every"), one, strict=False))
        settings: dict[str, Any] = (
            dict(one) if isinstance(one, Mapping) else {"name": one} if isinstance(one, str) else {}
        )
        weight, every = settings.pop("weight", None), settings.pop("every", None)
        if settings.pop("schedule", None) is not None:
            raise ConfigError(
                f"{at}.schedule: expected it in a config alone (in Python give a function of the step as weight, such "
                "as keras.optimizers.schedules.CosineDecay)"
            )
        function = made_of("penalty", settings or one, key, at, general=("name", "weight", "every", "schedule"))
        update = getattr(function, "update", "discriminator")
        made.append(
            Penalty(
                settings.get("name") or name_of(function),
                function,
                getattr(function, "weight", 1.0) if weight is None else weight,
                getattr(function, "every", 1) if every is None else every,
                (update,) if isinstance(update, str) else tuple(update),
            )
        )
    names = [penalty.name for penalty in made]
    if len(set(names)) < len(names):
        raise ConfigError(f"{key}: expected different names, got one twice (give it once, with the sum of the weights)")
    return made


def constraints(given: Sequence[Any], key: str = "constraints") -> list[Constraint]:
    """Return the constraints of a model, each given as a name, a mapping of name and options, or the function.

    Raises:
      ConfigError: if a name or option is unknown.
    """
    made = []
    for number, one in enumerate(given):
        function = made_of("constraint", one, key, f"{key}.{number}", general=("name",))
        made.append(
            Constraint(_named(one) or name_of(function), function, getattr(function, "update", "discriminator"))
        )
    return made


def augmentations(given: Sequence[Any], domains: Sequence[str] = (), key: str = "augmentations") -> list[Augmentation]:
    """Return the augmentations of a model. Each is given as a name, a mapping of name, domains and options, or the
    function.

    Args:
      given: the augmentations.
      domains: the model's domains, if each has a discriminator of its own.
      key: config key, for messages.

    Raises:
      ConfigError: if a name, option or domain is unknown.
    """
    made = []
    for number, one in enumerate(given):
        at = f"{key}.{number}"
        settings: Any = dict(one) if isinstance(one, Mapping) else one
        seen = settings.pop("domains", None) if isinstance(settings, dict) else None
        unknown = [domain for domain in seen or () if domain not in domains]
        if unknown and not domains:
            raise ConfigError(f"{at}.domains: the scheme has one discriminator for all examples (remove it)")
        if unknown:
            raise ConfigError(f"{at}.domains: expected some of {', '.join(domains)}, got '{unknown[0]}'")
        function = made_of("augmentation", settings, key, at, general=("name", "domains"))
        made.append(Augmentation(function, None if seen is None else tuple(seen)))
    return made


def returned(value: Any, part: str, shape: Any = None) -> tf.Tensor:
    """Return what a part has computed.

    Args:
      value: its result.
      part: its name, for messages.
      shape: shape that the result must have; None for any.

    Raises:
      UsageError: if it is no tensor of floats, or has another shape.
    """
    if isinstance(value, float | np.floating | np.ndarray | keras.Variable):
        value = tf.convert_to_tensor(value)
    if not (tf.is_tensor(value) and value.dtype.is_floating):
        got = value.dtype.name if tf.is_tensor(value) else type(value).__name__
        raise UsageError(f"{part}: expected it to return a tensor of floats, got {got}")
    if not value.shape.is_compatible_with(shape):
        raise UsageError(f"{part}: expected it to return a tensor {list(shape)}, got {list(value.shape)}")
    return value


def made_of(kind: str, given: Any, key: str, at: str, general: Sequence[str] = ("name",)) -> Any:
    """Return a part from a name, a mapping of name and options, or the part itself.

    Args:
      kind: kind in `register`.
      given: the part.
      key: config key of its name, for messages.
      at: config key of its options.
      general: further valid keys beside the options.

    Returns:
      An instance of a registered class, or a registered function with its options bound.

    Raises:
      ConfigError: if a name or option is unknown.
    """
    if isinstance(given, str):
        given = {"name": given}
    if not isinstance(given, Mapping):
        return given
    if "name" not in given:
        raise ConfigError(f"{at}.name: missing (expected the name of the {kind})")
    options = {name: value for name, value in given.items() if name != "name"}
    part = of(kind).get(given["name"], key)
    arguments = check_arguments(part, options, at, general)
    if inspect.isclass(part):
        return part(**arguments)
    return functools.update_wrapper(functools.partial(part, **arguments), part)  # with its attributes


def _named(given: Any) -> str | None:
    return given if isinstance(given, str) else given["name"] if isinstance(given, Mapping) else None


def name_of(function: Any) -> str:
    """Return the name of a part, for the log and for messages."""
    return str(getattr(function, "name", None) or getattr(function, "__name__", type(function).__name__))
