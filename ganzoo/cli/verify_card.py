"""Compute a card's numbers again from the shipped weights; exit code 1 where they lie outside the stated tolerance.

Among --all, a card whose data are not here is reported as not checked.
"""

from __future__ import annotations

from types import SimpleNamespace

from ganzoo.cli import _flags, _tensorflow
from ganzoo.cli.base import Answer, Command
from ganzoo.errors import DataError, GanzooError, UsageError
from ganzoo.training.progress import note_unless

DOES_NOT_HOLD = 1

FLAGS = {
    "Which cards": (
        _flags.text("model", "NAME", "of this model (also without --model)"),
        _flags.switch("all", "of every model that has weights"),
    ),
    "How": (_flags.text("data_dir", "DIR", "where the data sets are that do not come with the package"),),
}


def main(argv: list[str] | None = None) -> int:
    """Runs the command and gives its exit code."""
    return COMMAND.run(argv)


def work(given: SimpleNamespace) -> Answer:
    """Verifies one card or all of them."""
    asked = [*given.arguments, *filter(None, [given.model])]
    if len(asked) + given.all != 1:
        raise UsageError("give the NAME of a model, or --all, one of them")
    from ganzoo import zoo

    names = zoo.list_models(pretrained=True) if given.all else [zoo.card(asked[0]).name]
    _tensorflow.import_quietly()
    from ganzoo.verifying import Verdict, verify

    note, verdicts = note_unless(given.quiet), []
    for each in names:
        try:
            verdicts.append(verify(each, data_dir=given.data_dir, note=note))
        except GanzooError as error:
            if not given.all:
                raise
            no_data = isinstance(error, DataError)
            verdicts.append(Verdict(each, [], [], str(error)) if no_data else Verdict(each, [], [str(error)]))
    return Answer(
        "\n".join(verdict.describe() for verdict in verdicts),
        [verdict.to_dict() for verdict in verdicts],
        brief="\n".join(f"{verdict.name} {verdict.outcome}" for verdict in verdicts),
        code=DOES_NOT_HOLD if any(verdict.holds is False for verdict in verdicts) else 0,
    )


COMMAND = Command(
    name="verify_card",
    about=__doc__,
    usage="NAME | --all [flags]",
    flags=FLAGS,
    work=work,
    max_arguments=1,
)
