"""TensorFlow Serving's protos: a PredictRequest becomes arrays, arrays become a PredictResponse; statuses, metadata."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import error_codes_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from ganzoo.serving.server.models import Version
from ganzoo.serving.server.servable import Arrays, Servable, Signature
from ganzoo.serving.server.status import invalid


class ProtoExchange:
    """One request as a proto and its answer.

    Attributes:
      size: of the message in bytes.
    """

    def __init__(self, request: predict_pb2.PredictRequest, most_bytes: int) -> None:
        """Args:
        most_bytes: that an input may hold: a few bytes of a proto can stand for any number of equal values.
        """
        self.size = request.ByteSize()
        self._request, self._most_bytes = request, most_bytes

    def read(self, servable: Servable) -> tuple[Signature, Arrays]:
        """The signature that is asked for, and its inputs.

        Raises:
          ServingError: the message is not what the signature takes.
        """
        signature = servable.signature(self._request.model_spec.signature_name)
        given, wanted = set(self._request.inputs), set(signature.inputs)
        if given != wanted:
            raise invalid(
                f"input size does not match signature: Sent extra: {{{','.join(sorted(given - wanted))}}}. "
                f"Missing but required: {{{','.join(sorted(wanted - given))}}}."
            )
        self._check_filter(signature)
        inputs = {
            name: self._array(name, self._request.inputs[name], spec.dtype) for name, spec in signature.inputs.items()
        }
        signature.check(inputs)
        return signature, inputs

    def write(self, servable: Servable, signature: Signature, outputs: Arrays) -> predict_pb2.PredictResponse:
        """The answer, with the outputs that were asked for."""
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

    def _array(self, name: str, tensor: tensor_pb2.TensorProto, dtype: tf.DType) -> np.ndarray:
        if tensor.dtype != dtype.as_datatype_enum:
            given = tensor_pb2.TensorProto.DESCRIPTOR.fields_by_name["dtype"].enum_type.values_by_number.get(
                tensor.dtype
            )
            raise invalid(
                f"input '{name}': {given.name if given else tensor.dtype} is not of expected type: {dtype.name}"
            )
        sides = [side.size for side in tensor.tensor_shape.dim]
        if tensor.tensor_shape.unknown_rank or min(sides, default=0) < 0:
            raise invalid(f"input '{name}': its shape is not known: {sides}")
        if math.prod(sides) * max(1, dtype.size) > self._most_bytes:
            raise invalid(f"input '{name}': shape {sides} given, {self._most_bytes} bytes or fewer wanted")
        try:
            return tf.make_ndarray(tensor)
        except (TypeError, ValueError, OverflowError) as error:
            raise invalid(f"input '{name}': its values do not fit its shape {sides} and type ({error})") from None


def status_response(versions: Sequence[Version]) -> get_model_status_pb2.GetModelStatusResponse:
    """How versions stand, as TensorFlow Serving says it."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for version in versions:
        status = response.model_version_status.add()
        status.version = version.number
        status.state = get_model_status_pb2.ModelVersionStatus.State.Value(version.state)
        status.status.error_code = error_codes_pb2.Code.Value("UNKNOWN" if version.error else "OK")
        status.status.error_message = version.error
    return response


def signature_map(servable: Servable) -> get_model_metadata_pb2.SignatureDefMap:
    """All signatures, as the SavedModel has them."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in servable.signature_defs.items():
        signatures.signature_def[name].CopyFrom(signature)
    return signatures
