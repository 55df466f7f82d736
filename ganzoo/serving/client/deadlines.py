"""Connections whose answers are complete within a time limit; the timeouts of requests start anew with each byte."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection


class _Timed(HTTPConnection):
    """Connection that ends when the time of an answer is over, even if a byte arrives now and then."""

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        """Return the answer after its headers; `timer` is to be cancelled after its body."""
        timer = threading.Timer(self.timeout or 0.0, _end, [self.sock])
        timer.daemon = True
        timer.start()
        try:
            response = super().getresponse()
        except BaseException:
            timer.cancel()
            raise
        response.timer = timer  # type: ignore[attr-defined]
        return response


class _TimedTls(_Timed, HTTPSConnection):
    pass


class TimedAdapter(HTTPAdapter):
    """Adapter of a session of requests whose time limit is `urllib3.Timeout(total=…)`."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> HTTPConnectionPool:
        """Return the pool for a request."""
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _TimedTls if pool.scheme == "https" else _Timed
        return pool


def _end(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended just now
        connected.shutdown(socket.SHUT_RDWR)
