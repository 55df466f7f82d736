"""TensorFlow Serving's protos: PredictRequest to arrays, arrays to PredictResponse; status and metadata."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import error_codes_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from ganzoo.serving.server.models import Version
from ganzoo.serving.server.servable import DEEPEST, Arrays, Servable, Signature
from ganzoo.serving.server.status import invalid

MOST_INPUTS = 256  # above any signature, and few enough to check in the loop
STRING_BYTES = 64  # approximate overhead of a string in Python and TensorFlow


class ProtoExchange:
    """Request as a proto, and its answer.

    Attributes:
      size: Bytes of the message, or of its arrays if larger: few bytes can encode many equal values.
    """

    def __init__(self, request: predict_pb2.PredictRequest, most_bytes: int) -> None:
        """Check sizes before any array is made.

        Args:
          most_bytes: Largest array of an input, in bytes.

        Raises:
          ServingError: Too many inputs, or one without a shape or with too large an array.
        """
        if len(request.inputs) > MOST_INPUTS:
            raise invalid(f"expected at most {MOST_INPUTS} inputs, got {len(request.inputs)}")
        self._request = request
        self._shapes = {name: _shape(name, tensor) for name, tensor in request.inputs.items()}
        expanded = {name: _expanded(request.inputs[name], math.prod(sides)) for name, sides in self._shapes.items()}
        for name, size in expanded.items():
            if size > most_bytes:
                raise invalid(f"input '{name}': expected at most {most_bytes} bytes, got shape {self._shapes[name]}")
        self.size = max(request.ByteSize(), sum(expanded.values()))

    def read(self, servable: Servable) -> tuple[Signature, Arrays]:
        """Return the requested signature and its inputs.

        Raises:
          ServingError: The message does not fit the signature.
        """
        signature = servable.signature(self._request.model_spec.signature_name)
        given, wanted = set(self._request.inputs), set(signature.inputs)
        if given != wanted:
            raise invalid(
                f"input size does not match signature: Sent extra: {{{','.join(sorted(given - wanted))}}}. "
                f"Missing but required: {{{','.join(sorted(wanted - given))}}}."
            )
        self._check_filter(signature)
        for name, spec in signature.inputs.items():
            _check_type(name, self._request.inputs[name].dtype, spec.dtype)
        signature.check(self._shapes)
        return signature, {name: self._array(name) for name in signature.inputs}

    def write(self, servable: Servable, signature: Signature, outputs: Arrays) -> predict_pb2.PredictResponse:
        """Return the answer, with the requested outputs."""
        response = predict_pb2.PredictResponse()
        response.model_spec.name = servable.model
        response.model_spec.version.value = servable.version
        response.model_spec.signature_name = signature.name
        for name in self._request.output_filter or outputs:
            response.outputs[name].CopyFrom(tf.make_tensor_proto(outputs[name], signature.outputs[name].dtype))
        return response

    def _check_filter(self, signature: Signature) -> None:
        asked = list(self._request.output_filter)
        for name in asked:
            if name not in signature.outputs:
                known = ",".join(sorted(signature.outputs))
                raise invalid(f"output tensor alias not found in signature: {name} (known: {known})")
            if asked.count(name) > 1:
                raise invalid(f"duplicate output tensor alias: {name}")

    def _array(self, name: str) -> np.ndarray:
        try:
            return tf.make_ndarray(self._request.inputs[name])
        except (TypeError, ValueError, OverflowError) as error:
            form = f"shape {self._shapes[name]} and type"
            raise invalid(f"input '{name}': its values do not fit its {form} ({error})") from None


def _shape(name: str, tensor: tensor_pb2.TensorProto) -> list[int]:
    shape = tensor.tensor_shape
    if len(shape.dim) > DEEPEST:
        raise invalid(f"input '{name}': expected at most {DEEPEST} dimensions, got {len(shape.dim)}")
    sides = [side.size for side in shape.dim]
    if shape.unknown_rank or min(sides, default=0) < 0:
        raise invalid(f"input '{name}': expected a known shape, got {sides}")
    return sides


def _expanded(tensor: tensor_pb2.TensorProto, elements: int) -> int:
    """Return the bytes of the elements; the last value is repeated for missing ones."""
    if tensor.dtype == tf.string.as_datatype_enum:
        texts = tensor.string_val
        return elements * STRING_BYTES + max(0, elements - len(texts)) * (len(texts[-1]) if texts else 0)
    try:
        return elements * tf.as_dtype(tensor.dtype).size
    except TypeError:  # an unknown dtype, which is refused later
        return 0


def _check_type(name: str, given: int, wanted: tf.DType) -> None:
    if given != wanted.as_datatype_enum:
        known = tensor_pb2.TensorProto.DESCRIPTOR.fields_by_name["dtype"].enum_type.values_by_number.get(given)
        raise invalid(f"input '{name}': {known.name if known else given} is not of expected type: {wanted.name}")


def status_response(versions: Sequence[Version]) -> get_model_status_pb2.GetModelStatusResponse:
    """Return the status of versions, as in TensorFlow Serving."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for version in versions:
        status = response.model_version_status.add()
        status.version = version.number
        status.state = get_model_status_pb2.ModelVersionStatus.State.Value(version.state)
        status.status.error_code = error_codes_pb2.Code.Value("UNKNOWN" if version.error else "OK")
        status.status.error_message = version.error
    return response


def signature_map(servable: Servable) -> get_model_metadata_pb2.SignatureDefMap:
    """Return all signatures of the SavedModel."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in servable.signature_defs.items():
        signatures.signature_def[name].CopyFrom(signature)
    return signatures
