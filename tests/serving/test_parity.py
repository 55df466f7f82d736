"""Keras, the SavedModel alone, REST and gRPC give the same bytes, by the real server: of each kind of model and of all
that are trained; by night every model of the zoo."""

import base64
import re
import shutil
import struct
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
from small_runs import model_of_each_kind
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

import ganzoo
from ganzoo.core import images

pytestmark = pytest.mark.slow

BY_DAY = {*model_of_each_kind(), *ganzoo.list_models(pretrained=True)}
MODELS = [pytest.param(name, marks=() if name in BY_DAY else pytest.mark.nightly) for name in ganzoo.list_models()]
SEED, POSITIONS, TRUNCATION = 11, [0, 5, 1000], 0.75

# Calls signatures in a process without ganzoo and Keras, each from two loads; REQUESTS.npz has MODEL/SIGNATURE/INPUT.
PLAIN = """
import sys
sys.modules["ganzoo"] = sys.modules["keras"] = None  # not importable
import numpy as np, tensorflow as tf
base, given, made = sys.argv[1:]
calls, outputs = {}, {}
for key, value in np.load(given, allow_pickle=True).items():
    model, signature, name = key.split("/")
    value = tf.constant(value.tolist() if value.dtype == object else value)
    calls.setdefault(model, {}).setdefault(signature, {})[name] = value
for model, signatures in calls.items():
    for time in ("first", "again"):
        loaded = tf.saved_model.load(f"{base}/{model}/1")
        for signature, inputs in signatures.items():
            (output,) = loaded.signatures[signature](**inputs).values()
            outputs[f"{model}/{signature}/{time}"] = output.numpy()
np.savez(made, **outputs)
"""


def photographs(channels, seed=0):
    """No multiple of any stride."""
    return np.random.default_rng(seed).integers(0, 256, (2, 27, 45, channels), np.uint8)


def calls_of(name):
    """signature -> its inputs by name, and what Python's own model gives for them."""
    config = ganzoo.config(name)
    model = ganzoo.load(name, weights="pretrained" if name in ganzoo.list_models(pretrained=True) else "random")
    if config.offers("translate"):
        channels = config.dataset.channels
        pictures = photographs(channels)
        files = np.array([images.encode_png(picture) for picture in pictures], object)
        calls = {}
        for domain in model.translators:
            made = model.translate(pictures, domain)
            calls[f"translate_to_{domain}"] = {"images": pictures}, made
            calls[f"translate_to_{domain}_bytes"] = {"image_bytes": files}, made
        return calls
    labels = [2 % model.classes, 1, 0] if model.classes else None
    drawn = model.generate(labels=labels, seed=SEED, positions=POSITIONS, truncation=TRUNCATION)
    latents = model.sample_latents(2, seed=SEED)
    decoded = model.decode(latents, labels and labels[:2])
    with_labels = {"labels": np.int32(labels)} if labels else {}
    inputs = {
        "seeds": np.int32([[SEED, position] for position in POSITIONS]),
        "truncation": np.float32([TRUNCATION] * 3),
        **with_labels,
    }
    first = {key: value[:2] for key, value in with_labels.items()}
    calls = {
        "generate": (inputs, drawn),
        "serving_default": (inputs, drawn),
        "decode": ({"latents": latents, **first}, decoded),
    }
    if drawn.ndim == 4:
        calls["generate_png"] = inputs, drawn
    return calls


def pictures_of(made, channels):
    """Arrays, or files as what they show."""
    if made.dtype != object:
        return made
    return np.stack([images.decode(file, "png", channels=channels) for file in made])


@pytest.fixture(scope="module")
def models(request):
    """Names of the models that the chosen tests are about."""
    about = [getattr(item, "callspec", None) for item in request.session.items if item.module is request.module]
    return sorted({"cgan_mnist", "cyclegan_digits", *(of.params["name"] for of in about if of and "name" in of.params)})


@pytest.fixture(scope="module")
def expected(models):
    return {name: calls_of(name) for name in models}


@pytest.fixture(scope="module")
def base(models, tmp_path_factory):
    base = tmp_path_factory.mktemp("base")
    for name in models:
        ganzoo.export(name, base, allow_untrained=True, quiet=True)
    return base


