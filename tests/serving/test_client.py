"""The client against stubs that speak TensorFlow Serving's forms, over REST and gRPC, with a model made of NumPy."""

import base64
import json
import subprocess
import sys
import threading
import time
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import ClassVar

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc

import ganzoo
from ganzoo.core import images
from ganzoo.errors import ServerError, UsageError
from ganzoo.serving.client import client as client_module
from ganzoo.serving.client import grpc_api, rest, retries
from ganzoo.serving.client.metadata import Metadata, Signature, Tensor
from ganzoo.serving.client.transport import api_of, transport

CLASSES = 3
GRPC_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    500: grpc.StatusCode.INTERNAL,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}


def drawn(seeds, truncation, labels=0):
    """uint8 [N, 2, 3, 1], each number of which tells all that its row was given."""
    numbers = 100 * seeds[:, 0] + 7 * seeds[:, 1] + 31 * labels + np.rint(10 * truncation).astype(int)
    return ((numbers[:, None] + np.arange(6)) % 256).astype(np.uint8).reshape(-1, 2, 3, 1)


def refused(value):
    """As TensorFlow words a failed assertion in a graph."""
    return RefusalError(
        400,
        f"assertion failed: [labels: expected integers from 0 to {CLASSES - 1}, got] [{value}]\n\t "
        "[[{{node Assert/Assert}}]] [Op:__inference_signature_wrapper_7]",
    )


class RefusalError(Exception):
    def __init__(self, code, message, wait=None):
        super().__init__(message)
        self.code, self.message, self.wait = code, message, wait


class Digits:
    """A conditional model."""

    seeds = ("int32", [-1, 2])
    one: ClassVar = {"truncation": ("float32", [-1]), "labels": ("int32", [-1])}
    of_images: ClassVar = {"images": ("uint8", [-1, 2, 3, 1])}
    signatures: ClassVar = {
        "serving_default": ({"seeds": seeds, **one}, of_images),
        "generate": ({"seeds": seeds, **one}, of_images),
        "generate_png": ({"seeds": seeds, **one}, {"png_bytes": ("string", [-1])}),
        "decode": ({"latents": ("float32", [-1, 5]), "labels": ("int32", [-1])}, of_images),
    }

    def run(self, name, inputs):
        wrong = inputs["labels"][(inputs["labels"] < 0) | (inputs["labels"] >= CLASSES)]
        if len(wrong):
            raise refused(wrong[0])
        assert name != "decode", "asked for its refusal alone"
        made = drawn(inputs["seeds"], inputs["truncation"], inputs["labels"])
        return {"png_bytes": as_files(made)} if name == "generate_png" else {"images": made}


class Negatives(Digits):
    """What took over from it."""

    def run(self, name, inputs):
        made = 255 - drawn(inputs["seeds"], inputs["truncation"], inputs["labels"])
        return {"png_bytes": as_files(made)} if name == "generate_png" else {"images": made}


class Points:
    """A model without labels, files or images."""

    signatures: ClassVar = {
        "generate": (
            {"seeds": ("int32", [-1, 2]), "truncation": ("float32", [-1])},
            {"points": ("float32", [-1, 2])},
        )
    }

    def run(self, name, inputs):
        return {"points": (inputs["seeds"] / 4 * inputs["truncation"][:, None]).astype(np.float32)}


class Painter:
    """A model that translates; `files` tells whether it takes and gives PNG files too."""

    of_images: ClassVar = {"images": ("uint8", [-1, -1, -1, 3])}

    def __init__(self, files=True, domains=("monet", "photo")):
        self.signatures = {"serving_default": (self.of_images, self.of_images)}
        for domain in domains:
            self.signatures[f"translate_to_{domain}"] = (self.of_images, self.of_images)
            if files:
                inputs, outputs = {"image_bytes": ("string", [-1])}, {"png_bytes": ("string", [-1])}
                self.signatures[f"translate_to_{domain}_bytes"] = (inputs, outputs)

    def run(self, name, inputs):
        change = (lambda x: x ^ 0x55) if "photo" in name else (lambda x: 255 - x)
        if "images" in inputs:
            return {"images": change(inputs["images"])}
        return {"png_bytes": as_files([change(images.decode(file, "sent")) for file in inputs["image_bytes"]])}


def as_files(pictures):
    array = np.empty(len(pictures), object)
    array[:] = [images.encode_png(picture) for picture in pictures]
    return array


class Backend:
    """Models by name; keeps what it is asked for, and first raises what `script` has.

    Before request `n` to predict, counted from zero, `versions[n]` takes over.
    """

    def __init__(self):
        self.version, self.versions, self.asked_versions = 4, {}, []
        self.models = {"digits": Digits(), "points": Points(), "painter": Painter()}
        self.asked, self.script, self.go_on = [], [], threading.Event()
        self.go_on.set()

    def model(self, name, version):
        self.go_on.wait(10)
        if self.script:
            raise self.script.pop(0)
        if name not in self.models:
            raise RefusalError(404, f"Servable not found for request: Latest({name})")
        if version not in (None, self.version):
            raise RefusalError(404, f"Servable not found for request: Specific({name}, {version})")
        return self.models[name]

    def metadata(self, name, version):
        self.asked.append("metadata")
        return self.model(name, version).signatures

    def predict(self, name, version, signature, inputs):
        if len(self.asked_versions) in self.versions:
            self.version = self.versions[len(self.asked_versions)]
            self.models["digits"] = Negatives()
        self.asked_versions.append(version)
        self.asked.append((signature, {key: len(values) for key, values in inputs.items()}))
        return self.model(name, version).run(signature, inputs)


