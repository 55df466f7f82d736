"""One version of a model: its SavedModel, loaded, warmed up and called by signature."""

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
DEEPEST = 16  # dimensions that an input can have


@dataclass(frozen=True)
class Signature:
    """A function of a SavedModel.

    Attributes:
      name: of the function.
      inputs, outputs: by name.
    """

    name: str
    inputs: Mapping[str, tf.TensorSpec]
    outputs: Mapping[str, tf.TensorSpec]

    @property
    def batched(self) -> bool:
        """Whether all that goes in and comes out has any number of rows."""
        specs = [*self.inputs.values(), *self.outputs.values()]
        return bool(self.inputs) and all(spec.shape.rank and spec.shape[0] is None for spec in specs)

    def check(self, shapes: Mapping[str, Sequence[int]]) -> None:
        """Raises ServingError if an input has a shape that the signature does not take."""
        for name, shape in shapes.items():
            wanted = self.inputs[name].shape
            if not wanted.is_compatible_with(shape):
                raise invalid(f"input '{name}': shape {list(shape)} given, {_words(wanted)} wanted")


class Servable:
    """A loaded version.

    Attributes:
      model, version: as it is asked for.
      signature_defs: as the SavedModel has them, by name; for /metadata.
      pixels: of the largest image that it draws, if the size is fixed; a signature that gives it as a file does not
        say so itself.
    """

    def __init__(self, model: str, version: int, directory: Path) -> None:
        """Loads and warms up.

        Raises:
          Exception: whatever TensorFlow raises for a SavedModel that is absent, half there or broken.
        """
        self.model, self.version = model, version
        self.signature_defs = _signature_defs(directory / "saved_model.pb")
        # The loaded object has to be kept: its functions do not hold the variables.
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
        """A signature by name; the empty one means `serving_default`.

        Raises:
          ServingError: FAILED_PRECONDITION, as TensorFlow Serving has it, for one that is not there.
        """
        name = name or DEFAULT_SIGNATURE
        if name not in self._signatures:
            known = ", ".join(sorted(self._signatures))
            raise ServingError("FAILED_PRECONDITION", f'Serving signature key "{name}" not found (known: {known})')
        return self._signatures[name]

    def call(self, signature: Signature, inputs: Arrays) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
          inputs: every input of the signature, of its dtype.

        Raises:
          ServingError: the graph refuses the values.
        """
        tensors = {name: tf.constant(array, signature.inputs[name].dtype) for name, array in inputs.items()}
        try:
            outputs = self._loaded.signatures[signature.name](**tensors)
            return {name: tensor.numpy() for name, tensor in outputs.items()}
        except tf.errors.OpError as error:
            raise of_tensorflow(error) from None

    def _warm_up(self, file: Path) -> None:
        """Makes the requests that an export carries; one that fails means a broken export."""
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
        raise FileNotFoundError(f"{file.name} is not there")
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
