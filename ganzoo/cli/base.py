"""Frame of every command: flags, help, exit codes and output.

Exit codes: 0 success; 2 wrong use or an error that the user can mend (one line on stderr); 75 another worker was lost;
130 interrupted; 1 a card that does not hold (verify_card), or a bug, with its traceback. Under --json, standard output
has only the result; everything else goes to stderr.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.cli import _flags, _shared
from ganzoo.cli._flags import Given
from ganzoo.core import files, plugins, start
from ganzoo.errors import GanzooError, RunError
from ganzoo.training.progress import note_unless

INTERRUPTED = 130


@dataclass(frozen=True)
class Answer:
    """Result of a command.

    Attributes:
      text: human-readable result.
      data: result as plain data for --json.
      brief: text that --quiet prints instead.
      code: exit code of the process.
      leaves_threads: whether threads remain that cannot be stopped; the process does not wait for them.
    """

    text: str
    data: Any
    brief: str = ""
    code: int = 0
    leaves_threads: bool = False


@dataclass(frozen=True)
class Command:
    """One command: `run` parses the arguments, does the work and prints the answer.

    Attributes:
      name: name of the command, as in `ganzoo NAME`.
      about: description of the command; the docstring of its module.
      flags: group title -> flags; --json, --quiet and --import are added.
      work: function from flags and positional `arguments` to the answer.
      usage: end of the usage line, after the required flags.
      max_arguments: largest number of positional arguments.
    """

    name: str
    about: str
    flags: _flags.Groups
    work: Callable[[Given], Answer]
    usage: str = "[flags]"
    max_arguments: int = 0

    def run(self, argv: list[str] | None = None) -> int:
        """Run the command and return its exit code.

        Args:
          argv: arguments after the command's name; by default those of the process.
        """
        arguments = sys.argv[1:] if argv is None else argv
        # Pillow warns of oddities in each file; what matters becomes an error that names the file.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        groups = {**self.flags, "Output": _shared.OUTPUT, "Plugins": (_shared.IMPORT,)}
        with reported(f"ganzoo {self.name}") as outcome:
            if asks_for_help(arguments):
                required = [f"--{flag.name} {flag.value}" for flag in itertools.chain(*groups.values()) if flag.needed]
                usage = " ".join(["Usage: ganzoo", self.name, *required, self.usage])
                print(f"{self.about.strip()}\n\n{usage}\n\n{_flags.describe(groups)}")
            else:
                given = _flags.parse(groups, arguments, self.max_arguments)
                file = Path(given.json) if given.json not in (None, "-") else None
                with contextlib.redirect_stdout(sys.stderr) if given.json == "-" else contextlib.nullcontext():
                    _import_plugins(vars(given)["import"])
                    if file:
                        files.check_writable(file)  # before hours of work
                    answer = self.work(given)
                if file:
                    files.write_text(file, f"{_as_json(answer)}\n")
                    note_unless(given.quiet)(f"the result is in {file}")
                with _writing():
                    _print(answer, given)
                outcome.code = answer.code
                if answer.leaves_threads:
                    sys.stdout.flush()
                    sys.stderr.flush()
                    os._exit(answer.code)
        return outcome.code


@dataclass
class Outcome:
    """Exit code of the code inside `reported`."""

    code: int = 0


@contextlib.contextmanager
def reported(program: str) -> Iterator[Outcome]:
    """Turn errors that a user can mend into one line on stderr and an exit code; let bugs pass."""
    outcome, said = Outcome(), ""
    _mend_streams()
    try:
        yield outcome
        with _writing():
            pass
    except GanzooError as error:
        said, outcome.code = f"{program}: {error}\n", error.exit_code
    except KeyboardInterrupt:
        said, outcome.code = f"{program}: interrupted\n", INTERRUPTED
    except BrokenPipeError:
        # The reader has closed our output (`ganzoo models | head -1`); Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    try:
        sys.stderr.write(said)
        sys.stderr.flush()
    except OSError:  # the exit code says enough; Python would complain again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _mend_streams() -> None:
    """Replace closed standard streams by the null device, and have text that stdout cannot encode escaped."""
    for name in ("stdin", "stdout", "stderr"):  # in the order of their descriptors, which `open` takes
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115  until the end
    if isinstance(sys.stdout, io.TextIOWrapper):  # in UTF-8 too: names of files may have bytes that are no text
        sys.stdout.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    """Write out what is printed inside.

    Raises:
      RunError: standard output cannot be written (for example, its disk is full).
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python complains again at exit
        raise RunError(f"standard output: cannot be written ({error.strerror}): write it to another place") from None


def asks_for_help(arguments: list[str]) -> bool:
    """Return whether --help is among the arguments, even if others are invalid."""
    return not {"--help", "-help", "-h"}.isdisjoint(arguments)


def _import_plugins(names: list[str]) -> None:
    if names:
        with start.quiet_start():  # most plugins import Keras
            plugins.import_modules(names)


def _print(answer: Answer, given: Given) -> None:
    if given.json == "-":
        print(_as_json(answer))
    elif given.quiet:
        print(answer.brief, end="\n" if answer.brief else "")
    else:
        print(answer.text)


def _as_json(answer: Answer) -> str:
    return json.dumps(answer.data, indent=2, ensure_ascii=False)
