"""Transport over TensorFlow Serving's REST API.

Source: https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

import base64
import http.client
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np
import requests
import urllib3

from ganzoo.serving.client.deadlines import TimedAdapter
from ganzoo.serving.client.metadata import MOST_BYTES, Metadata, Signature, Tensor
from ganzoo.serving.client.retries import AttemptError, one_line
from ganzoo.serving.loopback import is_loopback

_JSON = {"Content-Type": "application/json"}
_BLOCK = 1 << 20
_TOO_MANY, _UNAVAILABLE, _NOT_FOUND = 429, 503, 404


class RestTransport:
    """REST transport for one model; the arguments are those of `Client`.

    Attributes:
      prefers_files: Whether images travel as PNG files, which are much smaller than JSON.
    """

    prefers_files = True

    def __init__(self, address: str, model: str) -> None:
        self._address, self._model = address.rstrip("/"), model
        self._session = requests.Session()
        host = urlsplit(address).hostname or ""
        self._proxies = {"no_proxy": host} if is_loopback(host) else None
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, TimedAdapter())

    def metadata(self, version: int | None, seconds: float) -> Metadata:
        """Return the metadata of the model.

        Args:
          version: Version of the model; None is the server's choice.
          seconds: Time limit.

        Raises:
          AttemptError: No answer, or an unreadable one.
          TimeoutError: The time limit is over.
        """
        answer = self._ask("GET", "/metadata", None, version, seconds)
        try:
            described = answer["metadata"]["signature_def"]["signature_def"]
            return Metadata(
                self._model,
                int(answer["model_spec"]["version"]),
                {name: _signature(name, described[name]) for name in sorted(described) if not name.startswith("__")},
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            raise self._strange("unexpected metadata") from None

    def predict(
        self, signature: Signature, inputs: Mapping[str, np.ndarray], version: int | None, seconds: float
    ) -> Mapping[str, np.ndarray]:
        """Return the outputs of a signature by name.

        Args:
          signature: Signature in the metadata.
          inputs: Inputs by name; strings are object arrays of bytes.
          version, seconds: As for `metadata`.

        Raises:
          AttemptError, TimeoutError: As `metadata`.
        """
        answer = self._ask("POST", ":predict", self.encode(signature, inputs), version, seconds)
        try:
            return _outputs(answer, signature)
        except ValueError:
            raise self._strange(f"the outputs of '{signature.name}' differ from its metadata") from None

    def encode(self, signature: Signature, inputs: Mapping[str, np.ndarray]) -> bytes:
        """Return the body of a request; the arguments are those of `predict`."""
        columns = {name: _to_json(values) for name, values in inputs.items()}
        return json.dumps({"signature_name": signature.name, "inputs": columns}).encode()

    def decode(self, content: bytes, signature: Signature) -> dict[str, np.ndarray]:
        """Return the outputs by name in the body of an answer.

        Raises:
          ValueError: The answer does not have the outputs of the signature.
        """
        return _outputs(_json(content), signature)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _ask(self, method: str, path: str, body: bytes | None, version: int | None, seconds: float) -> dict[str, Any]:
        which = "" if version is None else f"/versions/{version}"
        url = f"{self._address}/v1/models/{quote(self._model, safe='')}{which}{path}"
        end = time.monotonic() + seconds
        try:
            limit: Any = urllib3.Timeout(total=seconds)
            with self._session.request(
                method,
                url,
                data=body,
                headers=_JSON,
                timeout=limit,
                proxies=self._proxies,
                stream=True,
                allow_redirects=False,
            ) as response:
                content = self._content(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if time.monotonic() < end:
                raise self._failure(error) from None
        if time.monotonic() >= end:
            raise TimeoutError
        answer = _json(content)
        if response.status_code != requests.codes.ok:
            raise self._refusal(response, answer, version)
        if not isinstance(answer, dict):
            raise self._strange("the answer is not a JSON object")
        return answer

    def _content(self, response: requests.Response) -> bytes:
        content = bytearray()
        try:
            while block := response.raw.read1(_BLOCK, decode_content=True):
                content += block
                if len(content) > MOST_BYTES:
                    raise AttemptError(
                        f"{self._address}: {self._model}: expected an answer of at most {MOST_BYTES} bytes"
                    )
        finally:
            response.raw.timer.cancel()
        return bytes(content)

    def _failure(self, error: Exception) -> Exception:
        if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
            return TimeoutError()
        if isinstance(error, requests.exceptions.SSLError):
            return AttemptError(f"{self._address}: no TLS connection ({_reason(error)})")
        if not isinstance(error, requests.ConnectionError | urllib3.exceptions.ProtocolError):
            return AttemptError(f"{self._address}: request failed ({_reason(error)})")
        innermost = _innermost(error)
        if isinstance(innermost, http.client.BadStatusLine) and not isinstance(innermost, ConnectionError):
            return other_port(self._address, "REST", "gRPC", f"grpc://{urlsplit(self._address).netloc}")
        return nobody(self._address, _reason(error))

    def _refusal(self, response: requests.Response, answer: Any, version: int | None) -> AttemptError:
        said = answer.get("error") if isinstance(answer, dict) else None
        reason = one_line(said if isinstance(said, str) and said else f"{response.status_code} {response.reason}")
        if response.status_code in (_TOO_MANY, _UNAVAILABLE):
            wait = _seconds_to_wait(response.headers.get("Retry-After"))
            return AttemptError(f"{self._address}: the server is too busy ({reason})", passing=True, wait=wait)
        if response.status_code == _NOT_FOUND and not isinstance(said, str):
            return self._strange(reason)
        if response.status_code == _NOT_FOUND:
            return AttemptError(not_there(self._address, self._model, version, reason), absent=True)
        return AttemptError(f"{self._address}: {self._model}: {reason}")

    def _strange(self, why: str) -> AttemptError:
        return AttemptError(f"{self._address}: is not TensorFlow Serving's REST API: {why} (check host and port)")


def _outputs(answer: Any, signature: Signature) -> dict[str, np.ndarray]:
    try:
        outputs = answer["outputs"]
        if len(signature.outputs) == 1:  # a single output has no name
            outputs = dict.fromkeys(signature.outputs, outputs)
        return {name: _to_array(outputs[name], tensor) for name, tensor in signature.outputs.items()}
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None


def nobody(address: str, reason: str) -> AttemptError:
    """Return the error for an address without a server."""
    return AttemptError(f"{address}: no server answers: {reason} (start one: ganzoo serve --models DIR)", passing=True)


def other_port(address: str, asked: str, kind: str, right: str) -> AttemptError:
    """Return the error for a port of the other API."""
    return AttemptError(f"{address}: is not TensorFlow Serving's {asked} API, perhaps the {kind} port (try {right})")


def not_there(address: str, model: str, version: int | None, reason: str) -> str:
    """Return the message for a server without the model."""
    which = "" if version is None else f"version {version} of "
    return f"{address}: {which}model '{model}' is not ready: {reason} (check the name, or wait)"


def _signature(name: str, described: Mapping[str, Any]) -> Signature:
    return Signature(name, _tensors(described["inputs"]), _tensors(described["outputs"]))


def _tensors(described: Mapping[str, Any]) -> dict[str, Tensor]:
    return {
        name: Tensor(
            _dtype(described[name]["dtype"]),
            tuple(
                None if int(side["size"]) < 0 else int(side["size"]) for side in described[name]["tensor_shape"]["dim"]
            ),
        )
        for name in sorted(described)
    }


def _dtype(name: str) -> str:
    """Return the NumPy dtype of `DT_FLOAT`, `DT_INT32`, …"""
    name = name.removeprefix("DT_").lower()
    return {"float": "float32", "double": "float64"}.get(name, name)


def _to_json(values: np.ndarray) -> list[Any]:
    if values.dtype == object:
        return [{"b64": base64.b64encode(value).decode()} for value in values]
    return values.tolist()


def _to_array(values: Any, tensor: Tensor) -> np.ndarray:
    if not isinstance(values, list):
        raise TypeError(f"expected a list, got {type(values).__name__}")
    array = _strings(values) if tensor.dtype == "string" else _numbers(values, np.dtype(tensor.dtype))
    if not tensor.fits(array.shape):
        raise ValueError(f"expected shape {tensor.shape}, got {array.shape}")
    return array


def _strings(values: list[Any]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = [base64.b64decode(value["b64"], validate=True) for value in values]
    return array


def _numbers(values: list[Any], dtype: np.dtype) -> np.ndarray:
    found = np.array(values)
    if found.dtype.kind not in {"b": "b", "f": "iuf", "i": "iu", "u": "iu"}.get(dtype.kind, ""):
        raise TypeError(f"expected {dtype}, got {found.dtype}")
    with np.errstate(over="raise"):
        array = found.astype(dtype)
    if dtype.kind != "f" and not np.array_equal(array, found):
        raise OverflowError(f"expected {dtype}, got other integers")
    return array


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _seconds_to_wait(header: str | None) -> float | None:
    """Return the delay in Retry-After, in seconds or as a date (RFC 9110, 10.2.3)."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None


def _reason(error: Exception) -> str:
    innermost = _innermost(error)
    return one_line(getattr(innermost, "strerror", None) or str(innermost) or type(innermost).__name__)


def _innermost(error: Exception) -> BaseException:
    """Return the original error inside those of requests and urllib3."""
    innermost: BaseException = error
    while (below := innermost.__cause__ or innermost.__context__) is not None:
        innermost = below
    return innermost
