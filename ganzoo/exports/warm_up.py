"""Warm-up requests, which TensorFlow Serving runs before it serves a model: the first call of a graph is slow.

Source: https://www.tensorflow.org/tfx/serving/saved_model_warmup
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from ganzoo.exports.signatures import Signatures

FILE = "tf_serving_warmup_requests"
SIDE = 32  # pixels, of black images


def write(path: Path, model: str, signatures: Signatures) -> bool:
    """Write a TFRecord of `PredictionLog`s: one request of one row per signature.

    Args:
      path: Path of the file.
      model: Name of the model in the requests.
      signatures: Signatures of the export.

    Returns:
      Whether the file was written; this needs tensorflow-serving-api.
    """
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError:
        return False
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, signature in signatures.items():
            request = predict_pb2.PredictRequest()
            request.model_spec.name = model
            request.model_spec.signature_name = name
            for spec in signature.input_signature:
                request.inputs[spec.name].CopyFrom(tf.make_tensor_proto(_row(spec), spec.dtype))
            log = prediction_log_pb2.PredictionLog()
            log.predict_log.request.CopyFrom(request)
            writer.write(log.SerializeToString())
    return True


def _row(spec: tf.TensorSpec) -> np.ndarray | list[bytes]:
    """Return one row of an input: zeros, or a black PNG file."""
    if spec.dtype == tf.string:
        return [tf.io.encode_png(np.zeros([SIDE, SIDE, 3], np.uint8)).numpy()]
    shape = [1, *(SIDE if side is None else side for side in spec.shape[1:])]
    return np.zeros(shape, spec.dtype.as_numpy_dtype)
