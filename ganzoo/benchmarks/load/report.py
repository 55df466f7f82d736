"""Result of a load test, as Markdown and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ganzoo.benchmarks.load.traffic import Traffic
from ganzoo.training.contest import speed, table


@dataclass(frozen=True)
class Load:
    """Result of a load test. Figures that need a local server are None or empty for another one.

    Attributes:
      model: Name of the model on the server.
      api: `grpc` or `rest`.
      server: Address of the server; None if it was started for the test.
      server_flags: Flags of a server started for the test.
      unit: Rows of an answer: `images` or `points`.
      cpu, cores: CPU of the clients, and number of usable logical CPUs.
      made_with: Library -> version.
      load: Traffic of the clients.
      alone: Traffic of one client, before and after the load.
      direct: Calls of the SavedModel without a server, before and after the load, in the server's batch size.
      rows_a_call: Mean rows of the server's calls under load.
      memory_mib: Resident memory of the server under load, second by second.
      server_cpu_seconds: CPU time of the server under load.
      largest_difference: Largest difference of the clients' last answers from the SavedModel's outputs (images: grey
        levels).
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
    direct: list[Traffic]
    rows_a_call: float | None
    memory_mib: list[float]
    server_cpu_seconds: float | None
    largest_difference: float | None

    @property
    def ratio_to_alone(self) -> float | None:
        """Throughput of all clients, divided by that of one client."""
        return self._ratio(self.alone)

    @property
    def ratio_to_direct(self) -> float | None:
        """Throughput of all clients, divided by that of the SavedModel without a server."""
        return self._ratio(self.direct)

    @property
    def memory_growth_percent(self) -> float | None:
        """See `growth`."""
        return growth(self.memory_mib)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON: the main figures by name, and all measurements."""
        load = self.load.to_dict()
        first = ("requests_per_second", "images_per_second", "p50_ms", "p95_ms", "p99_ms", "max_ms")
        return {
            **asdict(self),
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
        """Markdown."""
        load, api = self.load, {"grpc": "gRPC", "rest": "REST"}[self.api]
        at = f" at {self.server}" if self.server else f", ganzoo serve {' '.join(self.server_flags)}".rstrip()
        rows = f"{load.request_rows} {self.unit} per request"
        what = f"{self.model} over {api}{at}: {load.name} for {load.seconds:.1f} s, {rows}"
        libraries = [f"{name} {version}" for name, version in self.made_with.items()]
        where = ", ".join([f"{self.cpu} ({self.cores} cores)", *libraries])
        remarks = "\n".join(f"- {remark}" for remark in self._remarks())
        return "\n\n".join([what, where, self._speeds(), self._ratios(), remarks])

    def _ratio(self, turns: Sequence[Traffic]) -> float | None:
        speeds = [turn.images_per_second for turn in turns]
        return self.load.images_per_second / statistics.median(speeds) if speeds else None

    def _speeds(self) -> str:
        rows = []
        for turn in (*self.direct, *self.alone, self.load):
            latencies = [f"{ms:.1f}" for ms in (turn.p50_ms, turn.p95_ms, turn.p99_ms, turn.max_ms)]
            rows.append((turn.name, speed(turn.images_per_second), f"{turn.requests_per_second:.1f}", *latencies))
        return table(("", f"{self.unit}/s", "calls/s", "p50, ms", "p95", "p99", "max"), rows)

    def _ratios(self) -> str:
        rows = []
        for name, turns in (("SavedModel", self.direct), ("1 client", self.alone)):
            ratio = self._ratio(turns)
            if ratio is not None:
                each = ", ".join(f"{self._ratio([turn]):.3f}" for turn in turns)
                rows.append((f"{self.load.name} / {name}", f"{ratio:.3f}", each))
        return table((f"ratio of {self.unit}/s", "median", "before, after"), rows)

    def _remarks(self) -> list[str]:
        load = self.load
        failures = "; ".join(f"{f.count} {f.kind} ({f.example})" for f in load.failures)
        remarks = [f"errors: {failures or 'none'}", f"p99 / p50: {load.p99_ms / load.p50_ms:.2f}"]
        if self.largest_difference is not None:
            remarks.append(f"largest difference of an answer from the SavedModel's output: {self.largest_difference:g}")
        if self.rows_a_call is not None:
            remarks.append(f"mean batch of the server: {self.rows_a_call:.1f} {self.unit}")
        if self.memory_growth_percent is not None:
            remarks.append(
                f"memory of the server: {self.memory_mib[0]:.0f} to {max(self.memory_mib):.0f} MiB, "
                f"{self.memory_growth_percent:+.1f}% in the last two thirds of the time"
            )
        used, each = {"clients": load.cpu_seconds}, {"clients": load.cpu_ms_per_row}
        if self.server_cpu_seconds is not None:
            used["server"] = self.server_cpu_seconds
            each["server"] = 1000.0 * self.server_cpu_seconds / (load.answered * load.request_rows)
        if self.direct:
            each["SavedModel"] = statistics.median(turn.cpu_ms_per_row for turn in self.direct)
        listed = ", ".join(f"{name} {seconds:.1f}" for name, seconds in used.items())
        remarks.append(f"CPU seconds, of {self.cores * load.seconds:.0f} on {self.cores} cores: {listed}")
        listed = ", ".join(f"{name} {ms:.3f}" for name, ms in each.items())
        remarks.append(f"CPU milliseconds per {self.unit.removesuffix('s')}: {listed}")
        return remarks


def growth(memory: Sequence[float]) -> float | None:
    """Return the growth in percent of the last two thirds of the samples over their first; None for too few."""
    last = memory[len(memory) // 3 :]
    return 100.0 * (max(last) / last[0] - 1.0) if len(last) > 1 else None
