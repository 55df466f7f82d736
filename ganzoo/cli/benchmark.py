"""Measure how fast a model trains: a whole run against the bare compiled step and reference loops, in turn, medians.

With --serving, what a server of it bears: clients that never rest, against one client and the SavedModel by itself.
Nothing else should run beside it; look at the ratios rather than at the speeds, which differ between machines.
"""

from __future__ import annotations

import os
import tempfile
from types import SimpleNamespace
from typing import Any

from ganzoo import zoo
from ganzoo.cli import _flags, _tensorflow
from ganzoo.cli.base import Answer, Command
from ganzoo.cli.train import ENGINE, asked_for
from ganzoo.errors import UsageError

TURNS, STEPS = 5, 500
DAY = 24 * 60 * 60.0

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
        _flags.whole("turns", f"how often each is measured (default: {TURNS})", at_least=1),
        _flags.whole("steps", f"steps of each turn (default: {STEPS})", at_least=2),
    ),
    "Serving": (
        _flags.switch("serving", "measure a server of the model instead: it is exported, and served on this machine"),
        _flags.whole("clients", "that ask at the same time (default: 64)", at_least=1, at_most=1000),
        _flags.number("seconds", "S", "how long they do (default: 60)", above=0, at_most=DAY),
        _flags.whole("request_rows", "images, or points, of a request (default: 16)", at_least=1),
        _flags.choice("api", ("grpc", "rest"), "how they ask (default: grpc)"),
        _flags.text("server_flags", "FLAGS", "of `ganzoo serve`, as in --server_flags '--batch_rows 32 --calls 1'"),
        _flags.text(
            "server",
            "URL",
            "measure that server, which knows the model by its name: grpc://HOST:PORT or http://HOST:PORT; it can be "
            "TensorFlow Serving",
        ),
    ),
}
_SERVING = tuple(flag.name for flag in FLAGS["Serving"] if flag.name != "serving")
_TRAINING = tuple(
    flag for title, flags in FLAGS.items() if title != "Serving" for flag in flags if flag.name != "model"
)


def main(argv: list[str] | None = None) -> int:
    """Runs the command and gives its exit code."""
    return COMMAND.run(argv)


def work(given: SimpleNamespace) -> Answer:
    """Measures and tells."""
    return _serving(given) if given.serving else _training(given)


def _training(given: SimpleNamespace) -> Answer:
    """TensorFlow starts in the processes that are measured, not in this one."""
    for name in _SERVING:
        if getattr(given, name) is not None:
            raise UsageError(f"--{name}: needs --serving")
    given.steps = given.steps or STEPS
    changes = asked_for(given)
    steps = changes.pop("training.steps")
    against = given.against.split(",") if given.against else []
    from ganzoo.training.benchmark import benchmark

    measured = benchmark(
        zoo.config(given.model),
        changes,
        turns=given.turns or TURNS,
        steps=steps,
        against=against,
        engine={"strategy": given.strategy, "logical_devices": given.logical_devices},
        quiet=given.quiet,
    )
    return Answer(measured.describe(), measured.to_dict(), brief=measured.describe())


def _serving(given: SimpleNamespace) -> Answer:
    _check_serving(given)
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # the export would take the server's memory of a GPU
    _tensorflow.import_quietly()
    from ganzoo.benchmarks.load.measure import measure

    asked: dict[str, Any] = {name: getattr(given, name) for name in ("clients", "seconds", "request_rows", "api")}
    asked = {name: value for name, value in asked.items() if value is not None} | {"quiet": given.quiet}
    if given.server is not None:
        measured = measure(given.model, server=given.server, **asked)
    else:
        flags = given.server_flags.split() if given.server_flags else []
        with tempfile.TemporaryDirectory() as base:
            # The weights make no difference to the speed, so a model without trained ones can be measured.
            export = zoo.export(given.model, base, allow_untrained=True, quiet=given.quiet)
            measured = measure(export.parent.name, export=export, server_flags=flags, **asked)
    return Answer(measured.describe(), measured.to_dict(), brief=measured.describe())


def _check_serving(given: SimpleNamespace) -> None:
    """Raises UsageError for flags that do not go together, before anything starts."""
    for flag in _TRAINING:
        if getattr(given, flag.name) != flag.default:
            raise UsageError(f"--{flag.name}: not with --serving, which trains nothing")
    if given.model is None:
        raise UsageError("--model is missing: for example --model cgan_mnist (`ganzoo models` lists what there is)")
    if given.server is None:
        if zoo.config(given.model).translates:
            raise UsageError(f"{given.model}: translates; --serving measures models that draw, such as cgan_mnist")
        return
    from ganzoo.serving.client.transport import api_of

    api = api_of(given.server)
    if given.server_flags is not None:
        raise UsageError("--server_flags: for a server that is started here, not for that of --server")
    if given.api not in (None, api):
        raise UsageError(f"--api {given.api}: {given.server} is an address of --api {api} (leave one of them out)")


COMMAND = Command(
    name="benchmark",
    about=__doc__,
    usage="--model NAME|FILE [flags]",
    flags=FLAGS,
    work=work,
)
