"""Connections of the REST API: uvicorn's protocol with bounds that uvicorn does not have.

uvicorn's `limit_concurrency` counts a connection only when its request is complete, and no setting limits the time of
a header, so clients that send half a header could hold every descriptor of the process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import h11
from uvicorn.protocols.http.flow_control import CLOSE_HEADER
from uvicorn.protocols.http.h11_impl import H11Protocol

OWN_DESCRIPTORS = 64  # for models that are loaded, and for connections that are about to be closed
MOST_DESCRIPTORS = 2**16
MOST_RECORDS, RECORD_SECONDS = 10, 10.0  # of one error in the log
FRAMING = {b"content-length", b"transfer-encoding"}


@dataclass
class Connections:
    """Open connections without a complete header, which is all that can be closed for a new one.

    Attributes:
      most: Largest number of open connections.
      header_seconds: Time limit of a header.
      fresh: Connections before their first header, in order of their age.
      idle: Connections between two requests.
    """

    most: int
    header_seconds: float
    fresh: dict[BoundedProtocol, None] = field(default_factory=dict)
    idle: dict[BoundedProtocol, None] = field(default_factory=dict)


class BoundedProtocol(H11Protocol):
    """Connection that is closed if its header is late, or if a new one needs its place."""

    def __init__(self, bounds: Connections, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._bounds = bounds
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the header; beyond the largest number, close the oldest connection without one."""
        super().connection_made(transport)
        if len(self.connections) > self._bounds.most:
            next(chain(self._bounds.fresh, self._bounds.idle), self)._close()
        if not transport.is_closing():
            self._bounds.fresh[self] = None
            self._start_timer()

    def data_received(self, data: bytes) -> None:
        """Stop waiting when the header is complete."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._timer is None:  # part of a further header
            self._start_timer()

    def handle_events(self) -> None:
        """End the connection after a request with two lengths, which hides another request (RFC 9112, 6.3)."""
        super().handle_events()
        if self.headers and {name for name, _ in self.headers} >= FRAMING:
            self.headers.append(CLOSE_HEADER)  # the application, which has not run yet, answers with it

    def on_response_complete(self) -> None:
        """Note that the connection is idle, unless the next request has arrived already."""
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE:
            self._bounds.idle[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(self._bounds.header_seconds, self._close)

    def _stop_waiting(self) -> None:
        self._bounds.fresh.pop(self, None)
        self._bounds.idle.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close(self) -> None:
        self._stop_waiting()
        self.transport.close()


def raise_descriptors() -> None:
    """Raise the process's limit of open files as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def most_connections(wanted: int) -> int:
    """Return the largest number of connections of each API that the limit of open files allows, at most `wanted`."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return wanted
    free = limit - len(os.listdir("/dev/fd")) - OWN_DESCRIPTORS
    return max(1, min(wanted, free // 2))


class _Sparse(logging.Filter):
    """Filter that passes a few records of each error in a while."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: defaultdict[Any, deque[float]] = defaultdict(lambda: deque(maxlen=MOST_RECORDS))

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        passed = self._passed[record.name, record.lineno, record.exc_info[0] if record.exc_info else None]
        now = time.monotonic()
        if len(passed) == MOST_RECORDS and now - passed[0] < RECORD_SECONDS:
            return False
        passed.append(now)
        return True


@contextmanager
def sparse_log() -> Iterator[None]:
    """Limit the rate of errors in the log, which clients can cause, during the block."""
    sparse = _Sparse()
    names = ("asyncio", "uvicorn.error", "grpc._cython.cygrpc", "grpc._common", "ganzoo.serving.server.metrics")
    for name in names:
        logging.getLogger(name).addFilter(sparse)
    try:
        yield
    finally:
        for name in names:
            logging.getLogger(name).removeFilter(sparse)
