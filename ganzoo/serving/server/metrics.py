"""Metrics for Prometheus."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ganzoo.serving.server.status import ServingError

_log = logging.getLogger(__name__)

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
POWERS = tuple(float(2**power) for power in range(11))


@dataclass
class Seen:
    """Labels of a request so far; only existing models and signatures become labels, to keep them few."""

    api: str
    model: str = ""
    signature: str = ""


class Metrics:
    """Metrics of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        labels = ["model", "signature"]
        self._requests = Counter(
            "ganzoo_requests", "Predict requests by outcome.", ["api", *labels, "code"], registry=self._registry
        )
        self._seconds = Histogram(
            "ganzoo_request_seconds",
            "Latency of predict requests, in seconds.",
            ["api", *labels],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._batch_rows = Histogram(
            "ganzoo_batch_rows", "Rows per batch.", labels, buckets=POWERS, registry=self._registry
        )
        self._batch_requests = Histogram(
            "ganzoo_batch_requests", "Requests per batch.", labels, buckets=POWERS, registry=self._registry
        )
        self._queue_requests = Gauge("ganzoo_queue_requests", "Requests in the queue.", registry=self._registry)
        self._queue_rows = Gauge("ganzoo_queue_rows", "Rows in the queue.", registry=self._registry)
        self._calls = Gauge("ganzoo_running_calls", "Running calls of TensorFlow.", registry=self._registry)

    @contextmanager
    def request(self, api: str) -> Iterator[Seen]:
        """Count one request; a bug inside is logged and becomes an INTERNAL error."""
        seen, code, start = Seen(api), "CANCELLED", time.perf_counter()
        try:
            yield seen
            code = "OK"
        except ServingError as error:
            code = error.code
            raise
        except Exception as error:
            code = "INTERNAL"
            _log.exception("a request of %s (%s) failed", seen.model or "no model", api)
            raise ServingError(code, f"internal error: {type(error).__name__}") from error
        finally:
            self._requests.labels(api, seen.model, seen.signature, code).inc()
            self._seconds.labels(api, seen.model, seen.signature).observe(time.perf_counter() - start)

    def batch(self, model: str, signature: str, requests: int, rows: int) -> None:
        """Count one call."""
        self._batch_requests.labels(model, signature).observe(requests)
        self._batch_rows.labels(model, signature).observe(rows)

    def load(self, requests: int, rows: int, calls: int) -> None:
        """Set the length of the queue, and the number of running calls."""
        self._queue_requests.set(requests)
        self._queue_rows.set(rows)
        self._calls.set(calls)

    def page(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self._registry)
