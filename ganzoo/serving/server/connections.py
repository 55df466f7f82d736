"""Connections of the REST API: uvicorn's protocol with bounds that uvicorn does not have.

uvicorn's `limit_concurrency` counts a connection only when its request is complete, and no setting limits the time of
a header, or of a client that reads its answer, so slow clients could hold every descriptor of the process.
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

ACCEPTED = 16  # connections at a time, before older ones can be closed
OWN_DESCRIPTORS = 64  # for models that are loaded, and for connections that are about to be closed
MOST_DESCRIPTORS = 2**16
MOST_RECORDS, RECORD_SECONDS = 10, 10.0  # of one error in the log
FRAMING = {b"content-length", b"transfer-encoding"}
ANSWERING = {h11.SEND_RESPONSE, h11.SEND_BODY}  # states of a server with a request


@dataclass
class Connections:
    """Open connections whose client is slow, each group in order of age: these can be closed for a new one.

    Attributes:
      most: Largest number of open connections.
      header_seconds: Time limit of a header.
      answer_seconds: Time limit for a client to read an answer.
      fresh: Connections before their first header.
      idle: Connections between two requests.
      bodies: Connections in a request whose body is incomplete.
      unread: Connections with an answer that the client has not read to its end.
    """

    most: int
    header_seconds: float
    answer_seconds: float
    fresh: dict[BoundedProtocol, None] = field(default_factory=dict)
    idle: dict[BoundedProtocol, None] = field(default_factory=dict)
    bodies: dict[BoundedProtocol, None] = field(default_factory=dict)
    unread: dict[BoundedProtocol, None] = field(default_factory=dict)

    def needed_least(self) -> BoundedProtocol | None:
        """Return a connection to close: any that has just been made is spared as long as there is another."""
        late = self.fresh if len(self.fresh) > min(ACCEPTED, self.most // 2) else {}
        return next(chain(late, self.idle, self.bodies, self.unread, self.fresh), None)


class BoundedProtocol(H11Protocol):
    """Connection that is closed if its header is late, its answer stays unread, or a new one needs its place."""

    def __init__(self, bounds: Connections, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._bounds = bounds
        self._group: dict[BoundedProtocol, None] = {}
        self._header_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the header; beyond the largest number, close the connection that others need least."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(0)  # so that `pause_writing` means unread bytes, and `resume_writing` none
        if len(self.connections) > self._bounds.most:
            (self._bounds.needed_least() or self)._give_place()
        if not transport.is_closing():
            self._join_group()
            self._time_header()

    def data_received(self, data: bytes) -> None:
        """Limit the time of a header, and of a body that is ignored because its request is answered."""
        super().data_received(data)
        self._join_group()
        if self.conn.our_state in ANSWERING:
            self._stop_header_timer()
        elif self._header_timer is None:
            self._time_header()

    def handle_events(self) -> None:
        """End the connection after a request with two lengths, which hides another request (RFC 9112, 6.3)."""
        super().handle_events()
        if self.headers and {name for name, _ in self.headers} >= FRAMING:
            self.headers.append(CLOSE_HEADER)  # the application, which has not run yet, answers with it

    def on_response_complete(self) -> None:
        """Note what the connection waits for, unless the next request has arrived already."""
        super().on_response_complete()
        self._join_group()

    def pause_writing(self) -> None:
        """Limit the time in which nothing of an answer leaves, also of a connection that is closing."""
        super().pause_writing()
        self._time_answer()
        self._join_group()

    def _time_answer(self) -> None:
        left = self.transport.get_write_buffer_size()

        def end_or_go_on() -> None:
            if self.transport.get_write_buffer_size() < left:  # a slow client reads
                self._time_answer()
            else:
                self.transport.abort()

        self._answer_timer = self.loop.call_later(self._bounds.answer_seconds, end_or_go_on)

    def resume_writing(self) -> None:
        """Note that the answer has left."""
        super().resume_writing()
        self._stop_answer_timer()
        self._join_group()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._group.pop(self, None)
        self._stop_header_timer()
        self._stop_answer_timer()

    def _join_group(self) -> None:
        """Join the group of connections that wait for the same; none while a request is answered."""
        theirs = self.conn.their_state
        if self.flow.write_paused:
            group = self._bounds.unread
        elif theirs is h11.IDLE:
            group = self._bounds.idle if self.cycle else self._bounds.fresh
        else:
            group = self._bounds.bodies if theirs is h11.SEND_BODY else {}
        if group is not self._group:
            self._group.pop(self, None)
            self._group = group
            group[self] = None

    def _give_place(self) -> None:
        self._group.pop(self, None)
        self.transport.abort()

    def _time_header(self) -> None:
        self._header_timer = self.loop.call_later(self._bounds.header_seconds, self.transport.close)

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _stop_answer_timer(self) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None


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
