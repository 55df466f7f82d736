"""Flags as data: commands declare them in groups, absl-py parses them, `--help` prints them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from absl import flags as absl_flags

from ganzoo.errors import UsageError, did_you_mean

_WIDTH = 100
_WIDEST = 32  # the help of a wider flag starts on the next line


@dataclass(frozen=True)
class Flag:
    """One flag of a command.

    Attributes:
      name: name without dashes.
      value: placeholder of the value in `--help` (`N`, `NAME|FILE`); empty for a switch (`--name`, `--noname`).
      help: one sentence, without the default.
      convert: function from text to value; raises ValueError for an invalid one.
      expected: description of a valid value, for the error message.
      default: value when the flag is not given.
      needed: error message when a required flag is missing; empty for an optional flag.
      repeatable: whether the flag may be given several times and yields a list.
      alone: value when the flag is given without one; None if a value is required.
      ending: suffix that marks the text after such a flag as its value, not the next argument.
    """

    name: str
    value: str
    help: str
    convert: Callable[[str], Any] = str
    expected: str = "a text"
    default: Any = None
    needed: str = ""
    repeatable: bool = False
    alone: str | None = None
    ending: str = ""

    def but(self, **changes: Any) -> Flag:
        """Return a copy of this flag with some attributes changed, such as the default."""
        return replace(self, **changes)

    def required(self, how: str = "") -> Flag:
        """Return a copy of this flag that must be given; `how`, or else its help, completes the error message."""
        return replace(self, needed=how or f"{self.help[0].lower()}{self.help[1:]}")


Groups = Mapping[str, Sequence[Flag]]


class Given(SimpleNamespace):
    """Values of a command's flags by name, and its positional `arguments`."""

    def pick(self, *names: str) -> dict[str, Any]:
        """Return the named values as a dict of keyword arguments."""
        return {name: getattr(self, name) for name in names}


def text(name: str, value: str, help: str, default: str | None = None) -> Flag:
    """Flag that takes a non-empty text."""
    return Flag(name, value, help, _not_empty, "a non-empty text", default)


def texts(name: str, value: str, help: str) -> Flag:
    """Repeatable flag that yields a list of texts."""
    return text(name, value, help).but(default=[], repeatable=True)


def choice(name: str, values: Sequence[str], help: str) -> Flag:
    """Flag that takes one of `values`."""
    return Flag(name, "|".join(values), help, _one_of(values), f"one of {', '.join(values)}")


def whole(name: str, help: str, *, at_least: int, at_most: int | None = None, default: int | None = None) -> Flag:
    """Flag that takes an integer from `at_least` to `at_most`, both included."""
    expected = f"an integer {f'of at least {at_least}' if at_most is None else f'from {at_least} to {at_most}'}"
    return Flag(name, "N", help, _between(at_least, at_most), expected, default)


def names(name: str, value: str, help: str) -> Flag:
    """Flag that takes comma-separated names: `fid,kid`."""
    return Flag(name, value, help, _names, f"comma-separated names, such as {value}")


def number(
    name: str, value: str, help: str, *, above: float, at_most: float | None = None, default: float | None = None
) -> Flag:
    """Flag that takes a finite number greater than `above` and, if given, at most `at_most`."""
    expected = f"a number above {above:g}" + (f" and at most {at_most:g}" if at_most is not None else "")
    return Flag(name, value, help, _above(above, at_most), expected, default)


def switch(name: str, help: str, default: bool | None = False) -> Flag:
    """Flag without a value: `--name` or `--noname`; the default None distinguishes "not given" from "no"."""
    return Flag(name, "", help, absl_flags.BooleanParser().parse, "true or false", default)


def result(name: str, ending: str, help: str) -> Flag:
    """Flag with an optional file of this ending; without one it yields `-`, standard output."""
    return Flag(name, f"[FILE{ending}]", help, _not_empty, "a file", alone="-", ending=ending)


