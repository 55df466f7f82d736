"""Sections that name a registered part and hold its options; the part validates them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_type_hints

from pydantic import Field, ValidationError, create_model

from ganzoo.errors import ConfigError, did_you_mean
from ganzoo.registry import options_of
from ganzoo.schema.parsing import describe
from ganzoo.schema.section import OpenSection, Section
from ganzoo.schema.training import ScheduleConfig


class ModelConfig(OpenSection):
    """The training scheme's registered name and options (`latent`, `critic_steps`, …)."""

    scheme: str


class NetworkConfig(OpenSection):
    """A network's registered name and options."""

    network: str


class LossConfig(OpenSection):
    """The adversarial loss's registered name and options (`label_smoothing`, `margin`, …)."""

    name: str


class PenaltyConfig(OpenSection):
    """A penalty's registered name and options.

    The penalty, times `weight` and the factor of its schedule, is added to the loss of its update at every `every`-th
    step, then `every` times as strong.
    """

    name: str
    weight: float = Field(gt=0.0)
    every: int = Field(default=1, ge=1)
    schedule: ScheduleConfig | None = None


class PartConfig(OpenSection):
    """The registered name and options of a constraint."""

    name: str


class AugmentationConfig(OpenSection):
    """An augmentation's registered name and options, and the domains whose discriminators see it (default: all)."""

    name: str
    domains: list[str] | None = Field(default=None, min_length=1)


def check_arguments(
    part: Callable[..., Any],
    arguments: Mapping[str, Any],
    key: str,
    general: Sequence[str] = (),
    passed: Sequence[str] = (),
) -> dict[str, Any]:
    """Validate a part's options against its own parameters (see `registry.options_of`).

    Args:
      part: the registered class or function; its parameters and annotations are the schema.
      arguments: options from the config.
      key: location in the config (`generator`), for messages.
      general: further valid keys there, as candidates for the nearest name.
      passed: keyword-only parameters that ganzoo passes, and no options.

    Returns:
      The validated arguments; options that are not given keep the part's defaults and are absent.

    Raises:
      ConfigError: if an argument is unknown or missing, or its type or value is invalid.
    """
    initialiser: Any = part.__init__ if inspect.isclass(part) else part
    try:
        hints = get_type_hints(initialiser, include_extras=True)
    except NameError:  # a third party's annotations that only a type checker can resolve
        hints = {}
    fields: dict[str, Any] = {
        name: (hints.get(name, Any), ... if parameter.default is inspect.Parameter.empty else parameter.default)
        for name, parameter in options_of(part).items()
        if name not in passed
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
