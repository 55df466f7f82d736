"""`ganzoo serve` in a process of its own, and what it says of the calls that it made."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

from ganzoo.benchmarks.load.messages import GRPC, REST, SIGNATURE
from ganzoo.benchmarks.load.processes import Child
from ganzoo.errors import ServerError

START_SECONDS = 300  # until it answers: large models take long to load and to warm up
END_SECONDS = 60
SERVES = re.compile(r"REST (http://\S+), gRPC (\S+)$", re.MULTILINE)  # the end of its line that it answers


@dataclass(frozen=True)
class LocalServer:
    """A server that answers.

    Attributes:
      pid: of its process.
      addresses: API -> `http://HOST:PORT` or `grpc://HOST:PORT`.
    """

    pid: int
    addresses: dict[str, str]

    def calls(self, model: str) -> tuple[int, int]:
        """How many calls of `generate` it has made so far, and their rows.

        Raises:
          ServerError: it does not answer any more.
        """
        from prometheus_client.parser import text_string_to_metric_families

        try:
            page = requests.get(f"{self.addresses[REST]}/metrics", timeout=60).text
        except requests.RequestException:
            raise ServerError(f"ganzoo serve: {self.addresses[REST]}: does not answer any more") from None
        found = {
            sample.name: int(sample.value)
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.labels.get("model") == model and sample.labels.get("signature") == SIGNATURE
        }
        return found.get("ganzoo_batch_rows_count", 0), found.get("ganzoo_batch_rows_sum", 0)


@contextlib.contextmanager
def local_server(models: Path, flags: Sequence[str], scratch: Path) -> Iterator[LocalServer]:
    """A server of a directory of models, for the block; it ends by SIGTERM.

    Args:
      models: BASE, with NAME/VERSION/ inside.
      flags: of `ganzoo serve`.
      scratch: a folder for what it says.

    Raises:
      GanzooError: it does not start, or does not end as it should.
    """
    ports = ("--rest_port", "0", "--grpc_port", "0")
    with Child("ganzoo serve", scratch, "ganzoo", "serve", "--models", str(models), *ports, *flags) as child:
        yield _started(child)
        child.process.send_signal(signal.SIGTERM)
        try:
            code = child.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            raise ServerError(f"ganzoo serve: did not end within {END_SECONDS} s of SIGTERM") from None
        if code:
            raise child.death()


def _started(child: Child) -> LocalServer:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if found := SERVES.search(child.said):
            return LocalServer(child.process.pid, {REST: found[1], GRPC: f"grpc://{found[2]}"})
        if child.process.poll() is not None:
            raise child.death()
        time.sleep(0.05)
    raise ServerError(f"ganzoo serve: does not answer after {START_SECONDS} s")
