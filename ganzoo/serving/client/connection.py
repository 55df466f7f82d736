"""Connection to a model on a server: its metadata, the version of a call, and calls split into requests."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np

from ganzoo.errors import ServerError, UsageError
from ganzoo.serving.client.metadata import Metadata, Signature
from ganzoo.serving.client.retries import AbsentError, Answer, AttemptError, Call, one_line
from ganzoo.serving.client.transport import transport

TIMEOUT = 120.0  # seconds
RETRIES = 5  # spread over about eight seconds
READY_SECONDS = 5.0
DTYPES = {"images": "uint8", "png_bytes": "string"}  # of outputs; of all others float32
VERSIONS = 3  # tried by one call, if each is unloaded during it


class Connection:
    """Base of `Client`, which documents it."""

    def __init__(
        self,
        address: str,
        model: str,
        *,
        version: int | None = None,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
        note: Callable[[str], None] = lambda line: None,
    ) -> None:
        _check(model, version, timeout, retries)
        self.address, self.name, self.version = address, model, version
        self._timeout, self._retries, self._note = timeout, retries, note
        self._transport = transport(address, model)
        self._closed = False
        self._known: Metadata | None = None
        self._known_classes: int | None = None

    def metadata(self) -> Metadata:
        """Return the current metadata of the model.

        Raises:
          UsageError: A closed client.
          ServerError: As `Client.generate`.
        """
        self._known_classes = None
        return self._newest(self._call())

    def ready(self) -> bool:
        """Return whether the model answers requests; wait at most five seconds, without retries.

        Raises:
          UsageError: A closed client.
          ServerError: The server refuses the request, or is not TensorFlow Serving.
        """
        self._check_open()
        try:
            self._transport.metadata(self.version, min(self._timeout, READY_SECONDS))
        except TimeoutError:
            return False
        except AttemptError as failure:
            if failure.passing or failure.absent:
                return False
            raise ServerError(failure.message) from None
        return True

    def signature(self, name: str) -> Signature:
        """Return inputs and outputs of a signature.

        Raises:
          UsageError: An unknown signature; the message names the known ones. A closed client.
          ServerError: As `Client.generate`.
        """
        return self._signature(name, self._call())

    def close(self) -> None:
        """End the connections to the server."""
        self._closed = True
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _call(self) -> Call:
        self._check_open()
        return Call(self.address, self.version, self._timeout, self._retries, self._note)

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError(f"{self.name}: the client of {self.address} is closed")

    def _by_one_version(self, work: Callable[[Call], Answer]) -> Answer:
        """Run a call, and again with the newest version if the one that `_pin` chose is unloaded."""
        call = self._call()
        for _ in range(VERSIONS - 1):
            try:
                return work(call)
            except AbsentError:
                if call.version == self.version:
                    raise
                call.version = self._newest(call).version
        return work(call)

    def _pin(self, call: Call) -> None:
        """Fix the version of all further requests of a call."""
        if call.version is None:
            call.version = self._newest(call).version

    def _newest(self, call: Call) -> Metadata:
        """Current metadata of the model."""
        newest = call.ask(lambda seconds: self._transport.metadata(self.version, seconds))
        if newest != self._known:
            self._known, self._known_classes = newest, None
        return newest

    def _metadata(self, call: Call) -> Metadata:
        return self._known or self._newest(call)

    def _signature(self, name: str, call: Call) -> Signature:
        known = self._metadata(call).signatures
        if name not in known:
            raise UsageError(f"{self.name}: has no signature '{name}' (it has: {one_line(', '.join(known)) or 'none'})")
        return known[name]

    def _predict(self, signature: Signature, inputs: Mapping[str, np.ndarray], call: Call) -> Mapping[str, np.ndarray]:
        return call.ask(lambda seconds: self._transport.predict(signature, inputs, call.version, seconds))

    def _in_parts(
        self, signature: Signature, inputs: Mapping[str, np.ndarray], rows_a_request: int, call: Call
    ) -> np.ndarray:
        """Return the only output of a signature for all rows, in as many requests as necessary."""
        self._check_export(signature, inputs)
        (output,) = signature.outputs
        parts = []
        total = len(next(iter(inputs.values())))
        if total > rows_a_request:
            self._pin(call)
        for start in range(0, total, rows_a_request):
            part = {name: values[start : start + rows_a_request] for name, values in inputs.items()}
            made = self._predict(signature, part, call)[output]
            expected = min(rows_a_request, total - start)
            if len(made) != expected:
                raise ServerError(f"{self.address}: {self.name}: expected {expected} rows, got {len(made)}")
            parts.append(made)
        return self._joined(np.concatenate, parts)

    def _check_export(self, signature: Signature, inputs: Mapping[str, np.ndarray]) -> None:
        """Refuse a signature with other inputs, or that has not one output of its dtype."""
        given = {name: "string" if values.dtype == object else values.dtype.name for name, values in inputs.items()}
        taken = {name: tensor.dtype for name, tensor in signature.inputs.items()}
        wrong = [name for name, tensor in signature.outputs.items() if tensor.dtype != DTYPES.get(name, "float32")]
        if given != taken or wrong or len(signature.outputs) != 1:
            raise self._no_export(signature)

    def _no_export(self, signature: Signature) -> UsageError:
        taken, made = (
            ", ".join(f"{name} {tensor.dtype} {list(tensor.shape)}" for name, tensor in tensors.items()) or "nothing"
            for tensors in (signature.inputs, signature.outputs)
        )
        what = one_line(f"got a '{signature.name}' from {taken} to {made}")
        return UsageError(f"{self.name}: expected a model exported by ganzoo, {what}")

    def _joined(self, join: Any, parts: Sequence[np.ndarray]) -> np.ndarray:
        try:
            return join(parts)
        except ValueError:
            raise ServerError(f"{self.address}: {self.name}: expected rows of one shape, got several") from None


def _check(model: Any, version: Any, timeout: Any, retries: Any) -> None:
    if not isinstance(model, str) or not model:
        raise UsageError(f"model: expected a name, got {model!r}")
    if version is not None and not _is_whole(version, 1):
        raise UsageError(f"version: expected an integer of at least 1, got {version!r}")
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0.0 < timeout < math.inf:
        raise UsageError(f"timeout: expected seconds above 0, got {timeout!r}")
    if not _is_whole(retries, 0):
        raise UsageError(f"retries: expected an integer of at least 0, got {retries!r}")


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least
