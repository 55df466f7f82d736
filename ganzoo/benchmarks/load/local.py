"""`ganzoo serve` in a separate process, and its counters."""

from __future__ import annotations

import contextlib
import re
import runpy
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

from ganzoo.benchmarks.load.direct import SIGNATURE
from ganzoo.benchmarks.processes import Process
from ganzoo.errors import ServerError
from ganzoo.serving.client.transport import GRPC, REST

START_SECONDS = 300  # large models load and warm up slowly
END_SECONDS = 60
SERVES = re.compile(r"REST (http://\S+), gRPC (\S+)$", re.MULTILINE)  # end of the log line "serving …"


@dataclass(frozen=True)
class LocalServer:
    """Running server.

    Attributes:
      pid: Process ID.
      addresses: API -> `http://HOST:PORT` or `grpc://HOST:PORT`.
    """

    pid: int
    addresses: dict[str, str]

    def calls(self, model: str) -> tuple[int, int]:
        """Return the number of calls of `generate` so far, and their rows.

        Raises:
          ServerError: The server no longer answers.
        """
        from prometheus_client.parser import text_string_to_metric_families

        try:
            page = requests.get(f"{self.addresses[REST]}/metrics", timeout=60).text
        except requests.RequestException:
            raise ServerError(f"ganzoo serve: {self.addresses[REST]}: no longer answers") from None
        found = {
            sample.name: int(sample.value)
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.labels.get("model") == model and sample.labels.get("signature") == SIGNATURE
        }
        return found.get("ganzoo_batch_rows_count", 0), found.get("ganzoo_batch_rows_sum", 0)


@contextlib.contextmanager
def local_server(models: Path, flags: Sequence[str]) -> Iterator[LocalServer]:
    """Serve a directory of models during the block, and end the server with SIGTERM.

    Args:
      models: Base directory, with NAME/VERSION/ inside.
      flags: Flags of `ganzoo serve`.

    Raises:
      GanzooError: The server does not start, or fails at shutdown.
    """
    command = ("serve", "--models", str(models), "--rest_port", "0", "--grpc_port", "0", *flags)
    with Process("ganzoo serve", _command, command) as server:
        yield _started(server)
        server.process.terminate()
        server.process.join(END_SECONDS)
        if server.process.exitcode is None:
            raise ServerError(f"ganzoo serve: did not end within {END_SECONDS} s of SIGTERM")
        if server.process.exitcode:
            raise server.failure()


def _command(arguments: Sequence[str]) -> None:
    sys.argv = ["ganzoo", *arguments]
    runpy.run_module("ganzoo", run_name="__main__", alter_sys=True)


def _started(server: Process) -> LocalServer:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if found := SERVES.search(server.output):
            assert server.process.pid is not None
            return LocalServer(server.process.pid, {REST: found[1], GRPC: f"grpc://{found[2]}"})
        if not server.process.is_alive():
            raise server.failure()
        time.sleep(0.05)
    raise ServerError(f"ganzoo serve: does not answer after {START_SECONDS} s")
