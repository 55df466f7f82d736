"""The way of a request from either door: admitted, given a version, read, run, written, within its time."""

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

READING_SECONDS = 2.0  # that a request has at the server's end to be there as a whole
LARGE = 64 * 1024  # bytes whose reading or writing would hold up the loop for more than a moment

Answer = TypeVar("Answer", covariant=True)
T = TypeVar("T")


class Exchange(Protocol[Answer]):
    """A request in its own form, and the answer in the same."""

    size: int

    def read(self, servable: Servable) -> tuple[Signature, Arrays]: ...

    def write(self, servable: Servable, signature: Signature, outputs: Arrays) -> Answer: ...


@dataclass(eq=False)
class Admitted:
    """A request that is under way.

    Attributes:
      limit: when it is given up.
      size: bytes that it holds.
      whole: all of it is there.
      ended: why it is given up before its time is over.
    """

    limit: asyncio.Timeout
    size: int = 0
    whole: bool = True
    ended: ServingError | None = None

    def end(self, why: ServingError) -> None:
        """Gives it up now."""
        self.ended = self.ended or why
        with contextlib.suppress(RuntimeError):  # its time is over just now
            self.limit.reschedule(asyncio.get_running_loop().time())


class Service:
    """Admits requests and answers them, until it is drained.

    Attributes:
      models: whose versions answer.
      draining: no request is admitted any more.
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
        """Lets a request in; what is in the block is to be done in that time.

        Args:
          seconds: until the answer has to be there.
          size: bytes that are there already; see `hold`.

        Raises:
          ServingError: UNAVAILABLE, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, or why it was ended.
        """
        if self.draining:
            raise ServingError("UNAVAILABLE", "the server is ending")
        if len(self._admitted) >= self._settings.open_requests:
            raise ServingError("RESOURCE_EXHAUSTED", f"{len(self._admitted)} requests are under way")
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
            missing = "answer" if request.whole else "whole request"
            raise ServingError("DEADLINE_EXCEEDED", f"no {missing} within {seconds:.3g} seconds") from None
        finally:
            self._bytes -= request.size
            self._admitted.remove(request)
            if not self._admitted:
                self._empty.set()

    def hold(self, request: Admitted, size: int) -> None:
        """Counts more bytes of a request.

        Raises:
          ServingError: RESOURCE_EXHAUSTED where all requests together hold too many; one alone may hold any number.
        """
        most, others = self._settings.open_bytes, self._bytes - request.size
        if others and self._bytes + size > most:
            raise ServingError("RESOURCE_EXHAUSTED", f"the requests under way hold {self._bytes} of {most} bytes")
        request.size += size
        self._bytes += size

    async def predict(self, exchange: Exchange[T], model: str, version: int | None, seen: Seen) -> T:
        """Answers one request.

        Args:
          model, version: that is asked for; None is the newest.
          seen: gets the names that turn out to be right.

        Raises:
          ServingError: as its code says.
        """
        with self.models.lease(model, version) as servable:
            seen.model = model
            signature, inputs = await self._beside(exchange.size, lambda: exchange.read(servable))
            seen.signature = signature.name
            outputs = await self._batcher.run(servable, signature, inputs)
            size = sum(array.nbytes for array in outputs.values())
            return await self._beside(size, lambda: exchange.write(servable, signature, outputs))

    async def drain(self, seconds: float, hurry: asyncio.Event) -> int:
        """Admits no more requests, waits for those that are under way, and after that time gives them up.

        Those that are not there as a whole were not accepted; they are refused after a moment.

        Args:
          hurry: ends the waiting at once.

        Returns:
          How many were given up.
        """
        self.draining = True
        ends = [asyncio.ensure_future(event.wait()) for event in (self._empty, hurry)]
        reading = min(seconds, READING_SECONDS)
        await asyncio.wait(ends, timeout=reading, return_when=asyncio.FIRST_COMPLETED)
        for request in self._admitted:
            if not request.whole:
                request.end(ServingError("UNAVAILABLE", "the server is ending"))
        await asyncio.wait(ends, timeout=seconds - reading, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        unfinished = len(self._admitted)
        for request in self._admitted:
            request.end(ServingError("UNAVAILABLE", "the server has ended before the answer was there"))
        await self._empty.wait()
        return unfinished

    def close(self) -> None:
        """Ends the thread, without waiting for it."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _beside(self, size: int, work: Callable[[], T]) -> T:
        """Works in a thread if there is much to do: one at a time, as each holds Python's lock and much memory."""
        if size <= LARGE:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._thread, _uncollected, work)


def _uncollected(work: Callable[[], T]) -> T:
    """Works without the cyclic garbage collector, which looks through millions of new lists over and over."""
    was = gc.isenabled()
    gc.disable()
    try:
        return work()
    finally:
        if was:
            gc.enable()
