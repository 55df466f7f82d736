"""Measure how fast a model trains: a whole run against the bare compiled step and reference loops, in turn, medians.

Nothing else should run beside it; look at the ratios rather than at the speeds, which differ between machines.
"""

from __future__ import annotations

from types import SimpleNamespace

from ganzoo import zoo
from ganzoo.cli import _flags
from ganzoo.cli.base import Answer, Command
from ganzoo.cli.train import ENGINE, asked_for

FLAGS = {
    "What": (
        _flags.text("model", "NAME|FILE", "a model of the zoo (`ganzoo models` lists them) or a YAML config"),
        _flags.text("dataset", "NAME|folder:PATH", "measure on this data set instead of the config's"),
        _flags.whole("batch_size", "images in a step", at_least=1),
        _flags.whole("seed", "of every random draw", at_least=0),
        _flags.texts("set", "KEY=VALUE", "replace one value of the config"),
    ),
    "Where and how to compute": ENGINE,
    "Against what": (
        _flags.text(
            "against",
            "NAME,NAME",
            "reference loops that take part, from a checkout's tools/references: for dcgan_benchmark keras_tutorial, "
            "torch, torch_channels_last, torch_bfloat16, for cyclegan_benchmark the last three; a run in float32 "
            "does too then",
        ),
    ),
    "How long": (
        _flags.whole("turns", "how often each is measured", at_least=1, default=5),
        _flags.whole("steps", "steps of each turn", at_least=2, default=500),
    ),
}


def main(argv: list[str] | None = None) -> int:
    """Runs the command and gives its exit code."""
    return COMMAND.run(argv)


def work(given: SimpleNamespace) -> Answer:
    """Measures and tells; TensorFlow starts in the processes that are measured, not in this one."""
    changes = asked_for(given)
    steps = changes.pop("training.steps")
    against = given.against.split(",") if given.against else []
    from ganzoo.training.benchmark import benchmark

    measured = benchmark(
        zoo.config(given.model),
        changes,
        turns=given.turns,
        steps=steps,
        against=against,
        engine={"strategy": given.strategy, "logical_devices": given.logical_devices},
        quiet=given.quiet,
    )
    return Answer(measured.describe(), measured.to_dict(), brief=measured.describe())


COMMAND = Command(
    name="benchmark",
    about=__doc__,
    usage="--model NAME|FILE [flags]",
    flags=FLAGS,
    work=work,
)
