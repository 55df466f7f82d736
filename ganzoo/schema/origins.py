"""Registered parts that a config names, and the modules outside ganzoo that they come from."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from ganzoo.core import plugins
from ganzoo.errors import ConfigError, did_you_mean
from ganzoo.registry import KINDS
from ganzoo.schema import Config

NETWORKS = ("generator", "discriminator", "translator", "encoder")
SCRIPT = "__main__"  # parts of a script or a notebook


def modules_of(config: Config) -> list[str]:
    """Return the modules outside ganzoo that registered parts of a config, by import name, sorted."""
    named = [("scheme", config.model.scheme), ("dataset", config.dataset.name)]
    named += [("loss", name) for name in _losses(config)]
    named += [("penalty", part.name) for part in config.penalties]
    named += [("constraint", part.name) for part in config.constraints]
    named += [("augmentation", name) for name in _augmentations(config)]
    named += [(kind, network.network) for network in config.networks.values() for kind in NETWORKS]
    named += [("metric", name) for name in config.evaluation.metrics]
    named += [("extractor", config.evaluation.features)] if config.evaluation.features else []
    found = {
        registration.module
        for kind, name in named
        if (registration := KINDS[kind].registrations.get(name)) is not None
        and registration.module.partition(".")[0] != "ganzoo"
    }
    return sorted({_asked_for(module) for module in found})


def check_names(config: Config) -> None:
    """Refuse a config that names an unknown part or option, without importing TensorFlow; `build` checks the rest.

    Raises:
      ConfigError: if a part is unknown, or an option of one.
    """
    try:
        KINDS["scheme"].check(config.model.scheme)
        _check_options(["scheme"], config.model.scheme, config.model.arguments, "model", ["scheme"])
        if config.loss:
            KINDS["loss"].check(config.loss.name)
            _check_options(["loss"], config.loss.name, config.loss.arguments, "loss", ["name"])
        for kind in ("penalty", "constraint", "augmentation"):
            key = KINDS[kind].key
            for number, part in enumerate(getattr(config, key)):
                KINDS[kind].check(part.name)
                _check_options([kind], part.name, part.arguments, f"{key}.{number}", [*type(part).model_fields])
        for role, network in config.networks.items():
            _check_network(config, role, network.network)
            _check_options(NETWORKS, network.network, network.arguments, role, ["network"])
    except ConfigError as error:
        raise ConfigError(f"{config.name}: {error}") from None
    if config.evaluation.every:
        for name in (*config.evaluation.metrics, config.evaluation.by):
            KINDS["metric"].find(name)
        if config.evaluation.features:
            KINDS["extractor"].check(config.evaluation.features)


def _losses(config: Config) -> list[str]:
    """Return the names of the loss and of those that are options of it, as of `heads`."""
    if config.loss is None:
        return []
    nested = config.loss.arguments.get("losses")
    return [config.loss.name, *_names(nested if isinstance(nested, list) else [])]


def _augmentations(config: Config) -> list[str]:
    """Return the names of all augmentations, also of those that are options of penalties, as of `consistency`."""
    nested = (part.arguments.get("augmentation") for part in config.penalties)
    return [*(part.name for part in config.augmentations), *_names(nested)]


def _names(parts: Iterable[Any]) -> list[str]:
    """Return the names in options that may name parts."""
    names = (one.get("name") if isinstance(one, dict) else one for one in parts)
    return [name for name in names if isinstance(name, str)]


def _check_network(config: Config, role: str, name: str) -> None:
    """Refuse a network that is of no kind; which kind a role has is the scheme's choice."""
    likely = "translator" if config.dataset.domains and role == "generator" else role
    problems = []
    for kind in sorted(NETWORKS, key=lambda kind: kind != likely):
        try:
            KINDS[kind].check(name, f"{role}.network")
            return
        except ConfigError as error:
            problems.append(error)
    raise problems[0]


def _check_options(kinds: Iterable[str], name: str, given: Iterable[str], at: str, general: list[str]) -> None:
    """Refuse options that no part of that name has, as far as they are known; see `check_arguments`."""
    found = [KINDS[kind].options(name) for kind in kinds]
    known = {option for options in found for option in options or ()}
    for option in given if None not in found else ():
        if option not in known:
            raise ConfigError(f"{at}.{option}: unknown key{did_you_mean(option, [*sorted(known), *general])}")


def check_imports(config: Config, where: str) -> None:
    """Refuse a config whose parts come from modules that are not imported; never import them.

    Args:
      config: config of a run or of a file.
      where: origin of the config, for the message.

    Raises:
      ConfigError: if a module is missing; the message says how to import it.
    """
    if not config.imports:
        return
    plugins.load_entry_points()
    registered = {found.module for registry in KINDS.values() for found in registry.registrations.values()}
    for module in config.imports:
        if module == SCRIPT and SCRIPT not in registered:
            raise ConfigError(
                f"{where}: has parts registered in a script or notebook (register them before loading it, or keep "
                "them in a module and add --import MODULE)"
            )
        if module not in sys.modules:
            raise ConfigError(
                f"{where}: has parts of the module '{module}', which is not imported (add --import {module}; in "
                f"Python: import {module})"
            )


def _asked_for(module: str) -> str:
    """Return a module by the name that is imported or announced, if that includes it: `mine` for `mine.losses`."""
    known = (*plugins.imported(), *plugins.announced())
    above = [name for name in known if module == name or module.startswith(f"{name}.")]
    return min(above, key=len) if above else module
