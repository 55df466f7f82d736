"""Closed-loop clients, which send their next request when the last is done: `python -m …load.clients JSON`.

They share the machine with the server, so they do little: requests are bytes that were made before, answers stay bytes.
An answer's length is compared with that of the client's first, and the last is kept for a closer look.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ganzoo.benchmarks.load.messages import REST

PREDICT = "/tensorflow.serving.PredictionService/Predict"
CHANNELS = 4  # that the clients share
TIMEOUT = 60.0  # seconds of a request
PAUSE = 0.05  # seconds after a failure: a server that is gone is not asked in a tight loop


def main() -> None:
    """Asks as the command line says, and prints what came of it.

    Given are `api`, `address` (HOST:PORT), `model`, `requests` and `answers` (folders with a file for each client),
    `rows` (of a request), `clients` and `seconds`.
    """
    given = json.loads(sys.argv[1])
    requests = [Path(given["requests"], str(number)).read_bytes() for number in range(given["clients"])]
    print(json.dumps(asyncio.run(ask_for_a_while(requests, given))))


class RefusedError(Exception):
    """A request that was not answered as it should be; the same kinds are counted together."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind, self.message = kind, message


@dataclass
class Seen:
    """What all clients saw.

    Attributes:
      latencies: seconds of each request that was answered.
      failures: kind -> how many of it, and what the first of them said.
    """

    latencies: list[float] = field(default_factory=list)
    failures: dict[str, tuple[int, str]] = field(default_factory=dict)

    def fail(self, error: RefusedError) -> None:
        count, first = self.failures.get(error.kind, (0, error.message))
        self.failures[error.kind] = (count + 1, first)


class Door(Protocol):
    """A way to ask the server."""

    async def ask(self, client: int, request: bytes) -> bytes:
        """An answer, or RefusedError."""

    async def close(self) -> None: ...


async def ask_for_a_while(requests: list[bytes], given: dict[str, Any]) -> dict[str, Any]:
    """Lets one client for each request ask for it again and again."""
    door: Door = await _open_rest(given) if given["api"] == REST else await _open_grpc(given)
    seen = Seen()
    began, cpu_began = time.perf_counter(), time.process_time()
    end = began + given["seconds"]
    clients = [_ask(door, number, request, given["rows"], end, seen) for number, request in enumerate(requests)]
    last = await asyncio.gather(*clients)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    await door.close()
    for number, answer in enumerate(last):
        Path(given["answers"], str(number)).write_bytes(answer)
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "latencies": [round(latency, 6) for latency in seen.latencies],
        "failures": seen.failures,
    }


async def _ask(door: Door, client: int, request: bytes, rows: int, end: float, seen: Seen) -> bytes:
    """One client, until its time is over, and once at least; gives its last answer, empty if there is none."""
    first = answer = b""
    while True:
        sent = time.perf_counter()
        try:
            came = await door.ask(client, request)
            first = first or came
            # A batch of another size may round differently, and a number take one more byte; a row takes many.
            if abs(len(came) - len(first)) > len(first) / (2 * rows) or not came:
                raise RefusedError("wrong size", f"{len(came)} bytes, {len(first)} before")
        except RefusedError as error:
            seen.fail(error)
            await asyncio.sleep(PAUSE)
        else:
            seen.latencies.append(time.perf_counter() - sent)
            answer = came
        if time.perf_counter() >= end:
            return answer


async def _open_grpc(given: dict[str, Any]) -> Door:
    import grpc  # type: ignore[import-untyped]

    options = [
        ("grpc.max_receive_message_length", -1),
        ("grpc.use_local_subchannel_pool", 1),  # else channels to one address share one connection
    ]
    count = min(CHANNELS, given["clients"])
    channels = [grpc.aio.insecure_channel(given["address"], options) for _ in range(count)]
    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    predict = [channel.unary_unary(PREDICT) for channel in channels]  # bytes go in and come out

    class GrpcDoor:
        async def ask(self, client: int, request: bytes) -> bytes:
            try:
                return await predict[client % count](request, timeout=TIMEOUT)
            except grpc.RpcError as error:
                raise RefusedError(error.code().name, error.details() or "") from None

        async def close(self) -> None:
            await asyncio.gather(*(channel.close() for channel in channels))

    return GrpcDoor()


async def _open_rest(given: dict[str, Any]) -> Door:
    connections = [http.client.HTTPConnection(given["address"], timeout=TIMEOUT) for _ in range(given["clients"])]
    path = f"/v1/models/{given['model']}:predict"
    threads = ThreadPoolExecutor(given["clients"])
    loop = asyncio.get_running_loop()

    def post(client: int, request: bytes) -> bytes:
        connection = connections[client]
        try:
            connection.request("POST", path, request, {"Content-Type": "application/json"})
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()  # the next request opens it again
            raise RefusedError(type(error).__name__, str(error)) from None
        if response.status != http.HTTPStatus.OK:
            raise RefusedError(f"HTTP {response.status}", content.decode(errors="replace"))
        return content

    class RestDoor:
        async def ask(self, client: int, request: bytes) -> bytes:
            return await loop.run_in_executor(threads, post, client, request)

        async def close(self) -> None:
            for connection in connections:
                connection.close()
            threads.shutdown()

    return RestDoor()


if __name__ == "__main__":
    main()
