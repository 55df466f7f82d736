"""Transport over TensorFlow Serving's gRPC API, with the official stubs of tensorflow-serving-api.

The stubs import TensorFlow, whose messages they contain.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.serving.client.metadata import MOST_BYTES, Metadata, Signature, Tensor
from ganzoo.serving.client.rest import nobody, not_there, other_port
from ganzoo.serving.client.retries import AttemptError, one_line
from ganzoo.serving.loopback import is_loopback

try:
    import grpc  # type: ignore[import-untyped]
    import tensorflow as tf
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc
except ImportError:
    raise UsageError("address: grpc:// needs more packages: pip install 'ganzoo[serving]' (http:// does not)") from None

OPTIONS = [
    ("grpc.max_receive_message_length", MOST_BYTES),  # 4 MB by default: fewer than 6 images of 512x512 pixels
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_retries", 0),  # `Call` retries, and counts
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
]

# Messages of the gRPC library; its codes equal those of a server.
_NOBODY = re.compile("failed to connect|DNS resolution failed")
_OTHER_PORT = re.compile("Failed parsing HTTP/2|http1.x server")
_TOO_LARGE = "message larger than max"

_NEARLY = 0.1  # seconds that may remain when the client times out


class GrpcTransport:
    """gRPC transport for one model; the arguments are those of `Client`. See `RestTransport`."""

    prefers_files = False

    def __init__(self, address: str, model: str) -> None:
        self._address, self._model = address.rstrip("/"), model
        parts = urlsplit(address)
        proxy = ("grpc.enable_http_proxy", int(not is_loopback(parts.hostname or "")))
        self._channel = grpc.insecure_channel(parts.netloc, [*OPTIONS, proxy])
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def metadata(self, version: int | None, seconds: float) -> Metadata:
        """See `RestTransport.metadata`."""
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        answer = self._ask(self._stub.GetModelMetadata, request, version, seconds)
        described = get_model_metadata_pb2.SignatureDefMap()
        try:
            if not answer.metadata["signature_def"].Unpack(described):
                raise TypeError("expected a SignatureDefMap")
            found = described.signature_def
            return Metadata(
                self._model,
                answer.model_spec.version.value,
                {
                    name: Signature(name, _tensors(found[name].inputs), _tensors(found[name].outputs))
                    for name in sorted(found)
                    if not name.startswith("__")
                },
            )
        except (DecodeError, TypeError):  # the latter also for an unknown dtype
            raise AttemptError(f"{self._address}: {self._model}: unexpected metadata") from None

    def predict(
        self, signature: Signature, inputs: Mapping[str, np.ndarray], version: int | None, seconds: float
    ) -> Mapping[str, np.ndarray]:
        """See `RestTransport.predict`."""
        answer = self._ask(self._stub.Predict, self._request(signature, inputs), version, seconds)
        try:
            return _outputs(answer, signature)
        except ValueError:
            raise AttemptError(
                f"{self._address}: {self._model}: the outputs of '{signature.name}' differ from its metadata"
            ) from None

    def encode(self, signature: Signature, inputs: Mapping[str, np.ndarray]) -> bytes:
        """See `RestTransport.encode`."""
        return self._request(signature, inputs).SerializeToString()

    def decode(self, content: bytes, signature: Signature) -> dict[str, np.ndarray]:
        """See `RestTransport.decode`."""
        try:
            return _outputs(predict_pb2.PredictResponse.FromString(content), signature)
        except DecodeError as error:
            raise ValueError(str(error)) from None

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def _request(self, signature: Signature, inputs: Mapping[str, np.ndarray]) -> predict_pb2.PredictRequest:
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = self._model, signature.name
        for name, values in inputs.items():
            dtype = tf.dtypes.as_dtype(signature.inputs[name].dtype)
            request.inputs[name].CopyFrom(tf.make_tensor_proto(values, dtype))
        return request

    def _ask(self, method: Any, request: Any, version: int | None, seconds: float) -> Any:
        request.model_spec.name = self._model
        if version is not None:
            request.model_spec.version.value = version
        end = time.monotonic() + seconds
        try:
            return method(request, timeout=seconds)
        except grpc.RpcError as error:
            # A timeout of the server has the same code.
            if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED and time.monotonic() > end - _NEARLY:
                raise TimeoutError from None
            raise self._refusal(error, version) from None

    def _refusal(self, error: Any, version: int | None) -> AttemptError:
        code, reason = error.code(), one_line(error.details() or error.code().name)
        if code == grpc.StatusCode.UNAVAILABLE and _OTHER_PORT.search(reason):
            return other_port(self._address, "gRPC", "REST", f"http://{urlsplit(self._address).netloc}")
        if code == grpc.StatusCode.UNAVAILABLE and _NOBODY.search(reason):
            return nobody(self._address, reason)
        if code == grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE in reason and "CLIENT:" in reason:
            return AttemptError(f"{self._address}: {self._model}: expected an answer of at most {MOST_BYTES} bytes")
        if code == grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE in reason:
            return AttemptError(f"{self._address}: {self._model}: the request is too large for the server ({reason})")
        if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
            return AttemptError(f"{self._address}: the server is too busy ({reason})", passing=True, wait=_wait(error))
        if code == grpc.StatusCode.NOT_FOUND:
            return AttemptError(not_there(self._address, self._model, version, reason), absent=True)
        if code == grpc.StatusCode.UNIMPLEMENTED:
            return AttemptError(f"{self._address}: is not TensorFlow Serving's gRPC API: {reason} (check the port)")
        return AttemptError(f"{self._address}: {self._model}: {reason}")


def _outputs(response: predict_pb2.PredictResponse, signature: Signature) -> dict[str, np.ndarray]:
    try:
        return {name: _array(response.outputs, name, tensor) for name, tensor in signature.outputs.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None


def _wait(error: Any) -> float | None:
    """Return the delay in seconds that the server requests: pushback (gRPC proposal A6) or Retry-After."""
    said = dict(error.trailing_metadata() or ())
    for key, unit in (("grpc-retry-pushback-ms", 1000.0), ("retry-after", 1.0)):
        if str(said.get(key, "")).isdecimal():
            return float(said[key]) / unit
    return None


def _tensors(described: Mapping[str, Any]) -> dict[str, Tensor]:
    return {
        name: Tensor(
            tf.dtypes.as_dtype(described[name].dtype).name,
            tuple(None if side.size < 0 else side.size for side in described[name].tensor_shape.dim),
        )
        for name in sorted(described)
    }


def _array(outputs: Mapping[str, Any], name: str, tensor: Tensor) -> np.ndarray:
    if name not in outputs:  # a protobuf map would create it
        raise KeyError(name)
    shape = [side.size for side in outputs[name].tensor_shape.dim]
    expected = tf.dtypes.as_dtype(tensor.dtype)
    # Before the array is made: a few bytes can stand for any number of equal values.
    if outputs[name].dtype != expected.as_datatype_enum or not shape or not tensor.fits(shape):
        raise TypeError(f"expected {tensor}, got {outputs[name].dtype} {shape}")
    if math.prod(shape) * expected.size > MOST_BYTES:
        raise ValueError(f"expected at most {MOST_BYTES} bytes, got shape {shape}")
    return tf.make_ndarray(outputs[name])
