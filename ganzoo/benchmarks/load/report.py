"""What was measured of a server, for people and for machines."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from ganzoo.serving.client.retries import one_line
from ganzoo.training.contest import speed, table


@dataclasses.dataclass(frozen=True)
class Failure:
    """Requests that were not answered as they should be.

    Attributes:
      kind: gRPC's code, HTTP's status, or what happened to the connection.
      count: how many.
      example: what the first of them said.
    """

    kind: str
    count: int
    example: str


@dataclasses.dataclass(frozen=True)
class Traffic:
    """What closed-loop clients saw.

    Attributes:
      clients: how many asked, each one request at a time.
      request_rows: images, or points, of a request.
      seconds: from the first request to the last answer.
      answered: requests that were.
      p50_ms, p95_ms, p99_ms, max_ms: of their waiting times.
      failures: of the others.
      cpu_seconds: of the clients' process.
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
        """Those that were answered."""
        return self.answered / self.seconds

    @property
    def images_per_second(self) -> float:
        """Or points."""
        return self.requests_per_second * self.request_rows

    def to_dict(self) -> dict[str, Any]:
        """For machines."""
        speeds = {"requests_per_second": self.requests_per_second, "images_per_second": self.images_per_second}
        return {**dataclasses.asdict(self), **speeds}


@dataclasses.dataclass(frozen=True)
class Direct:
    """What the SavedModel does without a server, one call after another.

    Attributes:
      rows: of a call.
      calls: how many were made.
      seconds: that they took.
      call_ms: the median of a call.
      cpu_seconds: of its process.
    """

    rows: int
    calls: int
    seconds: float
    call_ms: float
    cpu_seconds: float

    @property
    def images_per_second(self) -> float:
        """Or points."""
        return self.rows * self.calls / self.seconds

    def to_dict(self) -> dict[str, Any]:
        """For machines."""
        return {**dataclasses.asdict(self), "images_per_second": self.images_per_second}


