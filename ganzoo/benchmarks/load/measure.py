"""The order of a measurement: a short load; then no server, one client; the load; and the two before it again."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from ganzoo import hardware
from ganzoo.benchmarks.load import messages, report
from ganzoo.benchmarks.load.local import LocalServer, local_server
from ganzoo.benchmarks.load.messages import GRPC, SIGNATURE
from ganzoo.benchmarks.load.processes import told, watched
from ganzoo.errors import ServerError
from ganzoo.models import rows
from ganzoo.serving.client.client import Client
from ganzoo.training.contest import speed
from ganzoo.training.progress import note_unless

WARM_SECONDS = 3.0
TURN_SECONDS = 8.0  # without a server, and of one client, each time; a quarter of the load's if that is less
LIBRARIES = {"TensorFlow": "tensorflow", "gRPC": "grpcio"}

REQUESTS, ANSWERS, INPUTS, OUTPUTS = "requests", "answers", "inputs.npz", "outputs.npy"  # in the scratch folder


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
) -> report.Load:
    """Loads a server with closed-loop clients: each asks, waits for the answer, and asks again.

    Args:
      model: the server's name of it.
      export: BASE/NAME/VERSION: BASE is served on this machine, by a process that ends with the measurement.
      server: the address of a server, where there is no export.
      api: `grpc` or `rest`; a server's address says it by itself.
      clients: that ask at the same time.
      seconds: of the load.
      request_rows: images, or points, of each request.
      server_flags: of `ganzoo serve`, for an export.
      quiet: tell nothing on the way.

    Raises:
      UsageError: as `messages.api_of`; a model that does not draw, or a package is missing.
      ServerError: no such server or model, nothing is answered, or an answer is wrong.
      GanzooError: one of the processes failed; one line.
    """
    note = note_unless(quiet)
    alone: list[report.Traffic] = []
    direct: list[report.Direct] = []
    turn = min(TURN_SECONDS, seconds / 4)
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        own: LocalServer | None = None
        if server is None:
            assert export is not None
            note(f"{model}: starting ganzoo serve")
            own = stack.enter_context(local_server(export.parent.parent, server_flags, scratch))
            address = own.addresses[api]
        else:
            address, api = server, messages.api_of(server)
        asking = _Asking(model, address, api, clients, request_rows, own, scratch)

        def compare(rows_a_call: float | None) -> None:
            if export is not None and rows_a_call is not None:
                direct.append(asking.directly(export, rows_a_call, turn))
                note(f"{model}: the SavedModel itself {speed(direct[-1].images_per_second)} {asking.unit}/s")
            alone.append(asking.ask(1, turn)[0])
            note(f"{model}: 1 client {speed(alone[-1].images_per_second)} {asking.unit}/s")

        compare(asking.ask(clients, min(WARM_SECONDS, seconds))[1])
        with watched(own.pid if own else None) as taken:
            load, rows_a_call = asking.ask(clients, seconds)
        note(f"{model}: {clients} clients {speed(load.images_per_second)} {asking.unit}/s")
        largest_difference = asking.check_answers()
        compare(rows_a_call)
    return report.Load(
        model=model,
        api=api,
        server=server,
        server_flags=list(server_flags),
        unit=asking.unit,
        cpu=hardware.cpu_name(),
        cores=hardware.cores(),
        made_with={name: version(package) for name, package in LIBRARIES.items()},
        load=load,
        alone=alone,
        direct=direct,
        rows_a_call=rows_a_call,
        memory_mib=taken.memory_mib,
        server_cpu_seconds=taken.cpu_seconds,
        largest_difference=largest_difference,
    )


class _Asking:
    """The requests of all clients, and what becomes of them.

    Args:
      own: the server, if it was started for this.
      scratch: a folder for requests and answers.
      Others: as `measure`.

    Attributes:
      unit: the output's name: `images` or `points`.
    """

    def __init__(
        self,
        model: str,
        address: str,
        api: str,
        clients: int,
        request_rows: int,
        own: LocalServer | None,
        scratch: Path,
    ) -> None:
        self._model, self._address, self._api, self._clients = model, address, api, clients
        self._rows, self._own, self._scratch = request_rows, own, scratch
        with Client(address, model) as client:
            (self.unit, output), classes = next(iter(client.signature(SIGNATURE).outputs.items())), client.classes
        self._dtype = output.dtype
        requests = [_inputs(model, classes, request_rows, number) for number in range(clients)]
        for folder in (REQUESTS, ANSWERS):
            (scratch / folder).mkdir()
        for number, inputs in enumerate(requests):
            (scratch / REQUESTS / str(number)).write_bytes(messages.request(api, model, inputs))
        columns = {name: np.concatenate([inputs[name] for inputs in requests]) for name in requests[0]}
        np.savez(scratch / INPUTS, allow_pickle=False, **columns)

    def ask(self, clients: int, seconds: float) -> tuple[report.Traffic, float | None]:
        """What so many clients see, and how many rows the server's calls had on average.

        Raises:
          ServerError: nothing was answered.
        """
        before = self._own.calls(self._model) if self._own else None
        seen = told(
            "clients",
            self._scratch,
            "ganzoo.benchmarks.load.clients",
            {
                "api": self._api,
                "address": urlsplit(self._address).netloc,
                "model": self._model,
                "requests": str(self._scratch / REQUESTS),
                "answers": str(self._scratch / ANSWERS),
                "rows": self._rows,
                "clients": clients,
                "seconds": seconds,
            },
        )
        if not seen["latencies"]:
            first = report.failures(seen)[0]
            raise ServerError(f"{self._address}: no request is answered ({first.kind}: {first.example})")
        mean = None
        if self._own and before:
            calls, ran = (now - then for now, then in zip(self._own.calls(self._model), before, strict=True))
            mean = ran / calls if calls else None
        return report.traffic(clients, self._rows, seen), mean

    def directly(self, export: Path, rows_a_call: float, seconds: float) -> report.Direct:
        """What the SavedModel does without a server in batches of that size, rounded to whole requests."""
        done = told(
            "the SavedModel itself",
            self._scratch,
            "ganzoo.benchmarks.load.direct",
            {
                "export": str(export),
                "requests": str(self._scratch / INPUTS),
                "request_rows": self._rows,
                "rows": self._rows * max(1, round(rows_a_call / self._rows)),
                "seconds": seconds,
                "outputs": str(self._scratch / OUTPUTS),
            },
        )
        return report.Direct(**done)

    def check_answers(self) -> float | None:
        """Looks at the last answer of each client; gives how far it is from the SavedModel's own, where that is known.

        Raises:
          ServerError: one is not what was asked for.
        """
        outputs = self._scratch / OUTPUTS
        expected = np.load(outputs) if outputs.exists() else None
        differences = [0.0]
        for number in range(self._clients):
            content = (self._scratch / ANSWERS / str(number)).read_bytes()
            if not content:  # a client whose requests all failed
                continue
            own = None if expected is None else expected[number * self._rows : (number + 1) * self._rows]
            try:
                answer = messages.answer(self._api, content, self.unit, self._dtype)
                differences.append(messages.difference(answer, self._rows, own))
            except ValueError as error:
                raise ServerError(f"{self._address}: {self._model}: the answer to client {number}: {error}") from None
        return None if expected is None else max(differences)


def _inputs(model: str, classes: int, request_rows: int, client: int) -> dict[str, np.ndarray]:
    """What a client asks for: with its number as the seed, and with the class of that number first."""
    labels = (np.arange(request_rows) + client) % classes if classes else None
    return rows.drawing(model, classes, request_rows, labels, seed=client)
