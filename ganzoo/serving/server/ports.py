"""The ports of a server, taken before anything long begins, so that one in use is known at once; without TensorFlow."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from ganzoo.errors import UsageError

BACKLOG = 2048  # connections that wait to be taken: uvicorn's own number


@dataclass(frozen=True)
class Ports:
    """Two bound sockets, which do not listen yet: who connects before the models are there is refused, and not kept."""

    rest: socket.socket
    grpc: socket.socket


@contextlib.contextmanager
def taken(host: str, rest_port: int, grpc_port: int) -> Iterator[Ports]:
    """Binds both ports; they are free again at the end of the block.

    Raises:
      UsageError: one cannot be bound.
    """
    if rest_port == grpc_port != 0:  # the second of two sockets that do not listen could be bound
        raise UsageError(f"grpc_port: {grpc_port} is the REST port already: give another, or 0")
    with _bound(host, rest_port, "rest_port") as rest, _bound(host, grpc_port, "grpc_port") as grpc:
        yield Ports(rest, grpc)


def listen(bound: socket.socket, flag: str) -> None:
    """Lets a socket listen.

    Raises:
      UsageError: another process, which had bound the port as well, listens there by now.
    """
    try:
        bound.listen(BACKLOG)
    except OSError as error:
        raise cannot_use(address_of(bound), flag, error) from None


def address_of(bound: socket.socket) -> str:
    """`127.0.0.1:8501`, `[::1]:8501`."""
    return _address(*bound.getsockname()[:2])


def cannot_use(address: str, flag: str, error: Exception) -> UsageError:
    """The line for a port that is in use, or not for us."""
    reason = getattr(error, "strerror", None) or str(error)
    return UsageError(f"{flag}: {address} cannot be used ({reason}): give another, or 0")


def _bound(host: str, port: int, flag: str) -> socket.socket:
    try:
        # An IPv4 address where a name has one of each kind, as localhost does: the one that people write in numbers.
        found = sorted(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), key=lambda found: found[0])
        family, kind, protocol, _, address = found[0]
    except (OSError, OverflowError, UnicodeError) as error:
        raise UsageError(f"host: {host!r} is no address of this machine ({error})") from None
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
    except (OSError, OverflowError) as error:
        made.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRNOTAVAIL:
            raise UsageError(f"host: {host!r} is no address of this machine ({error.strerror})") from None
        raise cannot_use(_address(host, port), flag, error) from None
    return made


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
