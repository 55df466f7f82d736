"""Modules outside ganzoo that register parts: imported on request (`--import`), or found as entry points.

ganzoo imports modules that the user names and installed plugins, never modules that a file or run directory names.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import logging
import os
import sys
from collections.abc import Iterable, Iterator

from ganzoo.errors import GanzooError, UsageError

GROUP = "ganzoo.plugins"

_log = logging.getLogger(__name__)
_imported: dict[str, None] = {}  # an ordered set
_state = {"entry_points_loaded": False}


def import_modules(names: Iterable[str]) -> None:
    """Import modules by name, each once, so that their parts are registered.

    During the import the working directory is first in `sys.path`; afterwards it is last, so that later imports of
    the modules succeed and no installed module is shadowed.

    Args:
      names: dotted names (`mine`, `package.losses`).

    Raises:
      UsageError: if a name is not a module name, or the module is missing or fails to import.
    """
    for name in names:
        if name.endswith(".py") or not all(part.isidentifier() for part in name.split(".")):
            raise UsageError(f"--import {name}: expected a module name such as mine or package.losses, got '{name}'")
        with _working_directory_first():
            importlib.invalidate_caches()
            try:
                importlib.import_module(name)
            except (Exception, SystemExit) as error:  # a script without a main guard may exit
                raise UsageError(f"--import {name}: cannot be imported ({_said(error)}){_mend(name, error)}") from error
        _imported[name] = None


def imported() -> tuple[str, ...]:
    """Return the names imported by `import_modules`, in order."""
    return tuple(_imported)


def announced() -> tuple[str, ...]:
    """Return the modules that installed packages announce as plugins."""
    return tuple(entry.module for entry in importlib.metadata.entry_points(group=GROUP))


def load_entry_points() -> None:
    """Import all installed plugins (entry points of the group `ganzoo.plugins`), once per process.

    A plugin that fails is logged as a one-line warning; the others are loaded.
    """
    if _state["entry_points_loaded"]:
        return
    _state["entry_points_loaded"] = True  # before the imports: a plugin may look up a part while it is imported
    for entry in importlib.metadata.entry_points(group=GROUP):
        try:
            entry.load()
        except (Exception, SystemExit) as error:
            _log.warning("plugin %s (%s): cannot be imported (%s)", entry.name, entry.value, _said(error))


@contextlib.contextmanager
def _working_directory_first() -> Iterator[None]:
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # the module may have changed the path
            sys.path.remove(here)
        if here not in sys.path:
            sys.path.append(here)


def _said(error: BaseException) -> str:
    """Return an error on one line; omit the class name of ganzoo's own errors."""
    text = " ".join(str(error).split())
    return text if isinstance(error, GanzooError) else f"{type(error).__name__}: {text}".removesuffix(": ")


def _mend(name: str, error: BaseException) -> str:
    """Return the advice that completes the message."""
    if isinstance(error, GanzooError):  # has its own advice
        return ""
    if not isinstance(error, ModuleNotFoundError) or error.name is None:
        return f'; python -c "import {name}" shows the traceback'
    if name == error.name or name.startswith(f"{error.name}."):
        return f"; run the command in the folder of {name.split('.')[0]}, or add that folder to PYTHONPATH"
    return f"; install {error.name}, or add its folder to PYTHONPATH"
