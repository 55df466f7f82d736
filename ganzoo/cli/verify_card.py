"""Recompute the numbers of a card from the shipped weights; exit with 1 if one is outside its tolerance.

With --all, cards whose data are not available are reported as not checked.
"""

from __future__ import annotations

import ganzoo
from ganzoo.cli import _flags, _shared
from ganzoo.cli._flags import Given
from ganzoo.cli.base import Answer, Command
from ganzoo.errors import DataError, GanzooError, UsageError
from ganzoo.training.progress import note_unless

DOES_NOT_HOLD = 1

FLAGS = {
    "Which cards": (
        _flags.text("model", "NAME", "Zoo model whose card to verify (--model itself may be omitted)"),
        _flags.switch("all", "Verify the cards of all models that have weights"),
    ),
    "How": (_shared.DATA_DIR,),
}


def work(given: Given) -> Answer:
    """Verify one card or all of them."""
    asked = [*given.arguments, *filter(None, [given.model])]
    if len(asked) + given.all != 1:
        raise UsageError("expected either the NAME of a model or --all (for example: ganzoo verify_card cgan_mnist)")
    names = ganzoo.list_models(pretrained=True) if given.all else [ganzoo.card(asked[0]).name]
    from ganzoo.zoo.verify import Verdict, verify

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


main = Command("verify_card", __doc__, FLAGS, work, usage="NAME | --all [flags]", max_arguments=1).run