class HangUpError(Exception):
    """What makes the REST stub close the connection."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.removesuffix("/metadata")
        assert path != self.path
        self.answer(lambda name, version: self.described(name, self.server.backend.metadata(name, version)), path)

    def do_POST(self):
        path = self.path.removesuffix(":predict")
        assert path != self.path
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert set(request) == {"signature_name", "inputs"}
        self.answer(lambda name, version: self.predicted(name, version, request), path)

    def answer(self, work, path):
        headers = {}
        try:
            name, *versions = path.removeprefix("/v1/models/").split("/versions/")
            code, content = 200, work(name, int(versions[0]) if versions else None)
        except RefusalError as refusal:
            code, content = refusal.code, {"error": refusal.message}
            headers = {} if refusal.wait is None else {"Retry-After": refusal.wait}
        except HangUpError:
            self.close_connection = True
            return
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        for key, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    def described(self, name, signatures):
        def tensors(of):
            return {
                key: {
                    "dtype": {"float32": "DT_FLOAT"}.get(dtype, f"DT_{dtype.upper()}"),
                    "tensor_shape": {"dim": [{"size": str(side), "name": ""} for side in shape], "unknown_rank": False},
                    "name": f"{key}:0",
                }
                for key, (dtype, shape) in of.items()
            }

        made = {
            key: {"inputs": tensors(inputs), "outputs": tensors(outputs), "method_name": "tensorflow/serving/predict"}
            for key, (inputs, outputs) in signatures.items()
        }
        made["__saved_model_init_op"] = {"inputs": {}, "outputs": {}, "method_name": ""}
        return {
            "model_spec": {"name": name, "signature_name": "", "version": str(self.server.backend.version)},
            "metadata": {"signature_def": {"signature_def": made}},
        }

    def predicted(self, name, version, request):
        taken = self.server.backend.models[name].signatures[request["signature_name"]][0]
        assert set(taken) == set(request["inputs"])
        inputs = {}
        for key, (dtype, _) in taken.items():
            values = request["inputs"][key]
            files = dtype == "string"
            inputs[key] = [base64.b64decode(value["b64"]) for value in values] if files else np.array(values, dtype)
        ((key, made),) = self.server.backend.predict(name, version, request["signature_name"], inputs).items()
        if key.endswith("_bytes"):
            return {"outputs": [{"b64": base64.b64encode(file).decode()} for file in made]}
        return {"outputs": made.tolist()}

    def log_message(self, *arguments):
        pass


class Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, backend):
        self.backend = backend

    def GetModelMetadata(self, request, context):  # noqa: N802
        signatures = self.call(context, lambda: self.backend.metadata(*named(request)))
        described = get_model_metadata_pb2.SignatureDefMap()
        for key, (inputs, outputs) in signatures.items():
            for of, tensors in (
                (described.signature_def[key].inputs, inputs),
                (described.signature_def[key].outputs, outputs),
            ):
                for tensor, (dtype, shape) in tensors.items():
                    info = meta_graph_pb2.TensorInfo(dtype=tf.as_dtype(dtype).as_datatype_enum)
                    info.tensor_shape.CopyFrom(tf.TensorShape([None if s < 0 else s for s in shape]).as_proto())
                    of[tensor].CopyFrom(info)
        described.signature_def["__saved_model_init_op"].method_name = ""
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        answer.model_spec.version.value = self.backend.version
        answer.metadata["signature_def"].Pack(described)
        return answer

    def Predict(self, request, context):  # noqa: N802
        inputs = {key: tf.make_ndarray(tensor) for key, tensor in request.inputs.items()}
        signature = request.model_spec.signature_name
        made = self.call(context, lambda: self.backend.predict(*named(request), signature, inputs))
        answer = predict_pb2.PredictResponse()
        for key, values in made.items():
            dtype = tf.string if values.dtype == object else values.dtype
            answer.outputs[key].CopyFrom(tf.make_tensor_proto(values, dtype))
        return answer

    def call(self, context, work):
        try:
            return work()
        except RefusalError as refusal:
            if refusal.wait is not None:
                context.set_trailing_metadata([("retry-after", refusal.wait)])
            context.abort(GRPC_CODES[refusal.code], refusal.message)


def named(request):
    spec = request.model_spec
    return spec.name, spec.version.value if spec.HasField("version") else None


@contextmanager
def rest_server(backend, handler=Handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda request, address: None  # clients that have gone
    server.daemon_threads, server.backend = True, backend
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def grpc_server(backend):
    server = grpc.server(futures.ThreadPoolExecutor(4))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Servicer(backend), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"grpc://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


SERVERS = {"rest": rest_server, "grpc": grpc_server}


@pytest.fixture
def backend():
    return Backend()


@pytest.fixture(params=SERVERS)
def kind(request):
    return request.param


@pytest.fixture
def address(kind, backend):
    with SERVERS[kind](backend) as address:
        yield address


@pytest.fixture
def connect(address):
    made = []

    def client(model="digits", **arguments):
        made.append(ganzoo.Client(address, model, **arguments))
        return made[-1]

    yield client
    for each in made:
        each.close()


@pytest.fixture
def clock(monkeypatch):
    """A clock that nobody waits for: `slept` are the waits, which are drawn at their longest."""

    def sleep(seconds):
        fake.slept.append(seconds)
        fake.now += seconds

    fake = SimpleNamespace(now=1000.0, slept=[], sleep=sleep, monotonic=lambda: fake.now)
    monkeypatch.setattr(retries, "time", fake)
    monkeypatch.setattr(retries.random, "uniform", lambda low, high: high)
    return fake


def predictions(backend):
    return [asked for asked in backend.asked if asked != "metadata"]


def test_labels_and_seed(connect, backend, kind):
    made = connect().generate(labels=[2, 2, 0], seed=5, truncation=0.5)
    expected = drawn(np.array([[5, 0], [5, 1], [5, 2]]), np.float32(0.5), np.array([2, 2, 0]))
    assert made.dtype == np.uint8
    assert np.array_equal(made, expected)
    signature = {"rest": "generate_png", "grpc": "generate"}[kind]
    assert predictions(backend) == [(signature, {"seeds": 3, "truncation": 3, "labels": 3})]


def test_labels_cycle_through_the_classes_by_position(connect, backend):
    client = connect()
    made = client.generate(seed=1, positions=[7, 2])
    assert np.array_equal(made, drawn(np.array([[1, 7], [1, 2]]), np.float32(1), np.array([1, 2])))
    assert client.generate(seed=1).shape == (CLASSES, 2, 3, 1)
    assert client.classes == CLASSES
    assert [name for name, _ in predictions(backend)].count("decode") == 1, "what is known is not asked for again"
    assert backend.asked.count("metadata") == 1


def test_one_label_for_all(connect):
    made = connect().generate(2, labels=1, seed=0)
    assert np.array_equal(made, drawn(np.array([[0, 0], [0, 1]]), np.float32(1), np.array([1, 1])))


def test_points(connect):
    made = connect("points").generate(3, seed=2, truncation=0.5)
    assert made.dtype == np.float32
    assert np.array_equal(made, np.float32([[0.25, 0], [0.25, 0.125], [0.25, 0.25]]))


def test_many_are_cut_into_several_requests(connect, backend):
    made = connect().generate(600, labels=0, seed=3)
    assert np.array_equal(made, drawn(np.stack([np.full(600, 3), np.arange(600)], 1), np.float32(1)))
    assert [rows["seeds"] for _, rows in predictions(backend)] == [256, 256, 88]


def test_large_images_are_cut_by_their_pixels(connect, backend, monkeypatch):
    monkeypatch.setattr(client_module, "MOST_PIXELS", 200)
    batch = np.arange(5 * 8 * 9 * 3, dtype=np.uint8).reshape(5, 8, 9, 3)
    assert np.array_equal(connect("painter").translate(batch, "monet"), 255 - batch)
    assert [next(iter(rows.values())) for _, rows in predictions(backend)] == [2, 2, 1]


@pytest.mark.parametrize("files", [True, False])
def test_translate(connect, backend, kind, files):
    backend.models["painter"] = Painter(files)
    batch = np.random.default_rng(0).integers(0, 256, (2, 9, 8, 3), np.uint8)
    client = connect("painter")
    assert client.domains == ("monet", "photo")
    assert np.array_equal(client.translate(batch, "photo"), batch ^ 0x55)
    assert np.array_equal(client.translate(batch[0], "monet"), 255 - batch[0])
    assert np.array_equal(client.translate(batch), 255 - batch), "the first that it makes"
    as_file = "_bytes" if files and kind == "rest" else ""
    assert [name for name, _ in predictions(backend)] == [
        f"translate_to_photo{as_file}",
        f"translate_to_monet{as_file}",
        "serving_default",
    ]


def test_the_only_domain_is_the_first(connect, backend):
    backend.models["painter"] = Painter(domains=["photo"])
    image = np.full((8, 8, 3), 3, np.uint8)
    assert np.array_equal(connect("painter").translate(image), image ^ 0x55)


def test_tiles(connect, backend):
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    assert np.array_equal(connect("painter").translate(image, "monet", tile=32), 255 - image)
    assert len(predictions(backend)) == 6


def test_files(connect, backend):
    pictures = [np.full((8, 9, 3), 4, np.uint8), np.full((10, 8, 3), 5, np.uint8)]
    made = connect("painter").translate_bytes([images.encode_png(picture) for picture in pictures], "monet")
    for picture, file in zip(pictures, made, strict=True):
        assert np.array_equal(images.decode(file, "made"), 255 - picture)


def test_one_request_leaves_the_version_to_the_server(connect, backend):
    connect().generate(256, labels=0)
    connect("painter").translate(np.zeros((32, 32, 3), np.uint8), "monet", tile=32)
    assert backend.asked_versions == [None, None]
    assert backend.asked.count("metadata") == 2


def test_several_requests_go_to_one_version(connect, backend):
    client = connect()
    client.metadata()
    backend.version = 5
    client.generate(600, labels=0)
    assert backend.asked_versions == [5, 5, 5]
    assert backend.asked.count("metadata") == 2
    painter = connect("painter")
    painter.translate(np.zeros((40, 60, 3), np.uint8), "monet", tile=32)
    painter.translate(np.zeros((2, 8, 8, 3), np.uint8), "monet", tile=32)
    painter.translate_bytes([images.encode_png(np.zeros((8, 8, 3), np.uint8))] * 2, "monet")
    assert backend.asked_versions[3:] == [5] * (6 + 2 + 2)


def test_the_version_that_was_asked_for_is_kept(connect, backend):
    client = connect(version=4)
    client.generate(600, labels=0)
    assert backend.asked_versions == [4, 4, 4]
    assert backend.asked.count("metadata") == 1
    backend.versions = {4: 5}
    with pytest.raises(ServerError, match="version 4 of model 'digits' is not ready: "):
        client.generate(600, labels=0)
    assert backend.asked_versions[3:] == [4, 4]


def test_a_version_that_goes_leaves_nothing_in_the_result(connect, backend):
    backend.versions = {1: 5}
    made = connect().generate(600, labels=0, seed=3)
    assert np.array_equal(made, 255 - drawn(np.stack([np.full(600, 3), np.arange(600)], 1), np.float32(1)))
    assert backend.asked_versions == [4, 4, 5, 5, 5]


def test_versions_that_keep_going(connect, backend):
    backend.versions = {1: 5, 3: 6, 5: 7}
    with pytest.raises(ServerError, match="version 6 of model 'digits' is not ready: "):
        connect().generate(600, labels=0)
    assert backend.asked_versions == [4, 4, 5, 5, 6, 6]


def test_metadata(connect):
    client = connect("points", version=4)
    generate = Signature(
        "generate",
        {"seeds": Tensor("int32", (None, 2)), "truncation": Tensor("float32", (None,))},
        {"points": Tensor("float32", (None, 2))},
    )
    assert client.metadata() == Metadata("points", 4, {"generate": generate})
    assert client.signature("generate") == generate
    assert client.classes == 0
    assert client.domains == ()


def test_ready(connect, backend, clock):
    assert connect().ready()
    assert not connect("digit").ready()
    assert not connect(version=5).ready()
    backend.script = [RefusalError(503, "loading")]
    assert not connect().ready()
    assert not clock.slept
    backend.script = [RefusalError(500, "broken")]
    with pytest.raises(ServerError, match="broken"):
        connect().ready()


def test_not_ready_in_time(connect, backend, monkeypatch):
    monkeypatch.setattr("ganzoo.serving.client.connection.READY_SECONDS", 0.2)
    backend.go_on.clear()
    assert not connect().ready()
    backend.go_on.set()


@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_server_is_asked_again(connect, backend, clock, code):
    backend.script = [RefusalError(code, "full")] * 3
    assert connect().generate(1, labels=1, seed=1).shape == (1, 2, 3, 1)
    assert clock.slept == [0.25, 0.5, 1.0]


def test_as_long_as_it_says(connect, backend, clock):
    backend.script = [RefusalError(429, "full", "7"), RefusalError(503, "full", "0"), RefusalError(503, "full", "soon")]
    connect().metadata()
    assert clock.slept == [7.0, 0.5, 1.0]


def test_as_often_as_it_may(connect, backend, clock, address):
    backend.script = [RefusalError(429, "the queue is full")] * 3
    message = f"{address}: the server is too busy (the queue is full) (after 3 attempts)"
    with pytest.raises(ServerError) as raised:
        connect(retries=2).metadata()
    assert str(raised.value) == message
    assert len(clock.slept) == 2
    backend.script = [RefusalError(429, "the queue is full")] * 2
    with pytest.raises(ServerError, match=r"full\)$"):
        connect(retries=0).metadata()


def test_a_wait_beyond_the_time_limit_is_not_waited(connect, backend, clock, address):
    backend.script = [RefusalError(429, "full", "60")]
    with pytest.raises(ServerError) as raised:
        connect(timeout=30).metadata()
    assert str(raised.value) == (
        f"{address}: no answer within 30 s (for a longer limit: timeout, --timeout); "
        f"last error: {address}: the server is too busy (full)"
    )
    assert not clock.slept


def test_the_time_limit_is_for_all_requests_of_a_call(connect, backend, clock):
    run = Digits.run

    def slow(model, name, inputs):
        clock.now += 4
        return run(model, name, inputs)

    backend.models["digits"].run = lambda name, inputs: slow(Digits(), name, inputs)
    client = connect(timeout=10)
    with pytest.raises(ServerError, match="no answer within 10 s"):
        client.generate(1024, labels=0)
    assert client.generate(512, labels=0).shape[0] == 512


def test_the_time_limit_is_for_all_tiles_of_an_image(connect, backend, clock):
    run = backend.models["painter"].run

    def slow(name, inputs):
        clock.now += 4
        return run(name, inputs)

    backend.models["painter"].run = slow
    client = connect("painter", timeout=10)
    with pytest.raises(ServerError, match="no answer within 10 s"):
        client.translate(np.zeros((40, 60, 3), np.uint8), "monet", tile=32)
    assert len(backend.asked_versions) == 3


def test_a_server_that_does_not_answer(connect, backend, address):
    backend.go_on.clear()
    with pytest.raises(ServerError) as raised:
        connect(timeout=0.2).generate(1)
    backend.go_on.set()
    assert str(raised.value) == (f"{address}: no answer within 0.2 s (for a longer limit: timeout, --timeout)")


@pytest.mark.parametrize("code", [400, 500, 504])
def test_what_is_refused_is_not_asked_again(connect, backend, clock, address, code):
    backend.script = [RefusalError(code, "no\n  such luck")]
    with pytest.raises(ServerError) as raised:
        connect().metadata()
    assert str(raised.value) == f"{address}: digits: no such luck"
    assert backend.asked == ["metadata"]
    assert not clock.slept


def test_what_is_too_large_is_not_sent_again(clock):
    backend = Backend()
    with (
        grpc_server(backend) as address,  # which takes 4 MiB
        ganzoo.Client(address, "painter") as client,
        pytest.raises(ServerError) as raised,
    ):
        client.translate(np.zeros((1000, 1500, 3), np.uint8), "monet")
    assert str(raised.value).startswith(f"{address}: painter: the request is too large for the server (")
    assert "larger than max (4500" in str(raised.value)
    assert not clock.slept


@pytest.mark.parametrize("labels", [[0, 3], 3])
def test_labels_that_the_server_refuses(connect, labels):
    with pytest.raises(UsageError, match=r"^labels: expected integers in 0 … 2, got 3$"):
        connect().generate(labels=labels)


def test_labels_of_others_that_it_refuses(connect, backend, address):
    client = connect()
    client.metadata()
    backend.script = [refused(7)]
    with pytest.raises(ServerError) as raised:
        client.generate(labels=[0, 2])
    assert str(raised.value) == f"{address}: digits: labels: expected integers from 0 to 2, got 7"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": [-1]}, "labels: expected integers in 0 … the number of classes - 1, got -1"),
        ({"labels": [[1], [1, 2]]}, "labels: expected a plain list of integers, got rows of several lengths"),
        ({"labels": 0, "truncation": True}, "truncation: expected a number in (0, 1], got True"),
    ],
)
def test_what_cannot_be_drawn(connect, backend, arguments, message):
    with pytest.raises(UsageError) as raised:
        connect().generate(**arguments)
    assert str(raised.value) == message
    assert not predictions(backend)


def test_a_closed_client(connect, address):
    client = connect()
    client.metadata()
    client.close()
    for ask in (client.generate, client.metadata, client.ready, lambda: client.domains):
        with pytest.raises(UsageError, match=f"^digits: the client of {address} is closed$"):
            ask()


def test_unknown_model_and_version(connect, address, clock):
    with pytest.raises(ServerError) as raised:
        connect("digit").generate()
    assert str(raised.value) == (
        f"{address}: model 'digit' is not ready: Servable not found for request: Latest(digit) "
        "(check the name, or wait)"
    )
    with pytest.raises(ServerError, match="version 5 of model 'digits' is not ready: "):
        connect(version=5).generate()
    assert not clock.slept


def test_signatures_that_it_lacks(connect):
    with pytest.raises(UsageError) as raised:
        connect("points").translate(np.zeros((8, 8, 3), np.uint8), "monet")
    assert str(raised.value) == "points: has no signature 'translate_to_monet' (it has: generate)"
    with pytest.raises(UsageError, match="painter: has no signature 'generate'"):
        connect("painter").generate()
    with pytest.raises(UsageError, match=r"to: painter cannot make 'money' \(it makes: monet, photo\)"):
        connect("painter").translate(np.zeros((8, 8, 3), np.uint8), "money")
    with pytest.raises(UsageError) as raised:
        connect("painter").translate(np.zeros((8, 8, 3), np.uint8), "nowhere")
    assert str(raised.value) == "to: painter cannot make 'nowhere' (it makes: monet, photo)"
    with pytest.raises(UsageError, match="to: expected one of monet, photo, got none"):
        connect("painter").translate_bytes([b"file"])


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (np.full((8, 8, 3), 2.0), r"images: expected floats in \[0, 1\] or \[-1, 1\], got values from 2 to 2"),
        (np.zeros((8, 8, 3), np.int64), r"images: expected uint8 or floats, got int64 \[8, 8, 3\]"),
        (np.zeros((0, 8, 8, 3), np.uint8), "images: expected at least one, got none"),
        (np.zeros((7, 8, 3), np.uint8), "images: expected 8x8 pixels or more, got 7x8"),
    ],
)
def test_images_of_another_type(connect, backend, pictures, message):
    with pytest.raises(UsageError, match=message):
        connect("painter").translate(pictures, "monet")
    assert not predictions(backend)


def test_images_as_people_have_them(connect, tmp_path):
    grey, colour = np.full((9, 8), 7, np.uint8), np.full((8, 16, 3), 100, np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    client = connect("painter")
    made = client.translate([tmp_path / "grey.png", colour], "monet")
    assert [image.tolist() for image in made] == [np.full((9, 8, 3), 248).tolist(), np.full((8, 16, 3), 155).tolist()]
    assert client.translate(tmp_path / "grey.png", "monet").shape == (9, 8, 3)
    half = client.translate(colour / 255, "monet", longest=16, strength=0.2)
    assert half.tolist() == np.full((8, 16, 3), 111).tolist()  # 100 + 0.2 * 55
    with pytest.raises(UsageError, match=r"longest: expected an integer, got 'auto' \(a server does not"):
        client.translate(colour, "monet", longest="auto")


@pytest.mark.parametrize("files", [[], b"a file", [np.zeros(3)], ["photo.jpg"]])
def test_files_of_another_type(connect, files):
    with pytest.raises(UsageError, match="files: expected a list of the bytes"):
        connect("painter").translate_bytes(files, "monet")


def test_rows_are_counted(connect, backend):
    backend.models["points"].run = lambda name, inputs: {"points": np.zeros((2, 2), np.float32)}
    with pytest.raises(ServerError, match="points: expected 3 rows, got 2"):
        connect("points").generate(3)


def test_a_server_that_keeps_its_reasons(connect, backend):
    def refuse(name, inputs):
        raise RefusalError(500, "internal error")

    backend.models["digits"].run = refuse
    with pytest.raises(
        ServerError, match=r"digits: internal error \(while asking for the number of classes: give labels\)$"
    ):
        connect().generate()


def test_a_server_that_does_not_check_labels(connect, backend):
    backend.models["digits"].run = lambda name, inputs: {"images": drawn(np.zeros((1, 2), int), np.float32(1))}
    with pytest.raises(ServerError, match="does not tell the number of classes"):
        connect().generate()


@pytest.mark.parametrize("kind", SERVERS, indirect=False)
def test_no_server(kind, clock):
    with SERVERS[kind](Backend()) as address:
        pass
    said = []
    with ganzoo.Client(address, "digits", retries=2, note=said.append) as client, pytest.raises(ServerError) as raised:
        client.generate()
    assert str(raised.value).startswith(f"{address}: no server answers: ")
    assert "Connection refused" in str(raised.value)
    assert str(raised.value).endswith(" (start one: ganzoo serve --models DIR) (after 3 attempts)")
    assert said == [str(raised.value).replace(" (after 3 attempts)", "; retrying (at most 2)")]
    assert clock.slept == [0.25, 0.5]
    with ganzoo.Client(address, "digits") as client:
        assert not client.ready()


def test_a_lost_connection_is_made_again(backend, clock):
    with rest_server(backend) as address, ganzoo.Client(address, "digits") as client:
        client.metadata()
        backend.script = [HangUpError(), HangUpError()]
        assert len(client.generate(2, labels=0)) == 2
    assert len(clock.slept) >= 1


def test_a_date_to_come_back_at(backend, clock):
    backend.script = [RefusalError(503, "full", "Wed, 21 Oct 2015 07:28:00 GMT")]
    with rest_server(backend) as address, ganzoo.Client(address, "digits") as client:
        client.metadata()
    assert clock.slept == [0.25]


class Dribbling(Handler):
    """Never ends its answer."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        while not self.server.backend.go_on.wait(0.02):
            self.wfile.write(b" " * (1 << 20))


