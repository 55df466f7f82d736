"""Sections that name a registered part and carry its options; the part itself validates them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_type_hints

from pydantic import Field, ValidationError, create_model

from ganzoo.errors import ConfigError, did_you_mean
from ganzoo.registry import options_of
from ganzoo.schema.parsing import describe
from ganzoo.schema.section import OpenSection, Section


class ModelConfig(OpenSection):
    """The training scheme by its registered name, and the scheme's own options (`latent`, `critic_steps`, …)."""

    scheme: str


class NetworkConfig(OpenSection):
    """A network by its registered name, and its own options."""

    network: str


class LossConfig(OpenSection):
    """The adversarial loss by its registered name, and its own options (`label_smoothing`, `margin`, …)."""

    name: str


class PenaltyConfig(OpenSection):
    """A penalty by its registered name, and its own options.

    It is added, times `weight`, to the loss of the update that it joins, at every `every`-th step (then `every` times
    as strong).
    """

    name: str
    weight: float = Field(gt=0.0)
    every: int = Field(default=1, ge=1)


class PartConfig(OpenSection):
    """A constraint or an augmentation by its registered name, and its own options."""

    name: str


def check_arguments(
    part: Callable[..., Any], arguments: Mapping[str, Any], key: str, general: Sequence[str] = ()
) -> dict[str, Any]:
    """Validates a part's options against the parameters that are its options (see `registry.options_of`).

    Args:
      part: the registered class or function; its parameters and their annotations are the schema.
      arguments: as the config gives them.
      key: where they stand in the config (`generator`), for messages.
      general: further keys that may stand there, for the nearest name of an unknown one.

    Returns:
      The arguments, validated; those not given keep the part's defaults and are not in it.

    Raises:
      ConfigError: an unknown argument, a missing one, a wrong type or a value out of range.
    """
    initialiser: Any = part.__init__ if inspect.isclass(part) else part
    try:
        hints = get_type_hints(initialiser, include_extras=True)
    except NameError:  # annotations of somebody else's that only a type checker can resolve
        hints = {}
    fields: dict[str, Any] = {
        name: (hints.get(name, Any), ... if parameter.default is inspect.Parameter.empty else parameter.default)
        for name, parameter in options_of(part).items()
    }
    for name in arguments:
        if name not in fields:
            raise ConfigError(f"{key}.{name}: unknown key{did_you_mean(name, [*fields, *general])}")
    section = create_model(getattr(part, "__name__", "part"), __base__=Section, **fields)
    try:
        checked = section.model_validate(dict(arguments))
    except ValidationError as error:
        raise ConfigError(f"{key}.{describe(error, section)}") from None
    return {name: getattr(checked, name) for name in checked.model_fields_set}
