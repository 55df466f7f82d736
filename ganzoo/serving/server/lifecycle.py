"""Lifecycle of a server: ports, models, both APIs, and a drain that loses no accepted request.

Both APIs, the queue and its timers run in one asyncio loop (uvicorn and grpc.aio), so they need no locks and share
cancellation and time. TensorFlow, loading and large messages run in threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import queue
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc  # type: ignore[import-untyped]
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.flow_control import CLOSE_HEADER

from ganzoo.errors import ServerError
from ganzoo.serving.server.batcher import Batcher
from ganzoo.serving.server.connections import (
    ACCEPTED,
    BoundedProtocol,
    Connections,
    most_connections,
    raise_descriptors,
    sparse_log,
)
from ganzoo.serving.server.grpc_api import grpc_server
from ganzoo.serving.server.metrics import Metrics
from ganzoo.serving.server.models import Models
from ganzoo.serving.server.ports import Ports, address_of, cannot_use, listen, taken
from ganzoo.serving.server.rest import rest_app
from ganzoo.serving.server.service import Service
from ganzoo.serving.server.settings import Settings

_log = logging.getLogger(__name__)

REFUSING_SECONDS = 0.25  # time to tell clients that the server is stopping
CLOSING_SECONDS = 1.0  # for open connections to send another request, which is refused
WRITING_SECONDS = 5  # to send finished answers


@dataclass(frozen=True)
class Addresses:
    """Addresses of a running server, such as `127.0.0.1:8501`."""

    rest: str
    grpc: str


Started = Callable[[Addresses], None]


@dataclass(frozen=True)
class Ended:
    """Result of a server's run.

    Attributes:
      unfinished: Number of accepted requests that were aborted.
      busy: Whether TensorFlow still loads a version or runs a call whose request timed out; only the end of the
        process stops it.
    """

    unfinished: int
    busy: bool


def serve(settings: Settings, ports: Ports, started: Started = lambda addresses: None) -> Ended:
    """Serve until SIGTERM or SIGINT, in the main thread; a second signal aborts the requests in flight.

    Args:
      settings: Settings of the server.
      ports: Ports of these settings.
      started: Function that receives the addresses once the server answers; not called if a signal arrives before the
        models are loaded.

    Raises:
      UsageError: A port or the directory of models cannot be used.
    """

    async def until_signal() -> Ended:
        stop, hurry = asyncio.Event(), asyncio.Event()

        def told() -> None:
            (hurry if stop.is_set() else stop).set()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, told)
        return await _serve(settings, ports, started, stop, hurry)

    raise_descriptors()
    return asyncio.run(until_signal())


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[Addresses]:
    """Run a server in a thread of this process, drained at the end of the block.

    Raises:
      UsageError: As `serve`.
    """
    news: queue.SimpleQueue[Addresses | BaseException] = queue.SimpleQueue()
    ending: list[Callable[[], None]] = []

    async def until_told() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        def end() -> None:
            loop.call_soon_threadsafe(stop.set)

        ending.append(end)
        with taken(settings.host, settings.rest_port, settings.grpc_port) as ports:
            await _serve(settings, ports, news.put, stop, asyncio.Event())

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


async def _serve(
    settings: Settings, ports: Ports, started: Started, stop: asyncio.Event, hurry: asyncio.Event
) -> Ended:
    metrics = Metrics()
    models = Models(settings.models, settings.keep_versions, settings.poll_seconds)
    batcher = Batcher(settings, metrics)
    service = Service(models, batcher, settings)
    stopped: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    try:
        loaded = _beside(models.start)
        await asyncio.wait([loaded, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not loaded.done():
            return Ended(0, busy=True)
        loaded.result()
        addresses = Addresses(address_of(ports.rest), address_of(ports.grpc))
        async with _open_apis(service, metrics, settings, ports) as (rpc_server, rest, serving):
            started(addresses)
            await asyncio.wait([stopped, serving], return_when=asyncio.FIRST_COMPLETED)
            _log.info("stopping: finishing requests in flight, for at most %g seconds", settings.drain_seconds)
            unfinished = await service.drain(settings.drain_seconds, hurry)
            await _close(rpc_server, rest, serving)
            return Ended(unfinished, batcher.running > 0 or models.loading)
    finally:
        models.stop()
        batcher.close()
        service.close()


def _beside(work: Callable[[], None]) -> asyncio.Future[None]:
    """Run work in a thread that the loop does not wait for at its end."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def tell(error: BaseException | None) -> None:
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        failure = None
        try:
            work()
        except BaseException as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(tell, failure)

    threading.Thread(target=run, name="ganzoo-loading", daemon=True).start()
    return done


