"""Closed-loop clients: each sends its next request after the answer to the last one.

They share the machine with the server, so they do little: requests are encoded beforehand and answers are not decoded.
The length of each answer is compared with that of the client's first; the last answer is kept for a full check.
gRPC runs in one event loop, which takes a fifth less CPU time than a thread per client.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from ganzoo.benchmarks.load.traffic import Seen
from ganzoo.serving.client.transport import REST, api_of

PREDICT = "/tensorflow.serving.PredictionService/Predict"
CHANNELS = 4  # shared by all clients
TIMEOUT = 60.0  # seconds for a request
PAUSE = 0.05  # seconds after a failure, to avoid a tight loop when the server is gone

Send = Callable[[int, bytes], Awaitable[bytes]]  # a client's number and request -> the answer, or RequestError


class RequestError(Exception):
    """Failed request; failures are counted by kind."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


def run_clients(address: str, model: str, requests: Sequence[bytes], rows: int, seconds: float) -> Seen:
    """Run one client per request, which sends it repeatedly.

    Args:
      address: Server address, as for `ganzoo.Client`.
      model: Name of the model on the server.
      requests: Request of each client.
      rows: Rows of a request.
      seconds: Time after which no request starts; each client sends at least one.
    """

    async def all_clients() -> Seen:
        async with (_rest if api_of(address) == REST else _grpc)(address, model, len(requests)) as send:
            return await load(send, requests, rows, seconds)

    return asyncio.run(all_clients())


async def load(send: Send, requests: Sequence[bytes], rows: int, seconds: float) -> Seen:
    """Run the clients with a function that sends; see `run_clients`."""
    seen = Seen()
    began, cpu_began = time.perf_counter(), time.process_time()
    clients = [_client(send, *numbered, rows, began + seconds, seen) for numbered in enumerate(requests)]
    seen.answers = await asyncio.gather(*clients)
    seen.seconds, seen.cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    return seen


async def _client(send: Send, number: int, request: bytes, rows: int, end: float, seen: Seen) -> bytes:
    first = last = b""
    while True:
        sent = time.perf_counter()
        try:
            answer = await send(number, request)
            first = first or answer
            # Batches of other sizes may round differently, so a number may take one more byte; a row takes many.
            if not answer or abs(len(answer) - len(first)) > len(first) / (2 * rows):
                raise RequestError("wrong size", f"expected about {len(first)} bytes, got {len(answer)}")
        except RequestError as error:
            count, message = seen.failures.get(error.kind, (0, error.message))
            seen.failures[error.kind] = (count + 1, message)
            await asyncio.sleep(PAUSE)
        else:
            seen.latencies.append(time.perf_counter() - sent)
            last = answer
        if time.perf_counter() >= end:
            return last


@contextlib.asynccontextmanager
async def _grpc(address: str, model: str, clients: int) -> AsyncIterator[Send]:
    import grpc  # type: ignore[import-untyped]

    options = [
        ("grpc.max_receive_message_length", -1),
        ("grpc.use_local_subchannel_pool", 1),  # else channels to one address share one connection
    ]
    channels = [grpc.aio.insecure_channel(urlsplit(address).netloc, options) for _ in range(min(CHANNELS, clients))]
    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    predict = [channel.unary_unary(PREDICT) for channel in channels]  # bytes in, bytes out

    async def send(client: int, request: bytes) -> bytes:
        try:
            return await predict[client % len(predict)](request, timeout=TIMEOUT)
        except grpc.RpcError as error:
            raise RequestError(error.code().name, error.details() or "") from None

    yield send
    await asyncio.gather(*(channel.close() for channel in channels))


@contextlib.asynccontextmanager
async def _rest(address: str, model: str, clients: int) -> AsyncIterator[Send]:
    parts = urlsplit(address)
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connections = [connect(parts.netloc, timeout=TIMEOUT) for _ in range(clients)]
    path = f"{parts.path.rstrip('/')}/v1/models/{model}:predict"

    def post(client: int, request: bytes) -> bytes:
        connection = connections[client]
        try:
            connection.request("POST", path, request, {"Content-Type": "application/json"})
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()  # the next request reopens it
            raise RequestError(type(error).__name__, str(error)) from None
        if response.status != http.HTTPStatus.OK:
            raise RequestError(f"HTTP {response.status}", content.decode(errors="replace"))
        return content

    with ThreadPoolExecutor(clients) as threads:
        loop = asyncio.get_running_loop()
        yield lambda client, request: loop.run_in_executor(threads, post, client, request)
    for connection in connections:
        connection.close()
