"""Run a load test: warm-up, SavedModel and one client, the load, SavedModel and one client again."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ganzoo.benchmarks.load.clients import run_clients
from ganzoo.benchmarks.load.direct import SIGNATURE, run_direct
from ganzoo.benchmarks.load.local import LocalServer, local_server
from ganzoo.benchmarks.load.report import Load
from ganzoo.benchmarks.load.traffic import Traffic, traffic
from ganzoo.benchmarks.processes import run_apart, usage_of
from ganzoo.core import hardware
from ganzoo.errors import ServerError
from ganzoo.models import rows
from ganzoo.serving.client.client import Client
from ganzoo.serving.client.transport import GRPC, api_of, transport
from ganzoo.training.contest import speed
from ganzoo.training.progress import note_unless

WARM_SECONDS = 3.0
TURN_SECONDS = 8.0  # per turn of SavedModel or one client; at most a quarter of the load's duration
LIBRARIES = {"TensorFlow": "tensorflow", "gRPC": "grpcio"}


def measure(
    model: str,
    *,
    export: Path | None = None,
    server: str | None = None,
    api: str = GRPC,
    clients: int = 64,
    seconds: float = 60.0,
    request_rows: int = 16,
    server_flags: Sequence[str] = (),
    quiet: bool = False,
) -> Load:
    """Run a closed-loop load test: each client sends a request, waits for the answer, and sends the next.

    Args:
      model: Name of the model on the server.
      export: Directory `BASE/NAME/VERSION`; BASE is served on this machine during the test.
      server: Address of a running server, instead of an export.
      api: `grpc` or `rest`; for a running server, its address decides.
      clients: Number of concurrent clients.
      seconds: Duration of the load.
      request_rows: Images or points per request.
      server_flags: Flags of `ganzoo serve`, for an export.
      quiet: Whether to print no progress.

    Raises:
      UsageError: As `transport.api_of`; a model that does not draw, or a missing package.
      ServerError: No such server or model, no answer, or a wrong answer.
      GanzooError: One of the processes failed; one line.
    """
    note = note_unless(quiet)
    turn = min(TURN_SECONDS, seconds / 4)
    alone: list[Traffic] = []
    direct: list[Traffic] = []
    with contextlib.ExitStack() as stack:
        own: LocalServer | None = None
        if server is None:
            assert export is not None
            note(f"{model}: starting ganzoo serve")
            own = stack.enter_context(local_server(export.parent.parent, server_flags))
        address = own.addresses[api] if own else str(server)
        requests = _Requests(model, address, clients, request_rows)

        def send(count: int, seconds: float) -> tuple[Traffic, float | None]:
            """Return the traffic of `count` clients, and the mean rows of the server's calls, if known."""
            before = own.calls(model) if own else (0, 0)
            sent = requests.send(count, seconds)
            note(f"{model}: {sent.name} {speed(sent.images_per_second)} {requests.unit}/s")
            calls, ran = (now - then for now, then in zip(own.calls(model) if own else (0, 0), before, strict=True))
            return sent, ran / calls if calls else None

        def compare(rows_a_call: float | None) -> None:
            if export is not None and rows_a_call is not None:
                direct.append(requests.run_directly(export, rows_a_call, turn))
                note(f"{model}: {direct[-1].name} {speed(direct[-1].images_per_second)} {requests.unit}/s")
            alone.append(send(1, turn)[0])

        compare(send(clients, min(WARM_SECONDS, seconds))[1])
        with usage_of(own.pid if own else None) as usage:
            load, rows_a_call = send(clients, seconds)
        largest_difference = requests.check_answers()
        compare(rows_a_call)
    return Load(
        model=model,
        api=api_of(address),
        server=server,
        server_flags=list(server_flags),
        unit=requests.unit,
        cpu=hardware.cpu_name(),
        cores=hardware.cores(),
        made_with={name: version(package) for name, package in LIBRARIES.items()},
        load=load,
        alone=alone,
        direct=direct,
        rows_a_call=rows_a_call,
        memory_mib=usage.memory_mib,
        server_cpu_seconds=usage.cpu_seconds,
        largest_difference=largest_difference,
    )


