"""A server from its start to its end: ports, models, the two doors, and a drain in which no accepted request is lost.

Both doors, the queue and its timers live in one asyncio loop (uvicorn and grpc.aio), so they need no locks and share
one notion of cancellation and time; TensorFlow runs in threads of its own, and so do loading and large messages.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc  # type: ignore[import-untyped]
import uvicorn

from ganzoo.errors import ServerError, UsageError
from ganzoo.serving.server.batcher import Batcher
from ganzoo.serving.server.grpc_api import grpc_server
from ganzoo.serving.server.metrics import Metrics
from ganzoo.serving.server.models import Models
from ganzoo.serving.server.rest import rest_app
from ganzoo.serving.server.service import Service
from ganzoo.serving.server.settings import Settings

_log = logging.getLogger(__name__)

REFUSING_SECONDS = 0.25  # for clients to hear that the server ends
WRITING_SECONDS = 5  # for answers to get out of the doors, once they are there
BACKLOG = 2048  # connections that wait to be taken: uvicorn's own number


@dataclass(frozen=True)
class Addresses:
    """Where a running server is reached: `127.0.0.1:8501`."""

    rest: str
    grpc: str


Started = Callable[[Addresses], None]


@dataclass(frozen=True)
class Ended:
    """How a server ended.

    Attributes:
      unfinished: accepted requests that were given up.
      calls: of TensorFlow that still run, for requests whose time was over: nothing can end them but the process.
    """

    unfinished: int
    calls: int


def serve(settings: Settings, started: Started = lambda addresses: None) -> Ended:
    """Serves until SIGTERM or SIGINT, from the main thread; a second one gives up the requests that are under way.

    Args:
      settings: what can be set.
      started: is told once requests are answered.

    Raises:
      UsageError: a port or the directory of models that cannot be used.
    """

    async def until_signal() -> Ended:
        stop, hurry = asyncio.Event(), asyncio.Event()

        def told() -> None:
            (hurry if stop.is_set() else stop).set()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, told)
        return await _serve(settings, started, stop, hurry)

    return asyncio.run(until_signal())


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[Addresses]:
    """A server in a thread of this process, drained at the end of the block.

    Raises:
      UsageError: as `serve`.
    """
    news: queue.SimpleQueue[Addresses | BaseException] = queue.SimpleQueue()
    ending: list[Callable[[], None]] = []

    async def until_told() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        def end() -> None:
            loop.call_soon_threadsafe(stop.set)

        ending.append(end)
        await _serve(settings, news.put, stop, asyncio.Event())

    def work() -> None:
        try:
            asyncio.run(until_told())
        except BaseException as error:
            news.put(error)

    thread = threading.Thread(target=work, name="ganzoo-server")
    thread.start()
    first = news.get()
    if isinstance(first, BaseException):
        thread.join()
        raise first
    try:
        yield first
    finally:
        ending[0]()
        thread.join()


async def _serve(settings: Settings, started: Started, stop: asyncio.Event, hurry: asyncio.Event) -> Ended:
    with contextlib.closing(_listening(settings.host, settings.rest_port, "rest_port")) as rest_socket:
        metrics = Metrics()
        models = Models(settings.models, settings.keep_versions, settings.poll_seconds)
        batcher = Batcher(settings, metrics)
        service = Service(models, batcher, settings)
        doors = grpc_server(service, metrics, settings)
        grpc_port = _add_port(doors, settings)
        try:
            await asyncio.to_thread(models.start)
            await doors.start()
            rest, serving = await _start_rest(service, metrics, settings, rest_socket)
            started(
                Addresses(_address(settings.host, rest_socket.getsockname()[1]), _address(settings.host, grpc_port))
            )
            ends: list[asyncio.Future[Any]] = [asyncio.ensure_future(stop.wait()), serving]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            _log.info("ending: requests under way are finished, for %g seconds at most", settings.drain_seconds)
            unfinished = await service.drain(settings.drain_seconds, hurry)
            await _close(doors, rest, serving)
            return Ended(unfinished, batcher.running)
        finally:
            models.stop()
            batcher.close()
            await doors.stop(None)


async def _close(doors: grpc.aio.Server, rest: _Rest, serving: asyncio.Future[None]) -> None:
    """Closes the doors, which say UNAVAILABLE since the drain has begun, and do for a moment longer.

    A request that is on its way when a door closes sees a cut connection (REST) or CANCELLED (gRPC), which do not say
    that it can be sent again.
    """
    await asyncio.sleep(REFUSING_SECONDS)
    rest.should_exit = True
    await asyncio.gather(doors.stop(WRITING_SECONDS), serving)


class _Rest(uvicorn.Server):
    """uvicorn without its own signal handlers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _start_rest(
    service: Service, metrics: Metrics, settings: Settings, listening: socket.socket
) -> tuple[_Rest, asyncio.Future[None]]:
    """The REST door, open."""
    config = uvicorn.Config(
        rest_app(service, metrics, settings),
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=WRITING_SECONDS,
    )
    rest = _Rest(config)
    serving = asyncio.ensure_future(rest.serve(sockets=[listening]))
    while not rest.started:
        if serving.done():
            await serving
            raise ServerError(f"{_address(*listening.getsockname()[:2])}: uvicorn ended before it served")
        await asyncio.sleep(0.01)
    return rest, serving


def _listening(host: str, port: int, flag: str) -> socket.socket:
    """A socket that listens at a port, so that a port in use is known before models are loaded.

    Raises:
      UsageError: it cannot be bound.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, OverflowError, UnicodeError) as error:
        raise UsageError(f"host: {host!r} is no address of this machine ({error})") from None
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
        made.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        made.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{flag}: {_address(host, port)} cannot be used ({reason}): give another, or 0") from None
    return made


def _add_port(doors: grpc.aio.Server, settings: Settings) -> int:
    """Opens the gRPC port; gRPC itself does not say why it cannot, so it is tried by hand first."""
    _listening(settings.host, settings.grpc_port, "grpc_port").close()
    address = _address(settings.host, settings.grpc_port)
    try:
        return doors.add_insecure_port(address)
    except RuntimeError:
        raise UsageError(f"grpc_port: {address} cannot be used: give another, or 0") from None


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
