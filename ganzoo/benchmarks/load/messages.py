"""A request as the bytes that go over the wire, and an answer's bytes as an array, for both APIs; their addresses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

import numpy as np

from ganzoo.errors import UsageError

SIGNATURE = "generate"
GRPC, REST = "grpc", "rest"
SCHEMES = {"grpc": GRPC, "http": REST}


def request(api: str, model: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    """What a client sends.

    Args:
      api: `grpc` or `rest`.
      model: the server's name of it.
      inputs: of `generate`, by name.
    """
    if api == REST:
        columns = {name: values.tolist() for name, values in inputs.items()}
        return json.dumps({"signature_name": SIGNATURE, "inputs": columns}).encode()
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    message = predict_pb2.PredictRequest()
    message.model_spec.name, message.model_spec.signature_name = model, SIGNATURE
    for name, values in inputs.items():
        message.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    return message.SerializeToString()


def answer(api: str, content: bytes, output: str, dtype: str) -> np.ndarray:
    """What a client got.

    Args:
      api: `grpc` or `rest`.
      content: of the answer.
      output: its name.
      dtype: NumPy's name of it.

    Raises:
      ValueError: it is not what a server answers.
    """
    if api == REST:
        try:
            return np.array(json.loads(content)["outputs"], dtype)
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from None
    import tensorflow as tf
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorflow_serving.apis import predict_pb2

    try:
        outputs = predict_pb2.PredictResponse.FromString(content).outputs
    except DecodeError as error:
        raise ValueError(str(error)) from None
    if output not in outputs:  # a protobuf map would make one up
        raise ValueError(f"has no '{output}'")
    return tf.make_ndarray(outputs[output])


def difference(answer: np.ndarray, rows: int, expected: np.ndarray | None) -> float:
    """How far an answer is from what the SavedModel itself gives for the same inputs, at most.

    Args:
      rows: that were asked for.
      expected: the SavedModel's own; None where that is not known.

    Raises:
      ValueError: the answer has another form, or is farther away than by rounding: batches of another size round
        differently, by one grey level, or in the last digits of a float32.
    """
    if answer.ndim == 0 or len(answer) != rows:
        raise ValueError(f"{rows} rows wanted, shape {list(answer.shape)} came")
    if expected is None:
        return 0.0
    if answer.shape != expected.shape or answer.dtype != expected.dtype:
        raise ValueError(f"{expected.dtype} {list(expected.shape)} wanted, {answer.dtype} {list(answer.shape)} came")
    apart = float(np.abs(answer.astype(np.float64) - expected).max())
    if not apart <= (1.0 if expected.dtype.kind == "u" else 1e-4 * max(1.0, float(np.abs(expected).max()))):
        raise ValueError(f"{apart:g} apart from the SavedModel's own")
    return apart


def api_of(server: str) -> str:
    """The API of an address, `grpc://HOST:PORT` or `http://HOST:PORT`.

    Raises:
      UsageError: it has another form.
    """
    try:
        parts = urlsplit(server)
        right = parts.scheme in SCHEMES and parts.hostname and parts.port and parts.netloc == server.partition("//")[2]
    except ValueError:
        right = False
    if not right:
        raise UsageError(f"server: {server!r} given, grpc://HOST:PORT or http://HOST:PORT wanted")
    return SCHEMES[parts.scheme]