@dataclasses.dataclass(frozen=True)
class Load:
    """A server under load. What only a server of this machine tells is None, or empty, for another.

    Attributes:
      model: as the server calls it.
      api: `grpc` or `rest`.
      server: its address; None for one that was started for this.
      server_flags: of that one.
      unit: what a row of an answer is: `images` or `points`.
      cpu, cores: where the clients ran; the cores are logical CPUs that may be used.
      made_with: library -> version.
      load: what the clients saw.
      alone: one client by itself, before and after.
      direct: the SavedModel without a server, before and after, in batches as large as the server's.
      rows_a_call: of the server under load, the mean.
      memory_mib: resident memory of the server under load, second by second.
      server_cpu_seconds: that it used under load.
      largest_difference: between the last answers of all clients and the SavedModel's own: grey levels of images.
    """

    model: str
    api: str
    server: str | None
    server_flags: list[str]
    unit: str
    cpu: str
    cores: int
    made_with: dict[str, str]
    load: Traffic
    alone: list[Traffic]
    direct: list[Direct]
    rows_a_call: float | None
    memory_mib: list[float]
    server_cpu_seconds: float | None
    largest_difference: float | None

    @property
    def ratio_to_alone(self) -> float:
        """How many times as much the clients get together as one by itself."""
        return self.load.images_per_second / statistics.median(turn.images_per_second for turn in self.alone)

    @property
    def ratio_to_direct(self) -> float | None:
        """Which part of the SavedModel's own speed the clients get."""
        if not self.direct:
            return None
        return self.load.images_per_second / statistics.median(turn.images_per_second for turn in self.direct)

    @property
    def memory_growth_percent(self) -> float | None:
        """See `growth`."""
        return growth(self.memory_mib)

    def to_dict(self) -> dict[str, Any]:
        """For machines: the figures that are asked for first, and everything that was measured."""
        load = self.load.to_dict()
        first = ("requests_per_second", "images_per_second", "p50_ms", "p95_ms", "p99_ms", "max_ms")
        return {
            **dataclasses.asdict(self),
            "load": load,
            "alone": [turn.to_dict() for turn in self.alone],
            "direct": [turn.to_dict() for turn in self.direct],
            **{name: load[name] for name in first},
            "errors": sum(failure.count for failure in self.load.failures),
            "ratio_to_alone": self.ratio_to_alone,
            "ratio_to_direct": self.ratio_to_direct,
            "memory_growth_percent": self.memory_growth_percent,
        }

    def describe(self) -> str:
        """For people, in Markdown."""
        load = self.load
        at = f" at {self.server}" if self.server else f", ganzoo serve {' '.join(self.server_flags)}".rstrip()
        what = (
            f"{self.model} over {'gRPC' if self.api == 'grpc' else 'REST'}{at}: {load.clients} clients for "
            f"{load.seconds:.1f} s, {load.request_rows} {self.unit} a request"
        )
        where = ", ".join(
            [f"{self.cpu} ({self.cores} cores)", *(f"{name} {version}" for name, version in self.made_with.items())]
        )
        return "\n\n".join([what, where, self._speeds(), *self._ratios(), self._remarks()])

    def _speeds(self) -> str:
        rows: list[tuple[str, ...]] = [
            (
                f"the SavedModel itself, {turn.rows} a call",
                speed(turn.images_per_second),
                f"{turn.calls / turn.seconds:.1f}",
                f"{turn.call_ms:.1f}",
                *("–",) * 3,
            )
            for turn in self.direct
        ]
        rows += [
            (
                _clients(turn.clients),
                speed(turn.images_per_second),
                f"{turn.requests_per_second:.1f}",
                *(f"{ms:.1f}" for ms in (turn.p50_ms, turn.p95_ms, turn.p99_ms, turn.max_ms)),
            )
            for turn in (*self.alone, self.load)
        ]
        return table(("", f"{self.unit}/s", "calls/s", "median, ms", "p95", "p99", "longest"), rows)

    def _ratios(self) -> list[str]:
        pairs: list[tuple[str, float, Sequence[Traffic | Direct]]] = []
        if self.ratio_to_direct is not None:
            pairs.append(("the SavedModel itself", self.ratio_to_direct, self.direct))
        pairs.append((_clients(1), self.ratio_to_alone, self.alone))
        rows = []
        for under, ratio, turns in pairs:
            each = [self.load.images_per_second / turn.images_per_second for turn in turns]
            rows.append(
                (f"{_clients(self.load.clients)} / {under}", f"{ratio:.3f}", ", ".join(f"{part:.3f}" for part in each))
            )
        return [table((f"ratio of {self.unit}/s", "median", "before, after"), rows)]

    def _remarks(self) -> str:
        load = self.load
        failures = "; ".join(f"{f.count} {f.kind} ({f.example})" for f in load.failures)
        remarks = [f"errors: {failures or 'none'}", f"p99 / median: {load.p99_ms / load.p50_ms:.2f}"]
        if self.largest_difference is not None:
            apart = f"{self.largest_difference:g} apart at most"
            remarks.append(f"the last answer of each client against the SavedModel's own: {apart}")
        if self.rows_a_call is not None:
            remarks.append(f"{self.unit} a call of the server: {self.rows_a_call:.1f} on average")
        if self.memory_growth_percent is not None:
            remarks.append(
                f"the server's memory: {self.memory_mib[0]:.0f} to {max(self.memory_mib):.0f} MiB, "
                f"{self.memory_growth_percent:+.1f}% in the last two thirds of the time"
            )
        used = {"clients": load.cpu_seconds}
        if self.server_cpu_seconds is not None:
            used["server"] = self.server_cpu_seconds
        told = ", ".join(f"{name} {seconds:.1f}" for name, seconds in used.items())
        remarks.append(f"CPU seconds, of {self.cores * load.seconds:.0f} on {self.cores} cores: {told}")
        each = {name: seconds / (load.answered * load.request_rows) for name, seconds in used.items()}
        if self.direct:
            each["the SavedModel itself"] = statistics.median(d.cpu_seconds / (d.rows * d.calls) for d in self.direct)
        told = ", ".join(f"{name} {1000.0 * seconds:.3f}" for name, seconds in each.items())
        remarks.append(f"CPU milliseconds for each of the {self.unit}: {told}")
        return "\n".join(f"- {remark}" for remark in remarks)


def traffic(clients: int, request_rows: int, told: dict[str, Any]) -> Traffic:
    """Figures of what the clients' process told.

    Args:
      told: `seconds`, `latencies` (seconds; at least one), `failures` (kind -> how many, the first) and `cpu_seconds`.
    """
    p50, p95, p99, longest = 1000.0 * np.percentile(told["latencies"], [50, 95, 99, 100])
    return Traffic(
        clients=clients,
        request_rows=request_rows,
        seconds=told["seconds"],
        answered=len(told["latencies"]),
        p50_ms=float(p50),
        p95_ms=float(p95),
        p99_ms=float(p99),
        max_ms=float(longest),
        failures=failures(told),
        cpu_seconds=told["cpu_seconds"],
    )


def failures(told: dict[str, Any]) -> list[Failure]:
    """Those of what the clients' process told, the most frequent first."""
    found = [Failure(kind, count, one_line(example)) for kind, (count, example) in told["failures"].items()]
    return sorted(found, key=lambda failure: -failure.count)


def growth(memory: Sequence[float]) -> float | None:
    """By how many percent the last two thirds of the samples go beyond their first; None where there are too few."""
    last = memory[len(memory) // 3 :]
    return 100.0 * (max(last) / last[0] - 1.0) if len(last) > 1 else None


def _clients(count: int) -> str:
    return "1 client" if count == 1 else f"{count} clients"
