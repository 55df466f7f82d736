"""Batching: one call runs the rows of several requests.

All state belongs to one asyncio loop, without locks; the calls run in threads.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

import numpy as np

from ganzoo.serving.server.metrics import Metrics
from ganzoo.serving.server.servable import Arrays, Servable, Signature
from ganzoo.serving.server.settings import MOST_ROWS, Settings
from ganzoo.serving.server.status import ServingError

PIXELS_TOGETHER = 2**20  # per call; larger batches are no faster and only add latency

Outputs = dict[str, np.ndarray]


@dataclass(eq=False)
class Waiting:
    """Request in the queue.

    Attributes:
      servable, signature: Function to call.
      inputs: Inputs by name.
      rows: Rows of each input; 1 for a request that runs alone.
      pixels: Pixels of a row, for images.
      key: Key of the request's group; None for a request that runs alone.
      arrived: Time of arrival by the loop's clock, in seconds.
      outcome: Future of the outputs.
    """

    servable: Servable
    signature: Signature
    inputs: Arrays
    rows: int
    pixels: int
    key: Hashable | None
    arrived: float
    outcome: asyncio.Future[Outputs]


class Batcher:
    """Queue that batches requests.

    Requests for one signature of one version whose inputs differ only in the size of the first axis form a group. A
    group runs at once if no call is running; otherwise when it has `batch_rows` rows, or when the batch window of its
    first request is over. A request with more rows runs alone, and so do files, which a graph processes one by one.
    If a batch fails, each of its requests runs again alone, so that one bad row affects no other request.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._wait = settings.batch_wait_ms / 1000
        self._most_rows = min(settings.batch_rows, MOST_ROWS)
        self._threads = ThreadPoolExecutor(settings.calls, thread_name_prefix="ganzoo-call")
        self._groups: dict[Hashable, deque[Waiting]] = {}
        self._requests = self._rows = self._running = 0
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, servable: Servable, signature: Signature, inputs: Arrays) -> dict[str, np.ndarray]:
        """Queue a request and return its outputs.

        A request whose task is cancelled leaves the queue; a call that has started runs to its end.

        Raises:
          ServingError: RESOURCE_EXHAUSTED if the queue is full, or an error of the graph.
        """
        rows, pixels, key = _group_of(servable, signature, inputs)
        too_many = self._requests >= self._settings.queue_requests
        if too_many or (self._requests and self._rows + rows > self._settings.queue_rows):
            raise ServingError(
                "RESOURCE_EXHAUSTED", f"the queue is full: {self._requests} requests with {self._rows} rows are waiting"
            )
        loop = asyncio.get_running_loop()
        waiting = Waiting(servable, signature, inputs, rows, pixels, key, loop.time(), loop.create_future())
        self._add(waiting)
        self._start_calls()
        try:
            return await waiting.outcome
        finally:
            self._withdraw(waiting)

    @property
    def running(self) -> int:
        """Number of running calls."""
        return self._running

    def close(self) -> None:
        """End the threads after their calls, without waiting for them."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _add(self, waiting: Waiting) -> None:
        self._groups.setdefault(_place(waiting), deque()).append(waiting)
        self._count(1, waiting.rows)

    def _start_calls(self) -> None:
        """Start the groups that are due, and schedule itself for the next one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        while self._groups and self._running < self._settings.calls:
            now = loop.time()
            due, key = min(((self._due(group, now), key) for key, group in self._groups.items()), key=itemgetter(0))
            if due > now:
                self._timer = loop.call_at(due, self._start_calls)
                return
            batch = self._take(key)
            self._running += 1
            self._report()
            call = loop.run_in_executor(self._threads, _run, batch, self._metrics)
            call.add_done_callback(partial(self._finish, batch))

    def _due(self, group: deque[Waiting], now: float) -> float:
        """Return the time at which a group may run; if that is now, the arrival of its first request."""
        first = group[0]
        alone = self._running == 0 or first.key is None
        if alone or now - first.arrived >= self._wait or sum(waiting.rows for waiting in group) >= self._most(first):
            return first.arrived
        return first.arrived + self._wait

    def _most(self, first: Waiting) -> int:
        """Return the largest number of rows of a batch of the group."""
        return min(self._most_rows, max(1, PIXELS_TOGETHER // max(1, first.pixels)))

    def _take(self, key: Hashable) -> list[Waiting]:
        """Remove the first requests of a group from the queue, as many as fit a batch."""
        group = self._groups[key]
        batch = [group.popleft()]
        rows, most = batch[0].rows, self._most(batch[0])
        while group and rows + group[0].rows <= most:
            rows += group[0].rows
            batch.append(group.popleft())
        if not group:
            del self._groups[key]
        self._count(-len(batch), -rows)
        return batch

    def _finish(self, batch: Sequence[Waiting], done: asyncio.Future[list[Outputs]]) -> None:
        self._running -= 1
        if done.cancelled():  # the server has stopped
            return
        error = done.exception()
        for i, waiting in enumerate(batch):
            if waiting.outcome.done():  # its time limit was over
                continue
            if error is None:
                waiting.outcome.set_result(done.result()[i])
            elif len(batch) == 1:
                waiting.outcome.set_exception(error)
            else:  # run each alone, to isolate the bad one
                waiting.key = None
                self._add(waiting)
        self._report()
        self._start_calls()

    def _withdraw(self, waiting: Waiting) -> None:
        """Remove a request from the queue, if it is still there."""
        place = _place(waiting)
        group = self._groups.get(place)
        if group and waiting in group:
            group.remove(waiting)
            if not group:
                del self._groups[place]
            self._count(-1, -waiting.rows)

    def _count(self, requests: int, rows: int) -> None:
        self._requests += requests
        self._rows += rows
        self._report()

    def _report(self) -> None:
        self._metrics.load(self._requests, self._rows, self._running)


def _place(waiting: Waiting) -> Hashable:
    """Return the key of a request's queue: that of its group, or its own."""
    return id(waiting) if waiting.key is None else waiting.key


def _group_of(servable: Servable, signature: Signature, inputs: Arrays) -> tuple[int, int, Hashable | None]:
    """Return the rows of a request, the pixels of a row, and the key of its group."""
    rows = {array.shape[0] if array.ndim else 0 for array in inputs.values()}
    files = any(array.dtype == object for array in inputs.values())
    if not signature.batched or files or len(rows) != 1 or 0 in rows:
        return 1, 0, None
    kinds = tuple((name, array.dtype.str, array.shape[1:]) for name, array in sorted(inputs.items()))
    given = sum(math.prod(array.shape[1:3]) for array in inputs.values() if array.ndim == 4)
    return rows.pop(), max(given, servable.pixels), (servable, signature.name, kinds)


def _run(batch: Sequence[Waiting], metrics: Metrics) -> list[Outputs]:
    """Return the outputs of each request; runs in a thread."""
    first = batch[0]
    outputs = _together(batch) if len(batch) > 1 else [first.servable.call(first.signature, first.inputs)]
    metrics.batch(first.servable.model, first.signature.name, len(batch), sum(waiting.rows for waiting in batch))
    return outputs


def _together(batch: Sequence[Waiting]) -> list[Outputs]:
    first = batch[0]
    inputs = {name: np.concatenate([waiting.inputs[name] for waiting in batch]) for name in first.inputs}
    outputs = first.servable.call(first.signature, inputs)
    ends = np.cumsum([waiting.rows for waiting in batch])
    if any(len(output) != ends[-1] for output in outputs.values()):
        raise ValueError("an output has another number of rows than the inputs")
    parts = {name: np.split(output, ends[:-1]) for name, output in outputs.items()}
    return [{name: part[i] for name, part in parts.items()} for i in range(len(batch))]
