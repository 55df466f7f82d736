"""Put a finished run's model into the zoo: weights in float16 and a card with measured numbers (for maintainers)."""

from __future__ import annotations

import math
from types import SimpleNamespace

from ganzoo.cli import _flags, _tensorflow
from ganzoo.cli.base import Answer, Command
from ganzoo.errors import UsageError

NEEDED = (
    _flags.text("run", "DIR", "the finished run of a zoo model"),
    _flags.text("command", "TEXT", "the command that made it"),
    _flags.text("intended_use", "TEXT", "what the model is for"),
    _flags.text("limits", "TEXT", "what it cannot do"),
    _flags.text("hardware", "TEXT", "what it was trained on"),
)

ALSO = (
    _flags.texts("also", "DIR", "a finished run of the same config with another seed, for mean and deviation"),
    _flags.texts("average", "STEP:PART", "ship the mean of the weights at these steps, each with its part (repeated)"),
    _flags.text("data_dir", "DIR", "where the data sets are that do not come with the package"),
)


def main(argv: list[str] | None = None) -> int:
    """Runs the command and gives its exit code."""
    return COMMAND.run(argv)


def work(given: SimpleNamespace) -> Answer:
    """Writes weights and card."""
    for flag in NEEDED:
        if getattr(given, flag.name) is None:
            raise UsageError(f"--{flag.name} is missing: {flag.help}")
    average = _parts(given.average)
    _tensorflow.import_quietly()
    from ganzoo.publishing import publish

    card = publish(
        given.run,
        command=given.command,
        intended_use=given.intended_use,
        limits=given.limits,
        hardware=given.hardware,
        others=given.also,
        average=average,
        data_dir=given.data_dir,
    )
    return Answer(str(card), card.to_dict(), brief=card.name)


def _parts(given: list[str]) -> dict[int, float] | None:
    """`5000:1` and so on as step -> part."""
    parts = {}
    for text in given:
        step, _, part = text.partition(":")
        try:
            parts[int(step)] = float(part or 1)
        except ValueError:
            raise UsageError(f"--average={text}: give STEP or STEP:PART, such as 5000:1") from None
        if not 0 < parts[int(step)] < math.inf:
            raise UsageError(f"--average={text}: a part is a number above 0")
    return parts or None


COMMAND = Command(
    name="publish",
    about=__doc__,
    usage="--run DIR … [flags]",
    flags={"All of these are needed": NEEDED, "Also": ALSO},
    work=work,
)
