"""Warm-up requests: the official messages read them, and each of them runs."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

import ganzoo
from ganzoo.models.build import build


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "small"),
    [
        ("cgan_mnist", {"generator.width": 4, "discriminator.width": 4}),
        ("gan_ring", {}),
        ("cyclegan_digits", {"generator.width": 4, "generator.blocks": 1, "discriminator.width": 4}),
    ],
)
def test_one_row_for_every_signature(name, small, tmp_path):
    path = ganzoo.export(build(ganzoo.config(name).override(small)), tmp_path)
    loaded = tf.saved_model.load(str(path))
    records = tf.data.TFRecordDataset(str(path / "assets.extra" / "tf_serving_warmup_requests"))
    requests = [prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request for record in records]
    assert sorted(request.model_spec.signature_name for request in requests) == sorted(loaded.signatures)
    for request in requests:
        assert request.model_spec.name == name
        inputs = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
        for output in loaded.signatures[request.model_spec.signature_name](**inputs).values():
            assert len(np.asarray(output)) == 1