@contextlib.asynccontextmanager
async def _open_apis(
    service: Service, metrics: Metrics, settings: Settings, ports: Ports
) -> AsyncIterator[tuple[grpc.aio.Server, _Rest, asyncio.Future[None]]]:
    """Open both APIs, and close them at the end of the block."""
    listen(ports.rest, "rest_port")
    most = most_connections(settings.open_connections)
    rpc_server = grpc_server(service, metrics, settings, most)
    address = address_of(ports.grpc)
    ports.grpc.close()  # gRPC binds ports itself, but reports no reason for a failure; this socket did
    try:
        try:
            rpc_server.add_insecure_port(address)
        except RuntimeError as error:
            raise cannot_use(address, "grpc_port", error) from None
        await rpc_server.start()
        app = rest_app(service, metrics, settings)
        bounds = Connections(most, settings.header_seconds, settings.request_seconds)
        with sparse_log():
            yield rpc_server, *await _start_rest(app, bounds, ports.rest)
    finally:
        await rpc_server.stop(None)


async def _close(rpc_server: grpc.aio.Server, rest: _Rest, serving: asyncio.Future[None]) -> None:
    """Close both APIs, a moment after the drain, in which they answer UNAVAILABLE.

    A request that arrives while an API closes gets a lost connection (REST) or CANCELLED (gRPC), which do not tell
    whether a retry is safe.
    """
    await asyncio.sleep(REFUSING_SECONDS)
    rest.should_exit = True
    await asyncio.gather(rpc_server.stop(WRITING_SECONDS), serving)


class _Rest(uvicorn.Server):
    """uvicorn server without signal handlers, whose end resets no connection that is in use."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, and close each open connection with the answer to its next request, before uvicorn ends it.

        uvicorn closes at once, which resets connections whose request has just arrived.
        """
        loop = asyncio.get_running_loop()
        self.server_state.default_headers = [*self.server_state.default_headers, CLOSE_HEADER]
        for listening in sockets or []:
            loop.remove_reader(listening)
        for _ in range(2):  # until connections that the loop has accepted are set up
            await asyncio.sleep(0)
        accepted = [connection for listening in sockets or [] for connection in _pending(listening)]
        for server in self.servers:
            server.close()
        for connection in accepted:
            await loop.connect_accepted_socket(self._protocol, connection)
        end = loop.time() + CLOSING_SECONDS
        while self.server_state.connections and loop.time() < end:
            await asyncio.sleep(0.01)
        await super().shutdown(sockets)

    def _protocol(self) -> asyncio.Protocol:
        kind: Any = self.config.http_protocol_class
        return kind(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)


def _pending(listening: socket.socket) -> Iterator[socket.socket]:
    """Accept the connections that wait in the queue of a port: its end would reset them."""
    with contextlib.suppress(OSError):  # none is left, or no descriptor
        while True:
            yield listening.accept()[0]


async def _start_rest(
    app: FastAPI, bounds: Connections, listening: socket.socket
) -> tuple[_Rest, asyncio.Future[None]]:
    """Open the REST API."""
    config = uvicorn.Config(
        app,
        http=functools.partial(BoundedProtocol, bounds),  # type: ignore[arg-type]
        ws="none",  # an upgraded connection would leave the bounds
        backlog=ACCEPTED,
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
            raise ServerError(f"{address_of(listening)}: uvicorn stopped before it served")
        await asyncio.sleep(0.01)
    listen(listening, "rest_port")  # uvicorn made the queue of pending connections as short as `backlog`
    return rest, serving