class _Requests:
    """Requests of all clients, and their answers; the arguments are those of `measure`.

    Attributes:
      unit: Name of the output: `images` or `points`.
    """

    def __init__(self, model: str, address: str, clients: int, request_rows: int) -> None:
        self._model, self._address, self._rows = model, address, request_rows
        with Client(address, model) as client:
            self._signature, classes = client.signature(SIGNATURE), client.classes
        (self.unit,) = self._signature.outputs
        labels = [(np.arange(request_rows) + number) % classes if classes else None for number in range(clients)]
        # A client's index is its seed and its first class.
        inputs = [rows.drawing(model, classes, request_rows, given, seed) for seed, given in enumerate(labels)]
        self._inputs = {name: np.concatenate([given[name] for given in inputs]) for name in inputs[0]}
        self._transport = transport(address, model)
        self._requests = [self._transport.encode(self._signature, given) for given in inputs]
        self._answers: list[bytes] = []
        self._outputs: np.ndarray | None = None

    def send(self, clients: int, seconds: float) -> Traffic:
        """Run the clients and return their traffic.

        Raises:
          ServerError: No request was answered.
        """
        given = (self._address, self._model, self._requests[:clients], self._rows, seconds)
        seen = run_apart("clients", run_clients, *given)
        result, self._answers = traffic(clients, self._rows, seen), seen.answers
        if not result.answered:
            first = result.failures[0]
            raise ServerError(f"{self._address}: no request is answered ({first.kind}: {first.example})")
        return result

    def run_directly(self, export: Path, rows_a_call: float, seconds: float) -> Traffic:
        """Call the SavedModel without a server in batches of `rows_a_call` rows, rounded to whole requests."""
        batch = self._rows * max(1, round(rows_a_call / self._rows))
        given = (export, self._inputs, batch, self._rows, seconds)
        seen, self._outputs = run_apart("SavedModel", run_direct, *given)
        return traffic(0, batch, seen)

    def check_answers(self) -> float | None:
        """Return the largest difference of the clients' last answers from the SavedModel's outputs, if known.

        Raises:
          ServerError: An answer is wrong.
        """
        differences = [0.0]
        for number, content in enumerate(self._answers):
            if not content:  # all requests of the client failed
                continue
            own = slice(number * self._rows, (number + 1) * self._rows)
            expected = None if self._outputs is None else self._outputs[own]
            try:
                answer = self._transport.decode(content, self._signature)[self.unit]
                differences.append(difference(answer, self._rows, expected))
            except ValueError as error:
                raise ServerError(f"{self._address}: {self._model}: answer to client {number}: {error}") from None
        return None if self._outputs is None else max(differences)


def difference(answer: np.ndarray, rows: int, expected: np.ndarray | None) -> float:
    """Return the largest difference between an answer and the SavedModel's output for the same inputs.

    Args:
      answer: Output of the server.
      rows: Number of rows of the request.
      expected: Output of the SavedModel; None if not known, which gives 0.

    Raises:
      ValueError: The answer has another form, or differs by more than rounding: batches of other sizes differ by one
        grey level, or in the last digits of a float32.
    """
    if answer.ndim == 0 or len(answer) != rows:
        raise ValueError(f"expected {rows} rows, got shape {list(answer.shape)}")
    if expected is None:
        return 0.0
    if answer.shape != expected.shape or answer.dtype != expected.dtype:
        form = f"{expected.dtype} {list(expected.shape)}"
        raise ValueError(f"expected {form}, got {answer.dtype} {list(answer.shape)}")
    apart = float(np.abs(answer.astype(np.float64) - expected).max())
    if not apart <= (1.0 if expected.dtype.kind == "u" else 1e-4 * max(1.0, float(np.abs(expected).max()))):
        raise ValueError(f"differs from the SavedModel's own output by {apart:g}")
    return apart
