"""Workers meet before TensorFlow joins them: TensorFlow itself waits in silence, and no signal ends that wait."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import select
import socket
import time
from collections.abc import Iterator, Mapping

from ganzoo.errors import UsageError, WorkerLostError
from ganzoo.training.cluster import Cluster

SECONDS = "GANZOO_JOIN_SECONDS"  # variable of the environment
LONGEST = 600.0  # seconds, if it is not set
SILENT = 5.0  # seconds before the first message
_ROUND = 0.5  # seconds
_HELLO, _GO = re.compile(rb"ganzoo worker (\d{1,9})\n"), b"go\n"

_log = logging.getLogger(__name__)


def join(cluster: Cluster, environ: Mapping[str, str] = os.environ) -> None:
    """Wait until all workers have started: each calls the chief at the port that TensorFlow takes afterwards.

    Raises:
      UsageError: this worker's port is in use, or GANZOO_JOIN_SECONDS is wrong.
      WorkerLostError: a worker has not come within GANZOO_JOIN_SECONDS, 600 by default.
    """
    wait = _Wait(cluster.index, _seconds(environ))
    with _listening(cluster) as server:
        if cluster.index == 0:
            _gather(cluster, server, wait)
            return
    _call(cluster, wait)


class _Wait:
    """Time until a worker gives up; says once what it waits for."""

    def __init__(self, index: int, seconds: float) -> None:
        self.index, self.seconds = index, seconds
        self.began = time.monotonic()
        self.told = False

    def on(self, addresses: list[str]) -> None:
        """Go on waiting for these workers.

        Raises:
          WorkerLostError: the time is over.
        """
        waited, who = time.monotonic() - self.began, ", ".join(addresses)
        if waited >= self.seconds:
            raise WorkerLostError(
                f"worker {self.index}: expected all workers within {self.seconds:g} s, got no answer from {who} "
                f"(start all with the same command; {SECONDS} sets the time)"
            )
        if waited >= SILENT and not self.told:
            _log.warning("worker %d: waiting for %s", self.index, who)
            self.told = True


def _gather(cluster: Cluster, server: socket.socket, wait: _Wait) -> None:
    """Wait for the calls of all others, and let them go on."""
    calls: dict[socket.socket, bytes] = {}  # what each has said
    try:
        while True:
            here = {int(match[1]) for said in calls.values() if (match := _HELLO.fullmatch(said))}
            missing = [cluster.workers[index] for index in range(1, cluster.size) if index not in here]
            if not missing:
                break
            wait.on(missing)
            for ready in select.select([server, *calls], [], [], _ROUND)[0]:
                if ready is server:
                    with contextlib.suppress(OSError):
                        calls[server.accept()[0]] = b""
                    continue
                said = _received(ready)
                calls[ready] += said
                if not said or len(calls[ready]) > 32:  # gone, or a stranger
                    del calls[ready]
                    ready.close()
        for call in calls:
            with contextlib.suppress(OSError):
                call.sendall(_GO)
    finally:
        for call in calls:
            call.close()


def _call(cluster: Cluster, wait: _Wait) -> None:
    """Call the chief until it lets this worker go on."""
    chief = cluster.workers[0]
    while True:
        wait.on([chief])
        with contextlib.suppress(OSError), socket.create_connection(_host_and_port(chief), timeout=_ROUND) as call:
            call.sendall(b"ganzoo worker %d\n" % cluster.index)
            while not select.select([call], [], [], _ROUND)[0]:
                wait.on([f"workers that {chief} waits for too"])
            if _received(call) == _GO:
                return
        time.sleep(_ROUND)


def _received(call: socket.socket) -> bytes:
    """Return what a call says; nothing if it is gone."""
    try:
        return call.recv(64)
    except OSError:
        return b""


@contextlib.contextmanager
def _listening(cluster: Cluster) -> Iterator[socket.socket]:
    """Listen at this worker's port, on all addresses as TensorFlow does.

    Raises:
      UsageError: the port is in use.
    """
    address = cluster.workers[cluster.index]
    _, port = _host_and_port(address)
    both = socket.has_dualstack_ipv6()
    try:
        server = socket.create_server(
            ("", port), family=socket.AF_INET6 if both else socket.AF_INET, dualstack_ipv6=both, backlog=cluster.size
        )
    except OSError as error:
        raise UsageError(
            f"TF_CONFIG: worker {cluster.index} cannot listen at {address} ({os.strerror(error.errno or 0)}; end the "
            "process that does, or take another port)"
        ) from None
    with server:
        yield server


def _host_and_port(address: str) -> tuple[str, int]:
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)


def _seconds(environ: Mapping[str, str]) -> float:
    text = environ.get(SECONDS) or f"{LONGEST:g}"
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text) or float(text) <= 0:
        raise UsageError(f"{SECONDS}: expected seconds above 0, got {text[:40]}")
    return float(text)
