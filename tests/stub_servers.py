"""Stubs that speak TensorFlow Serving's forms, over REST and gRPC, with a model made of NumPy."""

import base64
import json
import threading
from concurrent import futures
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc

from ganzoo.core import images

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
