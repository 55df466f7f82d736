"""A tiny SavedModel without ganzoo in it, a local server in this process, and a client of each of its two doors."""

import base64
import shutil
import threading
import time
from contextlib import ExitStack
from types import SimpleNamespace

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

from ganzoo.serving.server.lifecycle import running
from ganzoo.serving.server.servable import Servable
from ganzoo.serving.server.settings import Settings

REST_CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    413: "TOO_LARGE",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
POISON = 13


def specs(**inputs):
    return [tf.TensorSpec(shape, dtype, name) for name, (shape, dtype) in inputs.items()]


class Tiny(tf.Module):
    """Signatures of every kind that the server has to tell apart."""

    def __init__(self, factor):
        self.factor = tf.Variable(factor)

    @tf.function(input_signature=specs(x=([None], tf.int32)))
    def times(self, x):
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(x != POISON), ["x: no 13 wanted, given:", x])]):
            return {"y": self.factor * x}

    @tf.function(input_signature=specs(text=([None], tf.string)))
    def echo(self, text):
        return {"text_bytes": text}

    @tf.function(input_signature=specs(text=([None], tf.string)))
    def say(self, text):
        return {"text": text}

    @tf.function(input_signature=specs(a=([None, 2], tf.float32), b=([None], tf.float32)))
    def both(self, a, b):
        return {"product": a * b[:, tf.newaxis], "sum": tf.reduce_sum(a, 1) + b}

    @tf.function(input_signature=specs(images=([None, None, None, 1], tf.uint8), flags=([None], tf.bool)))
    def images(self, images, flags):
        return {"images": tf.where(flags[:, None, None, None], 255 - images, images)}

    @tf.function(input_signature=specs(x=([None], tf.float32)))
    def total(self, x):
        return {"total": tf.reduce_sum(x)}

    @tf.function(input_signature=specs(steps=([None], tf.int32)))
    def slow(self, steps):
        return {"y": steps + tf.while_loop(lambda i: i < tf.reduce_max(steps), lambda i: [i + 1], [0])[0]}


def save(directory, factor):
    tiny = Tiny(factor)
    names = ("times", "echo", "say", "both", "images", "total", "slow")
    signatures = {name: getattr(tiny, name) for name in names}
    tf.saved_model.save(tiny, str(directory), signatures={"serving_default": tiny.times, **signatures})


@pytest.fixture(scope="session")
def _saved(tmp_path_factory):
    """factor -> the directory of a SavedModel that multiplies by it, made once."""
    made = {}

    def saved(factor):
        if factor not in made:
            made[factor] = tmp_path_factory.mktemp("tiny") / str(factor)
            save(made[factor], factor)
        return made[factor]

    return saved


@pytest.fixture
def put_version(_saved, tmp_path):
    """Puts a version whose `times` multiplies by its number into BASE, all at once as an export does."""

    def put(number, name="tiny", factor=None, warm_up=None):
        final = tmp_path / "base" / name / str(number)
        final.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(_saved(factor or number), final.parent / ".copying")
        if warm_up is not None:
            write_warm_up(final.parent / ".copying" / "assets.extra", warm_up)
        (final.parent / ".copying").rename(final)
        return final

    return put


def write_warm_up(extra, x):
    extra.mkdir()
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.model_spec.signature_name = "times"
    log.predict_log.request.inputs["x"].CopyFrom(tf.make_tensor_proto([x], tf.int32))
    with tf.io.TFRecordWriter(str(extra / "tf_serving_warmup_requests")) as writer:
        writer.write(log.SerializeToString())


@pytest.fixture
def serve(put_version, tmp_path):
    """Starts servers of BASE, which has version 2 of `tiny` if nothing else was put there."""
    with ExitStack() as stack:

        def start(**settings):
            if not (tmp_path / "base").exists():
                put_version(2)
            quick = {"poll_seconds": 0.05, "drain_seconds": 20.0}
            given = {"models": tmp_path / "base", "rest_port": 0, "grpc_port": 0, **quick, **settings}
            addresses = stack.enter_context(running(Settings(**given)))
            return SimpleNamespace(
                rest=stack.enter_context(Rest(addresses.rest)), grpc=stack.enter_context(Grpc(addresses.grpc))
            )

        yield start


