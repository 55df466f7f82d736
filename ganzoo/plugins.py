"""Modules of other people that register parts: installed ones, and those that a command names."""

from __future__ import annotations

import importlib.metadata
from functools import cache

from ganzoo.errors import ConfigError

GROUP = "ganzoo.plugins"


@cache
def load_entry_points() -> None:
    """Imports the modules that installed packages announce in the entry-point group `ganzoo.plugins`.

    Raises:
      ConfigError: one of them cannot be imported.
    """
    for point in importlib.metadata.entry_points(group=GROUP):
        try:
            point.load()
        except Exception as error:
            raise ConfigError(
                f"plugin {point.name}: {point.value} cannot be imported ({type(error).__name__}: {error}); mend or "
                "uninstall it"
            ) from error
