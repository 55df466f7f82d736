"""Registry of named parts: a decorator registers each, so that no list has to be edited.

`register(KIND, "name")` adds a part of ganzoo or of a user. A lookup searches the parts registered so far, then the
home package of the kind, then installed packages that announce plugins (entry points of the group `ganzoo.plugins`).
Nothing here imports TensorFlow.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from ganzoo.core import plugins
from ganzoo.errors import ConfigError, UsageError, did_you_mean

T = TypeVar("T")
OWN = "a part of your own needs --import MODULE (in Python: import MODULE)"
OF_TWO_DOMAINS = " of two domains"


@dataclass(frozen=True)
class Registration(Generic[T]):
    """A registered part.

    Attributes:
      part: the registered class or function.
      module: the module that registered it.
      properties: its properties; see `Registry`.
    """

    part: T
    module: str
    properties: Mapping[str, Any] = field(default_factory=dict)


class Registry(Generic[T]):
    """The parts of one kind, by name.

    Args:
      kind: name of the kind in messages and in `register` (`loss`).
      key: config key that names a part (`loss.name`).
      home: package whose modules register ganzoo's own parts; empty if they are registered on import.
      properties: properties that a part may have besides its name.
      variant: maps properties to a suffix of the part's name, for parts that share a name.
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
        """Return a decorator that registers a part.

        Args:
          name: name in a config.
          replace: allow a name that is already registered.
          properties: properties that the kind knows.

        Raises:
          UsageError: if the name is taken, the part is not callable, or a property is unknown.
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
        """Return the part of that name.

        Args:
          name: name in a config.
          key: its config key, for messages; by default the kind's own key.

        Raises:
          ConfigError: if there is none.
        """
        return self.find(name, key).part

    def find(self, name: str, key: str | None = None) -> Registration[T]:
        """Return the registration of that name; see `get`."""
        if name not in self.registrations:
            self._discover()
        if name not in self.registrations:
            raise self._unknown(name, key, self.registrations)
        return self.registrations[name]

    def check(self, name: str, key: str | None = None) -> None:
        """Refuse an unknown name as `get` does, but read ganzoo's own parts, whose import may start TensorFlow.

        For kinds whose modules use `register` and no other decorator, and without variants.

        Raises:
          ConfigError: if there is no part of that name.
        """
        if name in self.registrations or name in (declared := _declared(self.home).get(self.kind, ())):
            return
        plugins.load_entry_points()
        if name not in self.registrations:
            raise self._unknown(name, key, {*self.registrations, *declared})

    def options(self, name: str) -> frozenset[str] | None:
        """Return the names of a part's options, read as `check` reads names; None if that does not tell them."""
        known = self.registrations.get(name)
        if known is None:
            return _declared(self.home).get(self.kind, {}).get(name, frozenset())
        return frozenset(options_of(known.part)) if self.kind != "scheme" else None

    def _unknown(self, name: str, key: str | None, known: Iterable[str]) -> ConfigError:
        own = f"; {OWN}" if self.home else ""  # without a home, users cannot register parts of this kind
        return ConfigError(f"{key or self.key}: unknown {self.kind} '{name}'{did_you_mean(name, known)}{own}")

    def names(self) -> list[str]:
        """Return the names of all parts, sorted."""
        self._discover()
        return sorted(self.registrations)

    def all(self) -> dict[str, Registration[T]]:
        """Return all parts by name, sorted."""
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
    Registry("augmentation", "augmentations", "ganzoo.objectives.augmentations", ("kinds",)),
    Registry("generator", "generator.network", "ganzoo.networks", ("kinds",)),
    Registry("discriminator", "discriminator.network", "ganzoo.networks", ("kinds",)),
    Registry("translator", "generator.network", "ganzoo.networks", ("kinds",)),
    Registry("encoder", "encoder.network", "ganzoo.networks", ("kinds",)),
    Registry(
        "dataset",
        "dataset.name",
        "ganzoo.data.sources",
        ("kind", "domains", "paired", "check"),
        lambda properties: "" if properties.get("domains", ()) == () else OF_TWO_DOMAINS,
    ),
    Registry("metric", "metrics", "ganzoo.evaluation.metrics", ("better", "needs", "least")),
    Registry("extractor", "evaluation.features", "ganzoo.evaluation.extractors"),
    Registry("scheme", "model.scheme", "ganzoo.models"),
)
KINDS = {registry.kind: registry for registry in _REGISTRIES}


