"""`ganzoo COMMAND …`: every module of this folder is a command, except `base`, `main` and those with an underscore."""

from __future__ import annotations

import importlib
import pkgutil
import sys

from ganzoo import cli
from ganzoo.cli.base import asks_for_help, reported
from ganzoo.errors import UsageError, did_you_mean
from ganzoo.version import __version__


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    first = arguments[0] if arguments else "--help"
    with reported("ganzoo") as outcome:
        if asks_for_help([first]):
            print(_overview())
        elif first == "--version":
            print(f"ganzoo {__version__}")
        elif first in commands():
            outcome.code = importlib.import_module(f"ganzoo.cli.{first}").main(arguments[1:])
        else:
            raise UsageError(f"{first}: unknown command{did_you_mean(first, commands())}")
    return outcome.code


def commands() -> list[str]:
    """Return the names of all commands, sorted."""
    names = (module.name for module in pkgutil.iter_modules(cli.__path__))
    return sorted(name for name in names if not name.startswith("_") and name not in ("base", "main"))


def _overview() -> str:
    width = max(map(len, commands())) + 2
    lines = ["A zoo of generative adversarial networks.", "", "Usage: ganzoo COMMAND [flags]", ""]
    for name in commands():
        about = importlib.import_module(f"ganzoo.cli.{name}").__doc__ or ""
        lines.append(f"  {name.ljust(width)}{about.splitlines()[0]}")
    return "\n".join(
        [*lines, "", "`ganzoo COMMAND --help` shows the flags of a command, `ganzoo --version` the version."]
    )
