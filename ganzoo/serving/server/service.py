"""Request handling for both APIs: admission, version, decoding, call, encoding and time limit."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from ganzoo.serving.server.batcher import Batcher
from ganzoo.serving.server.metrics import Seen
from ganzoo.serving.server.models import Models
from ganzoo.serving.server.servable import Arrays, Servable, Signature
from ganzoo.serving.server.settings import Settings
from ganzoo.serving.server.status import ServingError

READING_SECONDS = 2.0  # for incomplete requests to arrive when the server stops
LARGE = 64 * 1024  # bytes; coding more would block the loop for too long

Answer = TypeVar("Answer", covariant=True)
T = TypeVar("T")


class Exchange(Protocol[Answer]):
    """Request of one of the APIs, and its answer."""

    size: int

    def read(self, servable: Servable) -> tuple[Signature, Arrays]: ...

    def write(self, servable: Servable, signature: Signature, outputs: Arrays) -> Answer: ...


@dataclass(eq=False)
class Admitted:
    """Request in flight.

    Attributes:
      limit: Time limit.
      size: Bytes held.
      whole: Whether it has arrived completely.
      ended: Error that ends it before its time limit.
    """

    limit: asyncio.Timeout
    size: int = 0
    whole: bool = True
    ended: ServingError | None = None

    def end(self, why: ServingError) -> None:
        """End the request with an error."""
        self.ended = self.ended or why
        with contextlib.suppress(RuntimeError):  # its time limit has just passed
            self.limit.reschedule(asyncio.get_running_loop().time())


class Service:
    """Service that admits and answers requests until it is drained.

    Attributes:
      models: Served models.
      draining: Whether new requests are refused.
    """

    def __init__(self, models: Models, batcher: Batcher, settings: Settings) -> None:
        self.models, self._batcher, self._settings = models, batcher, settings
        self.draining = False
        self._admitted: set[Admitted] = set()
        self._bytes = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ganzoo-large")

    @contextlib.asynccontextmanager
    async def admitted(self, seconds: float, size: int = 0) -> AsyncIterator[Admitted]:
        """Admit a request for the duration of the block, within a time limit.

        Args:
          seconds: Time limit of the answer.
          size: Bytes that have arrived already; see `hold`.

        Raises:
          ServingError: UNAVAILABLE, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, or the error that ended the request.
        """
        if self.draining:
            raise ServingError("UNAVAILABLE", "the server is stopping")
        if len(self._admitted) >= self._settings.open_requests:
            raise ServingError("RESOURCE_EXHAUSTED", f"{len(self._admitted)} requests are in flight")
        request = Admitted(asyncio.timeout(seconds))
        self._admitted.add(request)
        self._empty.clear()
        try:
            self.hold(request, size)
            async with request.limit:
                yield request
        except TimeoutError:
            if request.ended:
                raise request.ended from None
            missing = "answer" if request.whole else "complete request"
            raise ServingError("DEADLINE_EXCEEDED", f"no {missing} within {seconds:.3g} seconds") from None
        finally:
            self._bytes -= request.size
            self._admitted.remove(request)
            if not self._admitted:
                self._empty.set()

    def hold(self, request: Admitted, size: int) -> None:
        """Count more bytes of a request.

        Raises:
          ServingError: RESOURCE_EXHAUSTED if all requests together hold too many; a single one may hold any number.
        """
        most, others = self._settings.open_bytes, self._bytes - request.size
        if others and self._bytes + size > most:
            raise ServingError("RESOURCE_EXHAUSTED", f"the requests in flight hold {self._bytes} of {most} bytes")
        request.size += size
        self._bytes += size

    async def predict(self, exchange: Exchange[T], model: str, version: int | None, seen: Seen) -> T:
        """Answer one request.

        Args:
          exchange: Request.
          model, version: Requested model and version; None is the newest version.
          seen: Metric labels to fill in with existing names.

        Raises:
          ServingError: An error of the request.
        """
        with self.models.lease(model, version) as servable:
            seen.model = model
            signature, inputs = await self._beside(exchange.size, lambda: exchange.read(servable))
            seen.signature = signature.name
            outputs = await self._batcher.run(servable, signature, inputs)
            size = sum(array.nbytes for array in outputs.values())
            return await self._beside(size, lambda: exchange.write(servable, signature, outputs))

    async def drain(self, seconds: float, hurry: asyncio.Event) -> int:
        """Refuse new requests, wait for those in flight, and abort them when the time is over.

        Incomplete requests are not accepted yet; they are refused after a moment.

        Args:
          seconds: Longest time to wait.
          hurry: Event that ends the wait.

        Returns:
          Number of aborted requests.
        """
        self.draining = True
        ends = [asyncio.ensure_future(event.wait()) for event in (self._empty, hurry)]
        reading = min(seconds, READING_SECONDS)
        await asyncio.wait(ends, timeout=reading, return_when=asyncio.FIRST_COMPLETED)
        for request in self._admitted:
            if not request.whole:
                request.end(ServingError("UNAVAILABLE", "the server is stopping"))
        await asyncio.wait(ends, timeout=seconds - reading, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        unfinished = len(self._admitted)
        for request in self._admitted:
            request.end(ServingError("UNAVAILABLE", "the server stopped before the answer"))
        await self._empty.wait()
        return unfinished

    def close(self) -> None:
        """End the thread, without waiting for it."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _beside(self, size: int, work: Callable[[], T]) -> T:
        """Run work, in a thread if large: one at a time, as each holds Python's lock and much memory."""
        if size <= LARGE:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._thread, _uncollected, work)


def _uncollected(work: Callable[[], T]) -> T:
    """Run work without the cyclic garbage collector, which would scan millions of new lists repeatedly."""
    was = gc.isenabled()
    gc.disable()
    try:
        return work()
    finally:
        if was:
            gc.enable()
