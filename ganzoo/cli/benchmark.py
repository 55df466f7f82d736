"""Measure the training speed of a model: a whole run against the bare compiled step and reference loops.

With --serving, measure the throughput and latency of a server of the model in a closed-loop load test.
Run nothing else on the machine meanwhile, and compare ratios: speeds differ between machines.
"""

from __future__ import annotations

import os
import tempfile

import ganzoo
from ganzoo.cli import _flags, _shared
from ganzoo.cli._flags import Given
from ganzoo.cli.base import Answer, Command
from ganzoo.cli.train import asked_for
from ganzoo.core import start
from ganzoo.errors import UsageError

TURNS, STEPS = 5, 500
DAY = 24 * 60 * 60.0

FLAGS = {
    "What": (
        _shared.MODEL.required("for example --model cgan_mnist (`ganzoo models` lists all)"),
        _shared.DATASET,
        _shared.BATCH_SIZE,
        _shared.SEED,
        _shared.SET,
    ),
    "Where and how to compute": _shared.ENGINE,
    "Against what": (
        _flags.names(
            "against",
            "NAME,NAME",
            "Reference loops to compare with, from tools/references of a checkout: for dcgan_benchmark keras_tutorial, "
            "torch, torch_channels_last, torch_bfloat16, for cyclegan_benchmark the last three; a float32 run is then "
            "measured too",
        ),
    ),
    "How long": (
        _flags.whole("turns", f"Number of measurements of each loop (default: {TURNS})", at_least=1),
        _flags.whole("steps", f"Number of training steps in each turn (default: {STEPS})", at_least=2),
    ),
    "Serving": (
        _flags.switch("serving", "Export the model, serve it on this machine, and measure the server instead"),
        _flags.whole("clients", "Number of concurrent clients (default: 64)", at_least=1, at_most=1000),
        _flags.number("seconds", "S", "Duration of the load test (default: 60)", above=0, at_most=DAY),
        _flags.whole("request_rows", "Number of images or points in a request (default: 16)", at_least=1),
        _flags.choice("api", ("grpc", "rest"), "Protocol of the requests (default: grpc)"),
        _flags.text("server_flags", "FLAGS", "Flags of `ganzoo serve`, as in --server_flags '--batch_rows 32'"),
        _flags.text(
            "server",
            "URL",
            "Running server to measure (grpc://HOST:PORT or http://HOST:PORT), such as TensorFlow Serving; --model is "
            "then the name of the model on it",
        ),
    ),
}
_SERVING = tuple(flag.name for flag in FLAGS["Serving"] if flag.name != "serving")
_TRAINING = tuple(
    flag for title, flags in FLAGS.items() if title != "Serving" for flag in flags if flag.name != "model"
)


def work(given: Given) -> Answer:
    """Measure and report."""
    return _serving(given) if given.serving else _training(given)


def _training(given: Given) -> Answer:
    """Measure in other processes; TensorFlow does not start in this one."""
    for name in _SERVING:
        if getattr(given, name) is not None:
            raise UsageError(f"--{name}: needs --serving")
    given.steps = given.steps or STEPS
    from ganzoo.training.checks import check_run

    config, changes = asked_for(given)
    check_run(config, **given.pick("strategy", "logical_devices"))
    steps = changes.pop("training.steps")
    from ganzoo.benchmarks.speed.benchmark import benchmark

    measured = benchmark(
        ganzoo.config(given.model),
        changes,
        turns=given.turns or TURNS,
        steps=steps,
        against=given.against or [],
        engine=given.pick("strategy", "logical_devices"),
        quiet=given.quiet,
    )
    return Answer(measured.describe(), measured.to_dict(), brief=measured.describe())


def _serving(given: Given) -> Answer:
    _check_serving(given)
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # leaves GPU memory for the server
    start.import_quietly()
    from ganzoo.benchmarks.load.measure import measure

    asked = given.pick("clients", "seconds", "request_rows", "api", "quiet")
    asked = {name: value for name, value in asked.items() if value is not None}
    if given.server is not None:
        measured = measure(given.model, server=given.server, **asked)
    else:
        flags = given.server_flags.split() if given.server_flags else []
        with tempfile.TemporaryDirectory() as base:
            # Random weights run as fast as trained ones.
            export = ganzoo.export(given.model, base, allow_untrained=True, quiet=given.quiet)
            measured = measure(export.parent.name, export=export, server_flags=flags, **asked)
    return Answer(measured.describe(), measured.to_dict(), brief=measured.describe())


def _check_serving(given: Given) -> None:
    """Raise UsageError for flags that do not go together, before any work."""
    for flag in _TRAINING:
        if getattr(given, flag.name) != flag.default:
            raise UsageError(f"--{flag.name}: does not go with --serving, which trains nothing (leave it out)")
    if given.server is None:
        if not ganzoo.config(given.model).offers("generate"):
            raise UsageError(f"{given.model}: translates; --serving measures models that draw, such as cgan_mnist")
        return
    from ganzoo.serving.client.transport import api_of

    api = api_of(given.server)
    if given.server_flags is not None:
        raise UsageError("--server_flags: does not go with --server, which runs already (leave one of them out)")
    if given.api not in (None, api):
        raise UsageError(f"--api {given.api}: {given.server} is an address of --api {api} (leave one of them out)")


main = Command("benchmark", __doc__, FLAGS, work).run