class RefusedError(Exception):
    """What both clients raise, with gRPC's name of the code."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class Rest:
    """A plain HTTP client, a connection a request, with columns."""

    def __init__(self, address):
        self.url = f"http://{address}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def predict(self, inputs, signature="times", model="tiny", version=None, timeout=30):
        values = {name: self._plain(value) for name, value in inputs.items()}
        path = f"/v1/models/{model}" + (f"/versions/{version}" if version else "")
        body = {"signature_name": signature, "inputs": values}
        answer = self.post(f"{path}:predict", json=body, timeout=timeout)
        outputs = answer["outputs"]
        return {name: np.asarray(value) for name, value in outputs.items()} if isinstance(outputs, dict) else outputs

    @staticmethod
    def _plain(value):
        if isinstance(value, np.ndarray) and value.dtype == object:
            return [{"b64": base64.b64encode(item).decode()} for item in value]
        return np.asarray(value).tolist()

    def post(self, path, **options):
        return self._checked(requests.post(self.url + path, **{"timeout": 30, **options}))

    def get(self, path):
        return self._checked(requests.get(self.url + path, timeout=30))

    def metric(self, name, **labels):
        """The sum of the samples of this name that have these labels."""
        total = 0.0
        for line in requests.get(f"{self.url}/metrics", timeout=30).text.splitlines():
            head, _, value = line.rpartition(" ")
            if head.partition("{")[0] == name and all(f'{key}="{wanted}"' in head for key, wanted in labels.items()):
                total += float(value)
        return total

    @staticmethod
    def _checked(response):
        if response.headers["content-type"] != "application/json":
            response.raise_for_status()
            return response.text
        if response.status_code != 200:
            (message,) = response.json().values()
            raise RefusedError(REST_CODES.get(response.status_code, str(response.status_code)), message)
        return response.json()


class Grpc:
    """The official stubs, as their documentation uses them."""

    def __init__(self, address):
        self.address, self.channel = address, grpc.insecure_channel(address)
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def predict(self, inputs, signature="times", model="tiny", version=None, timeout=30):
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = model, signature
        if version:
            request.model_spec.version.value = version
        for name, value in inputs.items():
            value = np.asarray(value, np.int32 if isinstance(value, list) else None)
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        response = self.call(self.prediction.Predict, request, timeout)
        outputs = {name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()}
        return outputs if len(outputs) > 1 else next(iter(outputs.values())).tolist()

    @staticmethod
    def call(method, request, timeout=30):
        try:
            return method(request, timeout=timeout)
        except grpc.RpcError as error:
            raise RefusedError(error.code().name, error.details()) from None


@pytest.fixture
def refused():
    return RefusedError


@pytest.fixture(params=["rest", "grpc"])
def door(request):
    """Each of the two, by name."""
    return request.param


@pytest.fixture
def gate(monkeypatch):
    """Closed by `open.clear()`: calls of models wait behind it, `waiting` of them now; `steps` lets so many through."""
    call, state = Servable.call, SimpleNamespace(open=threading.Event(), waiting=0, steps=0)
    state.open.set()

    def gated(self, signature, inputs):
        state.waiting += 1
        end = time.monotonic() + 60
        while not state.open.wait(0.005):
            if state.steps:
                state.steps -= 1
                break
            assert time.monotonic() < end
        state.waiting -= 1
        return call(self, signature, inputs)

    monkeypatch.setattr(Servable, "call", gated)
    yield state
    state.open.set()


@pytest.fixture
def until():
    """Waits for something to become true."""

    def wait(condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not become true"
            time.sleep(0.01)

    return wait
