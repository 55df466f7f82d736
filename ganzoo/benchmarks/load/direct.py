"""Calls of the SavedModel without a server, one at a time; TensorFlow uses all cores inside a call."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ganzoo.benchmarks.load.traffic import Seen

SIGNATURE = "generate"
WARM_CALLS = 3


def run_direct(
    export: Path, inputs: Mapping[str, np.ndarray], rows: int, request_rows: int, seconds: float
) -> tuple[Seen, np.ndarray]:
    """Call the signature repeatedly.

    Args:
      export: Directory of a version.
      inputs: Inputs of all requests by name, one request after another.
      rows: Rows of a call.
      request_rows: Rows of a request.
      seconds: Time after which no call starts.

    Returns:
      The calls, and the outputs for all inputs, in calls of one request each.
    """
    import tensorflow as tf

    loaded = tf.saved_model.load(str(export), tags=[tf.saved_model.SERVING])  # its functions do not hold its variables
    total = len(next(iter(inputs.values())))

    def generate(start: int, count: int) -> np.ndarray:
        batch = {name: tf.constant(values[start : start + count]) for name, values in inputs.items()}
        return next(iter(loaded.signatures[SIGNATURE](**batch).values())).numpy()

    for _ in range(WARM_CALLS):
        generate(0, rows)
    seen = Seen()
    now = began = time.perf_counter()
    cpu_began = time.process_time()
    while now - began < seconds:
        generate(len(seen.latencies) % (total // rows) * rows, rows)
        seen.latencies.append(time.perf_counter() - now)
        now += seen.latencies[-1]
    seen.seconds, seen.cpu_seconds = now - began, time.process_time() - cpu_began
    return seen, np.concatenate([generate(start, request_rows) for start in range(0, total, request_rows)])
