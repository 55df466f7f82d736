"""Publish a finished run in the zoo, as float16 weights and a card of measured numbers (for maintainers)."""

from __future__ import annotations

import math

from ganzoo.cli import _flags, _shared
from ganzoo.cli._flags import Given
from ganzoo.cli.base import Answer, Command
from ganzoo.errors import UsageError

FLAGS = {
    "Required": (
        _flags.text("run", "DIR", "Finished run of a zoo model").required(),
        _flags.text("command", "TEXT", "Command that started the run").required(),
        _flags.text("intended_use", "TEXT", "Purpose of the model").required(),
        _flags.text("limits", "TEXT", "Limits of the model: what it cannot do").required(),
        _flags.text("hardware", "TEXT", "Hardware that the model was trained on").required(),
    ),
    "Optional": (
        _flags.texts("also", "DIR", "Finished run of the same config with another seed, for mean and deviation"),
        _flags.texts("average", "STEP:PART", "Checkpoint to include in the weighted mean of weights, and its weight"),
        _shared.DATA_DIR,
    ),
}


def work(given: Given) -> Answer:
    """Write weights and card."""
    average = _parts(given.average)
    from ganzoo.zoo.publish import publish

    card = publish(
        given.run,
        others=given.also,
        average=average,
        **given.pick("command", "intended_use", "limits", "hardware", "data_dir"),
    )
    return Answer(str(card), card.to_dict(), brief=card.name)


def _parts(given: list[str]) -> dict[int, float] | None:
    """Parse texts such as `5000:1` as step -> weight."""
    parts = {}
    for text in given:
        step, _, part = text.partition(":")
        try:
            parts[int(step)] = float(part or 1)
        except ValueError:
            raise UsageError(f"--average: expected STEP or STEP:PART, such as 5000:1, got '{text}'") from None
        if not 0 < parts[int(step)] < math.inf:
            raise UsageError(f"--average: expected a PART above 0, got '{text}'")
    return parts or None


main = Command("publish", __doc__, FLAGS, work).run