def parse(groups: Groups, argv: Sequence[str], max_arguments: int = 0) -> Given:
    """Parse flags and positional arguments.

    Raises:
      UsageError: an unknown flag, a wrong value, a missing flag, or more arguments than the command takes.
    """
    values = absl_flags.FlagValues()
    values.set_gnu_getopt(True)
    flags = {flag.name: flag for flag in _all(groups)}
    for flag in flags.values():
        _declare(flag, values)
    try:
        arguments = values(["ganzoo", *_with_values(groups, argv)])[1:]
    except absl_flags.UnrecognizedFlagError as error:
        known = [f"--{name}" for name in flags]
        raise UsageError(f"--{error.flagname}: unknown flag{did_you_mean('--' + error.flagname, known)}") from None
    except (absl_flags.Error, ValueError) as error:
        raise UsageError(_in_our_words(str(error), flags)) from None
    if len(arguments) > max_arguments:
        raise UsageError(f"'{arguments[max_arguments]}': unexpected argument (a value follows its flag: --flag value)")
    given = Given(**values.flag_values_dict(), arguments=arguments)
    for flag in flags.values():
        if flag.needed and getattr(given, flag.name) is None:
            raise UsageError(f"--{flag.name} is missing: {flag.needed}")
    return given


def describe(groups: Groups) -> str:
    """Format the flags for `--help`, group by group."""
    column = max(len(_left(flag)) for flag in _all(groups) if len(_left(flag)) <= _WIDEST) + 2
    lines = []
    for title, members in groups.items():
        lines += ["", f"{title}:"]
        for flag in members:
            left, indent = _left(flag), " " * column
            if len(left) > _WIDEST:
                lines.append(left)
                left = ""
            lines += textwrap.wrap(
                flag.help + default_of(flag), _WIDTH, initial_indent=left.ljust(column), subsequent_indent=indent
            )
    return "\n".join(lines[1:])


def default_of(flag: Flag) -> str:
    """Return ` (default: 3)`, or an empty text for a switch, a repeatable flag or a flag without a default."""
    return f" (default: {flag.default})" if flag.value and flag.default is not None and not flag.repeatable else ""


class _Parser(absl_flags.ArgumentParser[Any]):
    """absl parser that applies a flag's `convert` and words its errors."""

    def __init__(self, flag: Flag) -> None:
        self._flag = flag

    def parse(self, argument: Any) -> Any:
        if not isinstance(argument, str):
            return argument
        try:
            return self._flag.convert(argument)
        except ValueError:
            raise ValueError(f"expected {self._flag.expected}") from None


def _in_our_words(message: str, flags: Mapping[str, Flag]) -> str:
    """Rewrite a message of absl-py in the form of ours."""
    message = message.removeprefix("flag ")
    if wrong := re.fullmatch(r"--(\w+)=(.*): (expected .*)", message, re.DOTALL):
        return f"--{wrong[1]}: {wrong[3]}, got '{wrong[2]}'"
    if missing := re.fullmatch(r"Missing value for flag --(\w+)", message):
        return f"--{missing[1]}: expected a value, got none (write --{missing[1]} {flags[missing[1]].value})"
    return message


def _with_values(groups: Groups, argv: Sequence[str]) -> list[str]:
    """Insert the value of every flag that is given without one."""
    optional = {f"--{flag.name}": flag for flag in _all(groups) if flag.alone is not None}
    end = argv.index("--") if "--" in argv else len(argv)
    given, left = [], list(argv[:end])
    while left:
        argument = left.pop(0)
        flag = optional.get(argument)
        if flag is not None:
            follows = bool(left) and left[0].endswith(flag.ending)
            argument = f"{argument}={left.pop(0) if follows else flag.alone}"
        given.append(argument)
    return [*given, *argv[end:]]


def _declare(flag: Flag, values: absl_flags.FlagValues) -> None:
    parser = _Parser(flag)
    serializer: absl_flags.ArgumentSerializer[Any] = absl_flags.ArgumentSerializer()
    if flag.repeatable:
        absl_flags.DEFINE_multi(parser, serializer, flag.name, flag.default, flag.help, flag_values=values)
    else:
        boolean = not flag.value
        absl_flags.DEFINE(parser, flag.name, flag.default, flag.help, values, serializer, boolean=boolean)


def _all(groups: Groups) -> list[Flag]:
    return [flag for members in groups.values() for flag in members]


def _left(flag: Flag) -> str:
    if not flag.value:
        return f"  --[no]{flag.name}"
    return f"  --{flag.name} {flag.value}" + (" …" if flag.repeatable else "")


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _one_of(values: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in values:
            raise ValueError
        return text

    return read


def _between(least: int, most: int | None) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if value < least or (most is not None and value > most):
            raise ValueError
        return value

    return read


def _above(bound: float, most: float | None) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = float(text)
        if not bound < value < float("inf") or (most is not None and value > most):
            raise ValueError
        return value

    return read


def _names(text: str) -> list[str]:
    found = [part.strip() for part in text.split(",")]
    if not all(found):
        raise ValueError
    return found