class Dripping(Handler):
    """Never ends its headers."""

    def do_GET(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not self.server.backend.go_on.wait(0.02):
            self.wfile.write(b"x")


class Silent(Handler):
    """Says no more after a late header."""

    def do_GET(self):
        self.server.backend.go_on.wait(0.2)
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        self.server.backend.go_on.wait(10)


@pytest.mark.parametrize("handler", [Dribbling, Dripping, Silent])
def test_an_answer_without_end(backend, handler):
    backend.go_on.clear()
    with rest_server(backend, handler) as address, ganzoo.Client(address, "digits", timeout=0.3) as client:
        start = time.monotonic()
        with pytest.raises(ServerError, match=r"no answer within 0.3 s"):
            client.metadata()
        assert 0.3 <= time.monotonic() - start < 2
        backend.go_on.set()


def test_an_answer_that_is_too_large(connect, kind, monkeypatch):
    monkeypatch.setattr(rest, "MOST_BYTES", 1000)
    monkeypatch.setattr(grpc_api, "OPTIONS", [("grpc.max_receive_message_length", 100)])
    with pytest.raises(ServerError, match=r"digits: expected an answer of at most \d+ bytes"):
        connect().metadata()


def test_a_proxy_is_not_for_loopback(connect, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert len(connect(retries=0).generate(2, labels=0)) == 2


def test_files_of_another_size(backend, monkeypatch):
    lying = {"png_bytes": as_files(np.zeros([2, 3, 2, 1], "B"))}
    monkeypatch.setattr(Digits, "run", lambda digits, name, inputs: lying)
    with (
        rest_server(backend) as address,
        ganzoo.Client(address, "digits") as client,
        pytest.raises(ServerError, match=r"expected images \['n', 2, 3, 1\], got \[2, 3, 2, 1\]"),
    ):
        client.generate(2, labels=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", "is not TensorFlow Serving's REST API: the answer is not a JSON object (check"),
        (b"[" * 100_000, "the answer is not a JSON object"),
        (b'{"model_spec": {"version": 1e999}, "metadata": {"signature_def": {"signature_def": {}}}}', "unexpected"),
        ({"detail": "x"}, "is not TensorFlow Serving's REST API: unexpected metadata (check"),
        ({"metadata": {"signature_def": []}}, "unexpected metadata"),
    ],
)
def test_another_kind_of_server(backend, monkeypatch, content, message):
    monkeypatch.setattr(Handler, "described", lambda handler, name, signatures: content)
    with rest_server(backend) as address, ganzoo.Client(address, "digits") as client:
        with pytest.raises(ServerError) as raised:
            client.generate()
        with pytest.raises(ServerError):
            client.ready()
    assert message in str(raised.value)


@pytest.mark.parametrize(
    "content",
    [{}, {"outputs": None}, {"outputs": ["eA=="]}, {"outputs": [{"b64": "%%"}]}, {"outputs": [{"b64": "eA=="}]}],
)
def test_predictions_in_another_form(backend, monkeypatch, content):
    monkeypatch.setattr(Handler, "predicted", lambda handler, name, version, request: content)
    with (
        rest_server(backend) as address,
        ganzoo.Client(address, "digits") as client,
        pytest.raises(
            ServerError,
            match=r"'generate_png' differ from its metadata|expected PNG files, got others .answer: not an",
        ),
    ):
        client.generate(1, labels=0)


def test_a_web_server_of_something_else(backend, monkeypatch):
    def not_found(handler):
        handler.send_error(404)

    monkeypatch.setattr(Handler, "do_GET", not_found)
    with (
        rest_server(backend) as address,
        ganzoo.Client(address, "digits") as client,
        pytest.raises(
            ServerError, match=r"is not TensorFlow Serving's REST API: 404 Not Found \(check host and port\)"
        ),
    ):
        client.generate()


def test_grpc_without_the_service():
    server = grpc.server(futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with (
        ganzoo.Client(f"grpc://127.0.0.1:{port}", "digits") as client,
        pytest.raises(ServerError, match="is not TensorFlow Serving's gRPC API"),
    ):
        client.generate()
    server.stop(None).wait()


@pytest.mark.parametrize(
    ("kind", "asked", "other", "scheme"), [("grpc", "REST", "gRPC", "http"), ("rest", "gRPC", "REST", "grpc")]
)
def test_the_port_of_the_other_api(backend, clock, kind, asked, other, scheme):
    with SERVERS[kind](backend) as right:
        wrong = f"{scheme}://{right.partition('://')[2]}"
        with ganzoo.Client(wrong, "digits") as client, pytest.raises(ServerError) as raised:
            client.generate()
    assert str(raised.value) == (
        f"{wrong}: is not TensorFlow Serving's {asked} API, perhaps the {other} port (try {right})"
    )
    assert not clock.slept


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:8501",
        "localhost:8501",
        "ftp://host:1",
        "http://",
        "grpc://host",
        "grpc://h:1/path",
        "http://host:99999",
        "http://h:x",
        "http://:1",
        "http://[h:1",
        "http://h:1?a=b",
        "",
        None,
    ],
)
def test_addresses_of_another_form(address):
    with pytest.raises(UsageError) as raised:
        ganzoo.Client(address, "digits")
    assert str(raised.value) == (
        f"address: expected http://HOST:PORT, https://HOST:PORT or grpc://HOST:PORT, got {address!r}"
    )


