"""How every command works: flags, help, exit codes, and where its output goes.

Exit codes: 0 done; 2 wrong use or an error that the user can mend (one line on stderr); 75 another worker was lost; 130
interrupted; 1 a card that does not hold (verify_card), or a bug, with its traceback. Under --json standard output
carries the result alone; all that is printed on the way goes to stderr.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ganzoo import files
from ganzoo.cli import _flags
from ganzoo.errors import GanzooError
from ganzoo.training.progress import note_unless

INTERRUPTED = 130

_OUTPUT = (
    _flags.result("json", ".json", "print the result as JSON on standard output, or write it into a file"),
    _flags.switch("quiet", "print the bare result, or nothing, and errors"),
)


@dataclass(frozen=True)
class Answer:
    """What a command has to say.

    Attributes:
      text: for people.
      data: the same for machines; whatever `json` can write.
      brief: what is left of the text under --quiet.
      code: the exit code.
      leaves_threads: they do what nothing can end; the process does not wait for them.
    """

    text: str
    data: Any
    brief: str = ""
    code: int = 0
    leaves_threads: bool = False


@dataclass(frozen=True)
class Command:
    """One command: `COMMAND.run(argv)` parses, works and prints.

    Attributes:
      name: as in `ganzoo NAME`.
      about: what it does: the docstring of its module.
      usage: what follows the name in the usage line.
      flags: group title -> flags; --json and --quiet are added.
      work: gets the flags' values by name and the positional `arguments`, gives the answer.
      max_arguments: how many positional arguments it takes.
    """

    name: str
    about: str
    usage: str
    flags: _flags.Groups
    work: Callable[[SimpleNamespace], Answer]
    max_arguments: int = 0

    def run(self, argv: list[str] | None = None) -> int:
        """Runs the command and gives its exit code.

        Args:
          argv: the arguments after the command's name; None takes the process's.
        """
        arguments = sys.argv[1:] if argv is None else argv
        groups = {**self.flags, "Output": _OUTPUT}
        with reported(f"ganzoo {self.name}") as outcome:
            if asks_for_help(arguments):
                print(f"{self.about.strip()}\n\nUsage: ganzoo {self.name} {self.usage}\n\n{_flags.describe(groups)}")
            else:
                given = _flags.parse(groups, arguments, self.max_arguments)
                file = Path(given.json) if given.json not in (None, "-") else None
                if file:
                    files.check_writable(file)  # before hours of work
                with contextlib.redirect_stdout(sys.stderr) if given.json == "-" else contextlib.nullcontext():
                    answer = self.work(given)
                if file:
                    files.write_text(file, f"{_as_json(answer)}\n")
                    note_unless(given.quiet)(f"the result is in {file}")
                _print(answer, given)
                outcome.code = answer.code
                if answer.leaves_threads:
                    sys.stdout.flush()
                    sys.stderr.flush()
                    os._exit(answer.code)
        return outcome.code


@dataclass
class Outcome:
    """The exit code of what ran inside `reported`."""

    code: int = 0


@contextlib.contextmanager
def reported(program: str) -> Iterator[Outcome]:
    """Turns the errors that a user can mend into one line on stderr and an exit code; bugs pass through."""
    outcome = Outcome()
    try:
        yield outcome
        sys.stdout.flush()
    except GanzooError as error:
        print(f"{program}: {error}", file=sys.stderr)
        outcome.code = error.exit_code
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        outcome.code = INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`ganzoo models | head -1`); Python would complain once more while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def asks_for_help(arguments: list[str]) -> bool:
    """Whether --help stands among the arguments, right or wrong as the others may be."""
    return not {"--help", "-help", "-h"}.isdisjoint(arguments)


def _print(answer: Answer, given: SimpleNamespace) -> None:
    if given.json == "-":
        print(_as_json(answer))
    elif given.quiet:
        print(answer.brief, end="\n" if answer.brief else "")
    else:
        print(answer.text)


def _as_json(answer: Answer) -> str:
    return json.dumps(answer.data, indent=2, ensure_ascii=False)
