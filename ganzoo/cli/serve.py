"""Serve exported models with the API of TensorFlow Serving, for a laptop and for tests.

In production, run TensorFlow Serving on the same exports; clients need no change.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from ganzoo.cli import _flags
from ganzoo.cli._flags import Given
from ganzoo.cli.base import Answer, Command
from ganzoo.core import start
from ganzoo.errors import UsageError
from ganzoo.serving.server import directory, ports
from ganzoo.serving.server.settings import MOST_ROWS, Settings

UNFINISHED = 1  # exit code if accepted requests were dropped
LARGEST_PORT = 65535
LARGEST_MESSAGE = 2**31 - 1  # limit of protobuf, in bytes
DAY = 24 * 60 * 60.0


_FLAGS = {
    "What and where": (
        _flags.text("models", "BASE", "Base folder of the models, with NAME/VERSION/ inside", "exported"),
        _flags.text("host", "ADDRESS", "Address to listen at; there are no passwords and no TLS"),
        _flags.whole("rest_port", "Port of the REST API; 0 takes any free one", at_least=0, at_most=LARGEST_PORT),
        _flags.whole("grpc_port", "Port of the gRPC API; 0 takes any free one", at_least=0, at_most=LARGEST_PORT),
    ),
    "Versions": (
        _flags.whole("keep_versions", "Number of versions of each model to serve, the highest ones", at_least=1),
        _flags.number("poll_seconds", "S", "Time between scans for new versions", above=0, at_most=DAY),
    ),
    "Batches": (
        _flags.whole(
            "batch_rows", "Largest number of rows in a batch of several requests", at_least=1, at_most=MOST_ROWS
        ),
        _flags.number(
            "batch_wait_ms",
            "MS",
            "Batch window: longest time that a request waits for others while a batch runs",
            above=0,
            at_most=1000 * DAY,
        ),
        _flags.whole("calls", "Number of batches that run concurrently", at_least=1),
    ),
    "Bounds": (
        _flags.whole("queue_requests", "Largest number of queued requests; further ones are refused", at_least=1),
        _flags.whole("queue_rows", "Largest number of queued rows", at_least=1),
        _flags.whole(
            "open_connections", "Largest number of connections of each API; `ulimit -n` may allow fewer", at_least=1
        ),
        _flags.number("header_seconds", "S", "Time limit of the header of a request", above=0, at_most=DAY),
        _flags.whole("open_requests", "Largest number of concurrent requests, from first byte to answer", at_least=1),
        _flags.whole(
            "open_bytes", "Largest total size of all concurrent requests; a single one may be larger", at_least=1
        ),
        _flags.number("request_seconds", "S", "Time limit of a request", above=0, at_most=DAY),
        _flags.whole("request_bytes", "Largest size of a request", at_least=1, at_most=LARGEST_MESSAGE),
        _flags.number("drain_seconds", "S", "Time for open requests to finish at shutdown", above=0, at_most=DAY),
    ),
}
# Settings has the defaults
FLAGS = {
    title: tuple(flag.but(default=getattr(Settings, flag.name, flag.default)) for flag in flags)
    for title, flags in _FLAGS.items()
}


def work(given: Given) -> Answer:
    """Serve until a signal stops the server."""
    settings = settings_of(given)
    with log_to_stderr(given.quiet) as log:
        directory.check(settings.models)
        with ports.taken(settings.host, settings.rest_port, settings.grpc_port) as bound:
            log.info(
                "this server is for a laptop and for tests; in production run TensorFlow Serving on the same exports"
            )
            start.import_quietly()
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
        return "stopped: all accepted requests are answered"
    dropped = "1 accepted request was" if unfinished == 1 else f"{unfinished} accepted requests were"
    return f"stopped: {dropped} not answered (--drain_seconds gives them more time)"


def settings_of(given: Given) -> Settings:
    """Return the flags as settings."""
    return Settings(**given.pick(*Settings.__dataclass_fields__) | {"models": Path(given.models)})


@contextlib.contextmanager
def log_to_stderr(quiet: bool) -> Iterator[logging.Logger]:
    """Show the server's log on stderr; with `quiet`, only errors."""
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


main = Command("serve", __doc__, FLAGS, work).run