@pytest.mark.parametrize(
    ("address", "api"),
    [
        ("grpc://127.0.0.1:8500", "grpc"),
        ("grpc://[::1]:8500", "grpc"),
        ("http://h:1", "rest"),
        ("https://h/path", "rest"),
    ],
)
def test_an_address_says_its_api(address, api):
    assert api_of(address) == api


GENERATE = Signature(
    "generate",
    {"seeds": Tensor("int32", (None, 2)), "truncation": Tensor("float32", (None,))},
    {"images": Tensor("uint8", (None, 1))},
)


def test_messages():
    inputs = {"seeds": np.array([[7, 0], [7, 1]], np.int32), "truncation": np.array([1.0, 0.5], np.float32)}
    rest_, grpc_ = transport("http://h:1", "m"), transport("grpc://h:1", "m")
    assert json.loads(rest_.encode(GENERATE, inputs)) == {
        "signature_name": "generate",
        "inputs": {"seeds": [[7, 0], [7, 1]], "truncation": [1.0, 0.5]},
    }
    request = predict_pb2.PredictRequest.FromString(grpc_.encode(GENERATE, inputs))
    assert (request.model_spec.name, request.model_spec.signature_name) == ("m", "generate")
    assert tf.make_ndarray(request.inputs["seeds"]).tolist() == [[7, 0], [7, 1]]
    assert tf.make_ndarray(request.inputs["truncation"]).dtype == np.float32

    response = predict_pb2.PredictResponse()
    response.outputs["images"].CopyFrom(tf.make_tensor_proto(np.array([[1], [2]], np.uint8)))
    for by, content in ((grpc_, response.SerializeToString()), (rest_, b'{"outputs": [[1], [2]]}')):
        images = by.decode(content, GENERATE)["images"]
        assert images.dtype == np.uint8
        assert images.tolist() == [[1], [2]]
        by.close()


