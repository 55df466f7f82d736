"""Loaded version of a model: its SavedModel, warmed up and called by signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from ganzoo.exports import warm_up
from ganzoo.serving.server.status import ServingError, invalid, of_tensorflow

Arrays = Mapping[str, np.ndarray]

DEFAULT_SIGNATURE = "serving_default"
DEEPEST = 16  # dimensions of an input


@dataclass(frozen=True)
class Signature:
    """Signature of a SavedModel.

    Attributes:
      name: Name of the signature.
      inputs, outputs: Specs by name.
    """

    name: str
    inputs: Mapping[str, tf.TensorSpec]
    outputs: Mapping[str, tf.TensorSpec]

    @property
    def batched(self) -> bool:
        """Return whether all inputs and outputs have a free number of rows."""
        specs = [*self.inputs.values(), *self.outputs.values()]
        return bool(self.inputs) and all(spec.shape.rank and spec.shape[0] is None for spec in specs)

    def check(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """Raise ServingError for an input whose shape does not fit the signature."""
        for name, shape in shapes.items():
            expected = self.inputs[name].shape
            if not expected.is_compatible_with(shape):
                raise invalid(f"input '{name}': expected shape {_words(expected)}, got {list(shape)}")


class Servable:
    """Loaded version of a model.

    Attributes:
      model, version: Name of the model and number of the version.
      signature_defs: Signatures of the SavedModel by name, for metadata.
      pixels: Pixels of the largest image that it draws, if the size is fixed and a signature returns images.
    """

    def __init__(self, model: str, version: int, directory: Path) -> None:
        """Load and warm up the SavedModel.

        Raises:
          Exception: Any error of TensorFlow, for a missing, incomplete or broken SavedModel.
        """
        self.model, self.version = model, version
        self.signature_defs = _signature_defs(directory / "saved_model.pb")
        # Keep the loaded object: its functions do not hold the variables.
        self._loaded = tf.saved_model.load(str(directory), tags=[tf.saved_model.SERVING])
        self._signatures = {
            name: Signature(name, _specs(signature.inputs), _specs(signature.outputs))
            for name, signature in self.signature_defs.items()
            if name in self._loaded.signatures
        }
        drawn = [spec.shape for signature in self._signatures.values() for spec in signature.outputs.values()]
        self.pixels = max((shape[1:3].num_elements() or 0 for shape in drawn if shape.rank == 4), default=0)
        self._warm_up(directory / "assets.extra" / warm_up.FILE)

    def signature(self, name: str) -> Signature:
        """Return a signature by name; the empty name is `serving_default`.

        Raises:
          ServingError: FAILED_PRECONDITION, as in TensorFlow Serving, for an unknown name.
        """
        name = name or DEFAULT_SIGNATURE
        if name not in self._signatures:
            known = ", ".join(sorted(self._signatures))
            raise ServingError("FAILED_PRECONDITION", f'Serving signature key "{name}" not found (known: {known})')
        return self._signatures[name]

    def call(self, signature: Signature, inputs: Arrays) -> dict[str, np.ndarray]:
        """Run a signature.

        Args:
          signature: Signature to run.
          inputs: All inputs of the signature, of its dtypes.

        Raises:
          ServingError: An error of the graph.
        """
        tensors = {name: tf.constant(array, signature.inputs[name].dtype) for name, array in inputs.items()}
        try:
            outputs = self._loaded.signatures[signature.name](**tensors)
            return {name: tensor.numpy() for name, tensor in outputs.items()}
        except tf.errors.OpError as error:
            raise of_tensorflow(error) from None

    def _warm_up(self, file: Path) -> None:
        """Run the warm-up requests of the export; if one fails, the export is broken."""
        if not file.is_file():
            return
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if log.HasField("predict_log"):
                request = log.predict_log.request
                inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
                self.call(self.signature(request.model_spec.signature_name), inputs)


def _signature_defs(file: Path) -> dict[str, meta_graph_pb2.SignatureDef]:
    if not file.is_file():
        raise FileNotFoundError(f"{file.name} does not exist")
    content = saved_model_pb2.SavedModel()
    try:
        content.ParseFromString(file.read_bytes())
    except DecodeError as error:
        raise ValueError(f"{file.name} is broken ({error})") from None
    for graph in content.meta_graphs:
        if tf.saved_model.SERVING in graph.meta_info_def.tags:
            return dict(graph.signature_def)
    raise ValueError(f"{file.name} has no graph with the tag '{tf.saved_model.SERVING}'")


def _specs(infos: Mapping[str, meta_graph_pb2.TensorInfo]) -> dict[str, tf.TensorSpec]:
    return {name: tf.TensorSpec(info.tensor_shape, tf.as_dtype(info.dtype), name) for name, info in infos.items()}


def _words(shape: tf.TensorShape) -> str:
    return "[" + ", ".join("?" if side is None else str(side) for side in shape.as_list()) + "]"
