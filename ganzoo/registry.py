"""Every named part: what a config can name, a decorator makes known, so that no list has to be edited.

`register(KIND, "name")` adds a part, ganzoo's own and anybody's. A part that is asked for is looked up among those
registered so far, then in the package that is home to its kind, then in the installed packages that announce plugins
(entry points of the group `ganzoo.plugins`). Nothing here imports TensorFlow.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar

from ganzoo.core import plugins
from ganzoo.errors import ConfigError, UsageError, did_you_mean

T = TypeVar("T")
OWN = "a part of your own needs --import MODULE (in Python: import MODULE)"
OF_TWO_DOMAINS = " of two domains"


@dataclass(frozen=True)
class Registration(Generic[T]):
    """One part.

    Attributes:
      part: the registered class or function.
      module: the module that registered it.
      properties: what was said of it beside its name; see `Registry`.
    """

    part: T
    module: str
    properties: Mapping[str, Any] = field(default_factory=dict)


class Registry(Generic[T]):
    """The parts of one kind, by name.

    Args:
      kind: what a part is called in messages and in `register` (`loss`).
      key: where a config names it (`loss.name`).
      home: the package whose modules register ganzoo's own parts; empty where they are registered on import.
      properties: what may be said of a part beside its name.
      variant: of the properties: what is added to the name of a part that may share it with another one.
    """

    def __init__(
        self,
        kind: str,
        key: str,
        home: str = "",
        properties: Sequence[str] = (),
        variant: Callable[[Mapping[str, Any]], str] = lambda properties: "",
    ) -> None:
        self.kind = kind
        self.key = key
        self.home = home
        self.properties = tuple(properties)
        self.variant = variant
        self.registrations: dict[str, Registration[T]] = {}

    def register(self, name: str, /, *, replace: bool = False, **properties: Any) -> Callable[[T], T]:
        """Decorator that makes a part known by a name.

        Args:
          name: as a config gives it.
          replace: allow a name that is registered already.
          properties: of those that the kind knows.

        Raises:
          UsageError: the name is taken, the part cannot be called, or a property is unknown.
        """
        for unknown in sorted(set(properties) - set(self.properties)):
            raise UsageError(
                f"register: {self.kind} has no property '{unknown}'{did_you_mean(unknown, self.properties)}"
            )

        def keep(part: T) -> T:
            if not callable(part):
                raise UsageError(f"register: {self.kind} '{name}': expected a class or a function, got {part!r}")
            module = getattr(part, "__module__", "__main__")
            known = name + self.variant(properties)
            before = self.registrations.get(known)
            if before is not None and not replace and (before.module, _name(before.part)) != (module, _name(part)):
                raise UsageError(
                    f"register: {self.kind} '{name}' is registered by {before.module} already, and now by {module} "
                    "(choose another name, or pass replace=True)"
                )
            self.registrations[known] = Registration(part, module, properties)
            return part

        return keep

    def get(self, name: str, key: str | None = None) -> T:
        """The part of that name.

        Args:
          name: as a config gives it.
          key: where it stands in the config, for messages; by default the kind's own key.

        Raises:
          ConfigError: there is none.
        """
        return self.find(name, key).part

    def find(self, name: str, key: str | None = None) -> Registration[T]:
        """The registration of that name; see `get`."""
        if name not in self.registrations:
            self._discover()
        if name not in self.registrations:
            near = did_you_mean(name, self.registrations)
            own = f"; {OWN}" if self.home else ""  # else it is no kind of part that can be registered from outside
            raise ConfigError(f"{key or self.key}: unknown {self.kind} '{name}'{near}{own}")
        return self.registrations[name]

    def names(self) -> list[str]:
        """The names of all parts, sorted."""
        self._discover()
        return sorted(self.registrations)

    def all(self) -> dict[str, Registration[T]]:
        """All parts by name, sorted."""
        self._discover()
        return dict(sorted(self.registrations.items()))

    def _discover(self) -> None:
        if self.home:
            import_modules_of(self.home)
        plugins.load_entry_points()


_REGISTRIES: tuple[Registry[Any], ...] = (
    Registry("loss", "loss.name", "ganzoo.objectives.losses"),
    Registry("penalty", "penalties", "ganzoo.objectives.penalties"),
    Registry("constraint", "constraints", "ganzoo.objectives.constraints"),
    Registry("augmentation", "augmentations", "ganzoo.objectives.augmentations"),
    Registry("generator", "generator.network", "ganzoo.networks"),
    Registry("discriminator", "discriminator.network", "ganzoo.networks"),
    Registry("translator", "generator.network", "ganzoo.networks"),
    Registry("encoder", "encoder.network", "ganzoo.networks"),
    Registry(
        "dataset",
        "dataset.name",
        "ganzoo.data.sources",
        ("kind", "domains", "paired", "check"),
        lambda properties: "" if properties.get("domains", ()) == () else OF_TWO_DOMAINS,
    ),
    Registry("metric", "metrics", "ganzoo.evaluation.metrics", ("better", "needs")),
    Registry("extractor", "evaluation.features", "ganzoo.evaluation.extractors"),
    Registry("scheme", "model.scheme", "ganzoo.models"),
)
KINDS = {registry.kind: registry for registry in _REGISTRIES}


def register(kind: str, name: str, /, *, replace: bool = False, **properties: Any) -> Callable[[T], T]:
    """Decorator that makes a class or function known to ganzoo, so that a config can name it.

    Args:
      kind: `loss`, `penalty`, `constraint`, `augmentation`, `generator`, `discriminator`, `translator`, `encoder`,
        `dataset`, `metric`, `extractor` or `scheme`; docs/add-your-own.md says what each has to offer.
      name: as a config gives it.
      replace: allow a name that is registered already.
      properties: what the kind wants to know beside the name (a metric's `better`).

    The part's own options are its keyword-only parameters (of `__init__` for a class), with their annotations and
    defaults: they are what a config may set, and are checked against them.

    Raises:
      UsageError: an unknown kind or property, a name that is taken, or something that cannot be called.
    """
    return of(kind).register(name, replace=replace, **properties)


def of(kind: str) -> Registry[Any]:
    """The registry of a kind.

    Raises:
      UsageError: there is no such kind.
    """
    if kind not in KINDS:
        raise UsageError(f"register: unknown kind '{kind}'{did_you_mean(kind, KINDS)}")
    return KINDS[kind]


@cache
def import_modules_of(package: str) -> None:
    """Imports every module of a package, so that each registers its parts."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if not module.ispkg:
            importlib.import_module(f"{package}.{module.name}")


def options_of(part: Any) -> dict[str, inspect.Parameter]:
    """The parameters of a part that are its options, by name.

    Those of a class are all that its `__init__` takes; those of a function its keyword-only ones, as the others are
    what ganzoo gives it.
    """
    parameters = inspect.signature(part).parameters.values()
    kinds = {inspect.Parameter.KEYWORD_ONLY} | (
        {inspect.Parameter.POSITIONAL_OR_KEYWORD} if inspect.isclass(part) else set()
    )
    return {parameter.name: parameter for parameter in parameters if parameter.kind in kinds}


def _name(part: Any) -> str:
    return getattr(part, "__qualname__", repr(part))
