"""Serve exported models on this machine, by TensorFlow Serving's own API: for a laptop and for tests.

In production, run TensorFlow Serving itself on the same exports; clients need no change.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

from ganzoo.cli import _flags, _tensorflow
from ganzoo.cli.base import Answer, Command
from ganzoo.errors import UsageError
from ganzoo.serving.server import directory, ports
from ganzoo.serving.server.settings import MOST_ROWS, Settings

UNFINISHED = 1  # the exit code if the drain time was not enough
LARGEST_PORT = 65535
LARGEST_MESSAGE = 2**31 - 1  # bytes: of a protobuf
DAY = 24 * 60 * 60.0


def _seconds(name: str, help: str, default: float) -> _flags.Flag:
    return _flags.number(name, "S", help, above=0, at_most=DAY, default=default)


FLAGS = {
    "What and where": (
        _flags.text("models", "BASE", "the folder of all models, with NAME/VERSION/ inside", "exported"),
        _flags.text("host", "ADDRESS", "listen there; there are no passwords and no TLS", Settings.host),
        _flags.whole("rest_port", "0: any that is free", at_least=0, at_most=LARGEST_PORT, default=Settings.rest_port),
        _flags.whole("grpc_port", "0: any that is free", at_least=0, at_most=LARGEST_PORT, default=Settings.grpc_port),
    ),
    "Versions": (
        _flags.whole(
            "keep_versions",
            "serve so many versions of each model, the highest numbers",
            at_least=1,
            default=Settings.keep_versions,
        ),
        _seconds("poll_seconds", "look for new versions so often", Settings.poll_seconds),
    ),
    "Batches": (
        _flags.whole(
            "batch_rows",
            "run so many rows of several requests together at most",
            at_least=1,
            at_most=MOST_ROWS,
            default=Settings.batch_rows,
        ),
        _flags.number(
            "batch_wait_ms",
            "MS",
            "let a request wait so long for company while others run",
            above=0,
            at_most=1000 * DAY,
            default=Settings.batch_wait_ms,
        ),
        _flags.whole("calls", "run so many calls of TensorFlow at a time", at_least=1, default=Settings.calls),
    ),
    "Bounds": (
        _flags.whole(
            "queue_requests",
            "let so many requests wait at most; the next one is refused",
            at_least=1,
            default=Settings.queue_requests,
        ),
        _flags.whole("queue_rows", "let so many rows wait at most", at_least=1, default=Settings.queue_rows),
        _flags.whole(
            "open_requests",
            "have so many under way at most, from their first byte to their answer",
            at_least=1,
            default=Settings.open_requests,
        ),
        _flags.whole(
            "open_bytes",
            "let requests under way hold so much together; one alone may be larger",
            at_least=1,
            default=Settings.open_bytes,
        ),
        _seconds("request_seconds", "give a request up after that", Settings.request_seconds),
        _flags.whole(
            "request_bytes",
            "refuse larger requests",
            at_least=1,
            at_most=LARGEST_MESSAGE,
            default=Settings.request_bytes,
        ),
        _seconds("drain_seconds", "at the end, finish requests for so long", Settings.drain_seconds),
    ),
}


def main(argv: list[str] | None = None) -> int:
    """Runs the command and gives its exit code."""
    return COMMAND.run(argv)


def work(given: SimpleNamespace) -> Answer:
    """Serves until it is told to end."""
    settings = settings_of(given)
    with log_to_stderr(given.quiet) as log:
        directory.check(settings.models)
        with ports.taken(settings.host, settings.rest_port, settings.grpc_port) as bound:
            log.info("a server for a laptop and for tests; in production run TensorFlow Serving on the same exports")
            _tensorflow.import_quietly()
            try:
                from ganzoo.serving.server.lifecycle import Addresses, serve
            except ModuleNotFoundError as error:
                raise UsageError(f"serving needs {error.name}: pip install 'ganzoo[serving]'") from None

            def started(addresses: Addresses) -> None:
                log.info("serving %s: REST http://%s, gRPC %s", settings.models, addresses.rest, addresses.grpc)

            ended = serve(settings, bound, started)
    text, code = _words(ended.unfinished), UNFINISHED if ended.unfinished else 0
    return Answer(text, {"unfinished": ended.unfinished}, text if code else "", code, leaves_threads=ended.busy)


def _words(unfinished: int) -> str:
    if not unfinished:
        return "ended: all accepted requests are answered"
    given_up = "1 request was" if unfinished == 1 else f"{unfinished} requests were"
    return f"ended: {given_up} given up (for more time: --drain_seconds)"


def settings_of(given: SimpleNamespace) -> Settings:
    """The flags as settings."""
    values = {name: getattr(given, name) for name in Settings.__dataclass_fields__}
    return Settings(**values | {"models": Path(given.models)})


@contextlib.contextmanager
def log_to_stderr(quiet: bool) -> Iterator[logging.Logger]:
    """The server's log, with its lines let through; under --quiet, errors alone."""
    log = logging.getLogger("ganzoo.serving")
    before = log.level, log.propagate
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log.addHandler(handler)
    log.propagate = False
    log.setLevel(logging.ERROR if quiet else logging.INFO)
    try:
        yield log
    finally:
        log.removeHandler(handler)
        log.setLevel(before[0])
        log.propagate = before[1]


COMMAND = Command(
    name="serve",
    about=__doc__,
    usage="--models BASE [flags]",
    flags=FLAGS,
    work=work,
)
