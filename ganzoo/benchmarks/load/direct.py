"""The SavedModel without a server, which the server is held against: `python -m ganzoo.benchmarks.load.direct JSON`.

TensorFlow uses all cores inside a call, and one call runs at a time. Arrays go in and come out, as in the server.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo.benchmarks.load.messages import SIGNATURE

WARM_CALLS = 3


def main() -> None:
    """Calls as the command line says, and prints how long it took.

    Given are `export` (a version's directory), `requests` (an .npz of the inputs of all clients, one client after
    another), `request_rows`, `rows` (of a call), `seconds` and `outputs`, a .npy file to write: what each request has
    for an answer.
    """
    given = json.loads(sys.argv[1])
    with np.load(given["requests"]) as stored:
        inputs = dict(stored)
    generate = Generate(Path(given["export"]))
    batches = _cut(inputs, given["rows"])
    for _ in range(WARM_CALLS):
        generate(batches[0])
    calls: list[float] = []
    began, cpu_began = time.perf_counter(), time.process_time()
    now = began
    while now - began < given["seconds"]:
        generate(batches[len(calls) % len(batches)])
        after = time.perf_counter()
        calls.append(after - now)
        now = after
    cpu_seconds = time.process_time() - cpu_began
    outputs = [generate(batch) for batch in _cut(inputs, given["request_rows"])]
    np.save(given["outputs"], np.concatenate(outputs))
    done = {"rows": given["rows"], "calls": len(calls), "call_ms": 1000.0 * float(np.median(calls))}
    print(json.dumps({**done, "seconds": now - began, "cpu_seconds": cpu_seconds}))


class Generate:
    """The signature of an export; the loaded object has to be kept, as its functions do not hold the variables."""

    def __init__(self, directory: Path) -> None:
        self._loaded = tf.saved_model.load(str(directory), tags=[tf.saved_model.SERVING])
        self._run = self._loaded.signatures[SIGNATURE]

    def __call__(self, inputs: dict[str, np.ndarray]) -> Any:
        (output,) = self._run(**{name: tf.constant(values) for name, values in inputs.items()}).values()
        return output.numpy()


def _cut(inputs: dict[str, np.ndarray], rows: int) -> list[dict[str, np.ndarray]]:
    """As many batches of so many rows as there are."""
    total = len(next(iter(inputs.values())))
    starts = range(0, total - rows + 1, rows)
    return [{name: values[start : start + rows] for name, values in inputs.items()} for start in starts]


if __name__ == "__main__":
    main()