@pytest.fixture(scope="module")
def plain(base, expected, tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    given = {
        f"{name}/{signature}/{key}": value
        for name, calls in expected.items()
        for signature, (inputs, _) in calls.items()
        for key, value in inputs.items()
    }
    np.savez(folder / "given.npz", **given)
    argv = [sys.executable, "-c", PLAIN, base, folder / "given.npz", folder / "made.npz"]
    done = subprocess.run(list(map(str, argv)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return dict(np.load(folder / "made.npz", allow_pickle=True))


class Server:
    """`ganzoo serve` as people run it, and two plain clients."""

    def __init__(self, base):
        argv = ["--models", base, "--rest_port", "0", "--grpc_port", "0", "--poll_seconds", "0.1"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ganzoo", "serve", *map(str, argv)], stderr=subprocess.PIPE, text=True
        )
        self.lines = []
        while not (found := re.search(r"REST (http://\S+), gRPC (\S+)$", self.lines[-1] if self.lines else "")):
            line = self.process.stderr.readline()
            assert line, "".join(self.lines)
            self.lines.append(line)
        self.rest_address, self.grpc_address = found.groups()
        self.channel = grpc.insecure_channel(self.grpc_address)
        self.stub = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)

    def rest(self, model, signature, inputs):
        columns = {
            name: [{"b64": base64.b64encode(file).decode()} for file in value]
            if value.dtype == object
            else value.tolist()
            for name, value in inputs.items()
        }
        body = {"signature_name": signature, "inputs": columns}
        response = requests.post(f"{self.rest_address}/v1/models/{model}:predict", json=body, timeout=120)
        assert response.status_code == 200, response.text
        made = response.json()["outputs"]
        if isinstance(made[0], dict):
            return np.array([base64.b64decode(file["b64"]) for file in made], object)
        return np.array(made)

    def grpc(self, model, signature, inputs):
        response = self.stub.Predict(predict_request(model, signature, inputs), timeout=120)
        (made,) = response.outputs.values()
        return tf.make_ndarray(made)

    def metric(self, name):
        page = requests.get(f"{self.rest_address}/metrics", timeout=60).text
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", page, re.MULTILINE))

    def end(self):
        self.channel.close()
        self.process.terminate()
        self.process.communicate(timeout=60)
        return self.process.returncode


def predict_request(model, signature, inputs):
    """As the official client makes one."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value.tolist() if value.dtype == object else value))
    return request


@pytest.fixture(scope="module")
def server(base):
    started = Server(base)
    yield started
    assert started.end() == 0


@pytest.mark.parametrize("name", MODELS)
def test_the_saved_model_alone_gives_the_bytes_of_keras(name, expected, plain):
    channels = ganzoo.config(name).dataset.channels
    for signature, (_, wanted) in expected[name].items():
        first, again = (plain[f"{name}/{signature}/{time}"] for time in ("first", "again"))
        np.testing.assert_array_equal(first, again)
        np.testing.assert_array_equal(pictures_of(first, channels), wanted, strict=True)


@pytest.mark.parametrize("way", ["rest", "grpc"])
@pytest.mark.parametrize("name", MODELS)
def test_the_server_gives_the_bytes_of_the_saved_model(name, way, expected, plain, server):
    for signature, (inputs, _) in expected[name].items():
        wanted = plain[f"{name}/{signature}/first"]
        made = getattr(server, way)(name, signature, inputs)
        np.testing.assert_array_equal(made.astype(wanted.dtype), wanted)


@pytest.mark.parametrize("way", ["rest", "grpc"])
@pytest.mark.parametrize("name", ganzoo.list_models(pretrained=True))
def test_the_client_gives_the_bytes_of_keras(name, way, server):
    address = server.rest_address if way == "rest" else f"grpc://{server.grpc_address}"
    model = ganzoo.load(name)
    with ganzoo.Client(address, name) as client:
        if ganzoo.config(name).offers("translate"):
            pictures = photographs(ganzoo.config(name).dataset.channels)
            for domain in client.domains:
                np.testing.assert_array_equal(client.translate(pictures, domain), model.translate(pictures, domain))
        else:
            np.testing.assert_array_equal(client.generate(20, seed=3), model.generate(20, seed=3))


def test_after_a_reload_the_bytes_are_the_same(base, expected, server):
    name, (inputs, wanted) = "cgan_mnist", expected["cgan_mnist"]["generate"]
    shutil.copytree(base / name / "1", base / ".copy")
    (base / ".copy").rename(base / name / "2")
    for _ in range(600):
        states = requests.get(f"{server.rest_address}/v1/models/{name}", timeout=60).json()["model_version_status"]
        if [state["state"] for state in states] == ["AVAILABLE", "END"]:
            break
        time.sleep(0.1)
    assert [(state["version"], state["state"]) for state in states] == [("2", "AVAILABLE"), ("1", "END")]
    np.testing.assert_array_equal(server.grpc(name, "generate", inputs), wanted)
    np.testing.assert_array_equal(server.rest(name, "generate", inputs), wanted)


@pytest.mark.parametrize(("name", "signature"), [("cgan_mnist", "generate"), ("cyclegan_digits", "translate_to_bold")])
def test_rows_that_run_together_are_a_grey_level_apart_at_most(name, signature, server):
    def inputs(i):
        if name == "cyclegan_digits":
            return {"images": photographs(1, seed=i)}
        seeds = np.int32([[SEED, 7 * i], [i, 3]])
        return {"seeds": seeds, "truncation": np.ones(2, np.float32), "labels": np.int32([i % 10, 4])}

    alone = [server.grpc(name, signature, inputs(i)) for i in range(48)]
    for _ in range(10):  # until some did run together
        before = server.metric("ganzoo_batch_requests_count")
        with ThreadPoolExecutor(48) as pool:
            made = list(pool.map(lambda i: server.grpc(name, signature, inputs(i)), range(48)))
        for one, wanted in zip(made, alone, strict=True):
            assert np.abs(one.astype(int) - wanted).max() <= 1
        if server.metric("ganzoo_batch_requests_count") - before < 48:
            return
    raise AssertionError("no requests ran together")


def png_header(width, height):
    """A file that says to be so large, and ends there."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def test_broken_pictures_are_refused_and_the_server_goes_on(server, expected):
    name, signature = "cyclegan_digits", "translate_to_bold_bytes"
    whole = images.encode_png(photographs(1)[0])
    broken = [whole[:length] for length in range(0, len(whole) - 1, 29)]
    broken += [png_header(width, 100_000) for width in (100_000, 2**31 - 1, 1)]
    broken += [b"GIF89a" + bytes(100), b"\xff\xd8\xff\xe0" + bytes(100), bytes(1000), whole.replace(b"IDAT", b"IDAX")]
    for file in broken:
        with pytest.raises(grpc.RpcError) as caught:
            server.grpc(name, signature, {"image_bytes": np.array([file], object)})
        assert (caught.value.code(), bool(caught.value.details())) == (grpc.StatusCode.INVALID_ARGUMENT, True)
        coded = base64.b64encode(file).decode()
        for text in (coded, coded[:-1]):
            body = {"signature_name": signature, "instances": [{"b64": text}]}
            response = requests.post(f"{server.rest_address}/v1/models/{name}:predict", json=body, timeout=60)
            assert response.status_code == 400, (file[:20], response.text)
            assert response.json()["error"]
    inputs, wanted = expected[name][signature]
    np.testing.assert_array_equal(pictures_of(server.grpc(name, signature, inputs), 1), wanted)


def test_saved_model_cli_shows_and_runs_it(base, expected, tmp_path):
    directory = base / "cgan_mnist" / "1"
    tool = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli"]
    shown = subprocess.run([*tool, "show", "--dir", directory, "--all"], capture_output=True, text=True, check=True)
    for signature in ("decode", "generate", "generate_png", "serving_default"):
        assert f"signature_def['{signature}']" in shown.stdout
    inputs, wanted = expected["cgan_mnist"]["generate"]
    for name, value in inputs.items():
        np.save(tmp_path / f"{name}.npy", value)
    given = ";".join(f"{name}={tmp_path / name}.npy" for name in inputs)
    flags = ["--tag_set", "serve", "--signature_def", "generate", "--inputs", given, "--outdir", tmp_path]
    subprocess.run([*tool, "run", "--dir", directory, *flags], capture_output=True, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "images.npy"), wanted)
