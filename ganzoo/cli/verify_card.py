"""Compute a card's numbers again from the shipped weights; exit code 1 where they lie outside the stated tolerance."""

from __future__ import annotations

import sys
from types import SimpleNamespace

from ganzoo.cli import _flags, _tensorflow
from ganzoo.cli.base import Answer, Command
from ganzoo.errors import UsageError

DOES_NOT_HOLD = 1

FLAGS = {
    "Which cards": (
        _flags.text("model", "NAME", "of this model (also without --model)"),
        _flags.switch("all", "of every model that has weights"),
    ),
}


def main(argv: list[str] | None = None) -> int:
    """Runs the command and gives its exit code."""
    return COMMAND.run(argv)


def work(given: SimpleNamespace) -> Answer:
    """Verifies one card or all of them."""
    name = given.arguments[0] if given.arguments else given.model
    if (name is None) != given.all:
        raise UsageError("give the NAME of a model, or --all, one of them")
    from ganzoo import zoo

    names = zoo.list_models(pretrained=True) if given.all else [zoo.card(name).name]
    _tensorflow.import_quietly()
    from ganzoo.verifying import verify

    def note(line: str) -> None:
        if not given.quiet:
            print(line, file=sys.stderr, flush=True)

    verdicts = [verify(each, note=note) for each in names]
    return Answer(
        "\n".join(verdict.describe() for verdict in verdicts),
        [verdict.to_dict() for verdict in verdicts],
        brief="\n".join(f"{verdict.name} {'holds' if verdict.holds else 'does not hold'}" for verdict in verdicts),
        code=0 if all(verdict.holds for verdict in verdicts) else DOES_NOT_HOLD,
    )


COMMAND = Command(
    name="verify_card",
    about=__doc__,
    usage="NAME | --all [flags]",
    flags=FLAGS,
    work=work,
    max_arguments=1,
)
