"""Ports of a server, bound before the models are loaded, so that a port in use is reported at once."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from ganzoo.errors import UsageError

BACKLOG = 2048  # pending connections: uvicorn's default


@dataclass(frozen=True)
class Ports:
    """Two bound sockets that do not listen yet, so connections are refused until the models are loaded."""

    rest: socket.socket
    grpc: socket.socket


@contextlib.contextmanager
def taken(host: str, rest_port: int, grpc_port: int) -> Iterator[Ports]:
    """Bind both ports during the block.

    Raises:
      UsageError: A port cannot be bound.
    """
    if rest_port == grpc_port != 0:  # two sockets that do not listen can share a port
        raise UsageError(
            f"grpc_port: expected another port than rest_port, got {grpc_port} for both (give another, or 0)"
        )
    with _bound(host, rest_port, "rest_port") as rest, _bound(host, grpc_port, "grpc_port") as grpc:
        yield Ports(rest, grpc)


def listen(bound: socket.socket, flag: str) -> None:
    """Start listening on a socket.

    Raises:
      UsageError: Another process listens on the port.
    """
    try:
        bound.listen(BACKLOG)
    except OSError as error:
        raise cannot_use(address_of(bound), flag, error) from None


def address_of(bound: socket.socket) -> str:
    """Return the address of a socket: `127.0.0.1:8501`, `[::1]:8501`."""
    return _address(*bound.getsockname()[:2])


def cannot_use(address: str, flag: str, error: Exception) -> UsageError:
    """Return the error for a port that is in use or not allowed."""
    reason = getattr(error, "strerror", None) or str(error)
    return UsageError(f"{flag}: {address} cannot be used: {reason} (give another port, or 0)")


def _bound(host: str, port: int, flag: str) -> socket.socket:
    try:
        # Prefer IPv4 for a name with both kinds of address, such as localhost.
        found = sorted(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), key=lambda found: found[0])
        family, kind, protocol, _, address = found[0]
    except (OSError, OverflowError, UnicodeError) as error:
        raise UsageError(f"host: expected an address of this machine, got {host!r} ({error})") from None
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
    except (OSError, OverflowError) as error:
        made.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRNOTAVAIL:
            raise UsageError(f"host: expected an address of this machine, got {host!r} ({error.strerror})") from None
        raise cannot_use(_address(host, port), flag, error) from None
    return made


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