def register(kind: str, name: str, /, *, replace: bool = False, **properties: Any) -> Callable[[T], T]:
    """Return a decorator that registers a class or function, so that a config can name it.

    The part's options are its keyword-only parameters (for a class, those of `__init__`). A config may set them, and
    they are checked against their annotations and defaults.

    Args:
      kind: `loss`, `penalty`, `constraint`, `augmentation`, `generator`, `discriminator`, `translator`, `encoder`,
        `dataset`, `metric`, `extractor` or `scheme`; docs/add-your-own.md describes the interface of each.
      name: name in a config.
      replace: allow a name that is already registered.
      properties: properties of the kind (a metric's `better`).

    Raises:
      UsageError: if the kind or a property is unknown, the name is taken, or the part is not callable.
    """
    return of(kind).register(name, replace=replace, **properties)


def of(kind: str) -> Registry[Any]:
    """Return the registry of a kind.

    Raises:
      UsageError: if there is no such kind.
    """
    if kind not in KINDS:
        raise UsageError(f"register: unknown kind '{kind}'{did_you_mean(kind, KINDS)}")
    return KINDS[kind]


@cache
def import_modules_of(package: str) -> None:
    """Import every module of a package, so that each registers its parts."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if not module.ispkg:
            importlib.import_module(f"{package}.{module.name}")


@cache
def _declared(package: str) -> dict[str, dict[str, frozenset[str] | None]]:
    """Return kind -> name -> names of the options (None if unknown) of the parts that a package's modules register.

    Their source is read, nothing is imported.
    """
    parts: list[tuple[str, str, ast.stmt]] = []
    classes: dict[str, ast.ClassDef] = {}
    for folder in importlib.import_module(package).__path__:
        for path in Path(folder).glob("*.py"):
            for part in ast.parse(path.read_bytes()).body:
                classes |= {part.name: part} if isinstance(part, ast.ClassDef) else {}
                for decorator in getattr(part, "decorator_list", ()):
                    match decorator:
                        case ast.Call(ast.Name("register"), [ast.Constant(str(kind)), ast.Constant(str(name))]):
                            parts.append((kind, name, part))
    found: dict[str, dict[str, frozenset[str] | None]] = {}
    for kind, name, part in parts:
        read = _fields_in if kind == "scheme" else _options_in
        found.setdefault(kind, {})[name] = read(part, classes)
    return found


def _options_in(part: ast.AST | None, classes: Mapping[str, ast.ClassDef]) -> frozenset[str] | None:
    """Return what `options_of` gives, from the source of a part."""
    match part:
        case ast.FunctionDef():
            return frozenset(argument.arg for argument in part.args.kwonlyargs)
        case ast.ClassDef():
            for made in part.body:
                if isinstance(made, ast.FunctionDef) and made.name == "__init__":
                    return frozenset(argument.arg for argument in (*made.args.args[1:], *made.args.kwonlyargs))
            return _options_in(_base(part, classes), classes) if part.bases else frozenset()
    return None


def _fields_in(scheme: ast.AST | None, classes: Mapping[str, ast.ClassDef]) -> frozenset[str] | None:
    """Return the fields of a scheme's `Options`, from its source."""
    if not isinstance(scheme, ast.ClassDef):
        return None
    for part in scheme.body:
        if isinstance(part, ast.ClassDef) and part.name == "Options":
            targets = [field.target for field in part.body if isinstance(field, ast.AnnAssign)]
            own = frozenset(target.id for target in targets if isinstance(target, ast.Name))
            match part.bases:
                case [ast.Name("Section")]:
                    return own
                case [ast.Attribute(ast.Name(other), "Options")]:
                    inherited = _fields_in(classes.get(other), classes)
                    return None if inherited is None else inherited | own
            return None
    return _fields_in(_base(scheme, classes), classes)


def _base(part: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> ast.ClassDef | None:
    match part.bases:
        case [ast.Name(name)]:
            return classes.get(name)
    return None


def options_of(part: Any) -> dict[str, inspect.Parameter]:
    """Return the parameters of a part that are its options, by name.

    For a class these are all parameters of `__init__`; for a function the keyword-only ones, because ganzoo passes the
    others.
    """
    parameters = inspect.signature(part).parameters.values()
    kinds = {inspect.Parameter.KEYWORD_ONLY} | (
        {inspect.Parameter.POSITIONAL_OR_KEYWORD} if inspect.isclass(part) else set()
    )
    return {parameter.name: parameter for parameter in parameters if parameter.kind in kinds}


def _name(part: Any) -> str:
    return getattr(part, "__qualname__", repr(part))
