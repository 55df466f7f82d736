"""Figures of requests of clients, or calls of the SavedModel."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ganzoo.serving.client.retries import one_line


@dataclass
class Seen:
    """Requests as the clients measured them.

    Attributes:
      seconds: Time from the first request to the last answer.
      cpu_seconds: CPU time of the process.
      latencies: Latency of each answered request, in seconds.
      failures: Kind -> number of failures, and the message of the first one.
      answers: Last answer of each client; empty if all of its requests failed.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: dict[str, tuple[int, str]] = field(default_factory=dict)
    answers: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Failure:
    """Failed requests of one kind.

    Attributes:
      kind: gRPC code, HTTP status, or connection error.
      count: Number of requests.
      example: Message of the first one.
    """

    kind: str
    count: int
    example: str


@dataclass(frozen=True)
class Traffic:
    """Figures of one turn.

    Attributes:
      clients: Number of concurrent clients, each with one request at a time; 0 for calls of the bare SavedModel.
      request_rows: Images or points per request.
      seconds: Time from the first request to the last answer.
      answered: Number of answered requests.
      p50_ms, p95_ms, p99_ms, max_ms: Latency of answered requests, in milliseconds.
      failures: Failed requests, the most frequent kind first.
      cpu_seconds: CPU time of the process.
    """

    clients: int
    request_rows: int
    seconds: float
    answered: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    failures: list[Failure]
    cpu_seconds: float

    @property
    def requests_per_second(self) -> float:
        """Answered requests per second."""
        return self.answered / self.seconds

    @property
    def images_per_second(self) -> float:
        """Images or points per second."""
        return self.requests_per_second * self.request_rows

    @property
    def cpu_ms_per_row(self) -> float:
        """CPU time per image or point, in milliseconds."""
        return 1000.0 * self.cpu_seconds / (self.answered * self.request_rows)

    @property
    def name(self) -> str:
        """Name in tables."""
        names = {0: f"SavedModel, batches of {self.request_rows}", 1: "1 client"}
        return names.get(self.clients, f"{self.clients} clients")

    def to_dict(self) -> dict[str, Any]:
        """JSON."""
        rates = {"requests_per_second": self.requests_per_second, "images_per_second": self.images_per_second}
        return {**asdict(self), **rates}


def traffic(clients: int, request_rows: int, seen: Seen) -> Traffic:
    """Compute the figures of requests; latencies are NaN if none was answered."""
    p50, p95, p99, longest = 1000.0 * np.percentile(seen.latencies or [np.nan], [50, 95, 99, 100])
    failures = [Failure(kind, count, one_line(example)) for kind, (count, example) in seen.failures.items()]
    return Traffic(
        clients=clients,
        request_rows=request_rows,
        seconds=seen.seconds,
        answered=len(seen.latencies),
        p50_ms=float(p50),
        p95_ms=float(p95),
        p99_ms=float(p99),
        max_ms=float(longest),
        failures=sorted(failures, key=lambda failure: -failure.count),
        cpu_seconds=seen.cpu_seconds,
    )