@pytest.mark.parametrize(
    ("address", "content"),
    [
        ("http://h:1", b"none"),
        ("http://h:1", b"1"),
        ("http://h:1", b'{"error": 1}'),
        ("http://h:1", b"[" * 100_000),
        *(
            ("http://h:1", b'{"outputs": %s}' % values)
            for values in (b"[]", b"[1]", b"[[[1]]]", b"[[1, 2]]", b"[[1], [2, 3]]", b"[[256]]", b"[[-1]]", b"[[1.5]]")
        ),
        *(("http://h:1", b'{"outputs": [[%s]]}' % value) for value in (b"true", b'"1"', b"null", b"{}", b"1" * 99)),
        ("grpc://h:1", b"none"),
        ("grpc://h:1", b""),
    ],
)
def test_what_is_no_answer(address, content):
    with pytest.raises(ValueError, match=r"."):
        transport(address, "m").decode(content, GENERATE)


@pytest.mark.parametrize(
    ("dtype", "shape"), [(tf.float32, [1, 1]), (tf.uint8, [1]), (tf.uint8, [1, 2]), (tf.uint8, [2**40, 1])]
)
def test_an_answer_of_another_dtype_or_shape_is_not_expanded(dtype, shape):
    response = predict_pb2.PredictResponse()
    response.outputs["images"].CopyFrom(tf.make_tensor_proto(0, dtype))
    response.outputs["images"].tensor_shape.CopyFrom(tf.TensorShape(shape).as_proto())
    with pytest.raises(ValueError, match=r"expected Tensor\(dtype='uint8', shape=\(None, 1\)\)|at most \d+ bytes"):
        transport("grpc://h:1", "m").decode(response.SerializeToString(), GENERATE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": ""}, "model: expected a name, got ''"),
        ({"version": 0}, "version: expected an integer of at least 1, got 0"),
        ({"version": "1"}, "version: expected an integer of at least 1, got '1'"),
        ({"timeout": 0}, "timeout: expected seconds above 0, got 0"),
        ({"timeout": float("nan")}, "timeout: expected seconds above 0, got nan"),
        ({"retries": -1}, "retries: expected an integer of at least 0, got -1"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(UsageError, match=message):
        ganzoo.Client(**{"address": "http://host:1", "model": "digits", **arguments})


def test_grpc_needs_an_extra(monkeypatch):
    monkeypatch.delitem(sys.modules, "ganzoo.serving.client.grpc_api", raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    with pytest.raises(UsageError, match=r"pip install 'ganzoo\[serving\]'"):
        ganzoo.Client("grpc://host:1", "digits")


def test_rest_takes_no_tensorflow(backend):
    script = (
        "import sys, numpy as np, ganzoo\n"
        "with ganzoo.Client(sys.argv[1], 'digits') as client: client.ready(), client.generate(seed=1)\n"
        "with ganzoo.Client(sys.argv[1], 'painter') as client: client.translate(np.zeros((8, 8, 3), 'B'), 'photo')\n"
        "print(*{'tensorflow', 'keras', 'grpc', 'tensorflow_serving'} & set(sys.modules))"
    )
    with rest_server(backend) as address:
        done = subprocess.run([sys.executable, "-c", script, address], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_how_many_labels_there_are_is_read_from_the_graphs_refusal():
    from ganzoo.exports import bounds

    @tf.function
    def check(labels):
        with tf.control_dependencies(bounds.of_draws({"labels": labels}, 12, 4)):
            return tf.identity(labels)

    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        check(tf.constant([-1]))
    assert client_module._CLASSES.search(retries.one_line(raised.value.message)).group(1) == "11"
