"""Damaged and hostile input of every reader: one line of error, within 2 seconds and 1 GiB.

Valid inputs are edited (bytes changed, cut, doubled, put in); Hypothesis finds what fails and makes it small. A minute
in CI, from the same seeds each time; ten by night, from new ones; what it prints tells how to repeat a failure.
"""

import gc
import io
import itertools
import json
import random
import resource
import shutil
import signal
import time

import numpy as np
import pytest
import tensorflow as tf
from core.test_torch_file import old, tensor, zipped
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save
from tensorflow_serving.apis import predict_pb2

import ganzoo
from ganzoo.core import images
from ganzoo.core.torch_file import read_state_dict
from ganzoo.errors import GanzooError
from ganzoo.models.build import build
from ganzoo.serving.server.json_codec import JsonExchange
from ganzoo.serving.server.proto_codec import ProtoExchange
from ganzoo.serving.server.servable import Signature
from ganzoo.serving.server.status import ServingError
from ganzoo.training.checkpoints import Checkpoints
from ganzoo.training.directory import RunDirectory

SECONDS, GIB = 2.0, 1.0  # of one input
DAY, NIGHT = 10, 100  # seconds of each reader
BUDGETS = [pytest.param(DAY, marks=pytest.mark.slow), pytest.param(NIGHT, marks=pytest.mark.nightly)]

PLACE = st.floats(0, 1, exclude_max=True)
EDIT = st.one_of(
    st.tuples(st.just("set"), PLACE, st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("insert"), PLACE, st.binary(min_size=1, max_size=8)),
    st.tuples(
        st.just("insert"), PLACE, st.sampled_from([b"\xff" * 8, b"\x00" * 8, b"9" * 400, b"[" * 400, b"\n", b"{}"])
    ),
    st.tuples(st.just("cut"), PLACE, st.integers(1, 64)),
    st.tuples(st.just("double"), PLACE, st.integers(1, 256)),
    st.tuples(st.just("end"), PLACE, st.just(0)),
)


def edited(data, edits):
    """Bytes with these edits, each at a place that is a share of the length."""
    for what, place, how in edits:
        at = int(place * len(data))
        if what == "set":
            data = data[:at] + how + data[at + len(how) :]
        elif what == "insert":
            data = data[:at] + how + data[at:]
        elif what == "cut":
            data = data[:at] + data[at + how :]
        elif what == "double":
            data = data[: at + how] + data[at:]
        else:
            data = data[:at]
    return data


def of(valid):
    """Edited bytes of any of the valid inputs."""
    return st.builds(edited, st.sampled_from(valid), st.lists(EDIT, min_size=1, max_size=4))


def attempt(check, data):
    """Check one input: an error must be ganzoo's own and one line, soon and in little memory."""

    def late(*_):
        raise AssertionError("hangs")

    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.thread_time()
    usual = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    said = ""
    try:
        check(data)
    except (GanzooError, ServingError) as error:
        said = str(error)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, usual)
    assert "\n" not in said.strip()
    assert time.thread_time() - began < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20 < GIB


def fuzz(seconds, strategy, check):
    """Check inputs of a strategy for some seconds."""
    gc.collect()  # what earlier tests have left may take long to end, and would be counted
    gc.freeze()
    ended = time.monotonic() + seconds
    seeds = itertools.count() if seconds == DAY else iter(lambda: random.getrandbits(32), None)
    tried = 0

    @settings(
        max_examples=200,
        deadline=None,
        database=None,
        print_blob=True,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def tries(data):
        nonlocal tried
        if time.monotonic() < ended:
            tried += 1
            attempt(check, data)

    try:
        while time.monotonic() < ended:
            seed(next(seeds))(tries)()
    finally:
        gc.unfreeze()
    assert tried > 10
    print(f"{tried} inputs in {seconds} s")


def encoded(format, array, mode=None, **options):
    buffer = io.BytesIO()
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(buffer, format=format, **options)
    return buffer.getvalue()


def pictures():
    colour = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    still = [encoded("PNG", colour), encoded("PNG", colour, "P"), encoded("PNG", colour, "RGBA")]
    still += [encoded("PNG", colour[..., 0].astype(np.uint16) * 100), encoded("JPEG", colour)]
    still += [encoded("JPEG", colour, "CMYK"), encoded("JPEG", colour, progressive=True), encoded("BMP", colour)]
    still += [encoded("TIFF", colour), encoded("TIFF", colour, compression="tiff_lzw"), encoded("WEBP", colour)]
    still += [encoded("TIFF", colour[..., 0].astype(np.float32)), encoded("TGA", colour), encoded("PPM", colour)]
    frames = [Image.fromarray(np.roll(colour, shift, 0)) for shift in (1, 2)]
    return [*still, encoded("GIF", colour, "P", save_all=True, append_images=frames)]


@pytest.mark.parametrize("seconds", BUDGETS)
def test_pictures(seconds, tmp_path):
    def check(data):
        (tmp_path / "picture").write_bytes(data)
        for channels in (1, 3):
            array = images.read(tmp_path / "picture", channels=channels)
            assert array.dtype == np.uint8
            assert array.shape[2] == channels

    fuzz(seconds, of(pictures()), check)


@pytest.mark.parametrize("seconds", BUDGETS)
def test_configs(seconds, tmp_path):
    def check(data):
        (tmp_path / "config.yaml").write_bytes(data)
        ganzoo.config(tmp_path / "config.yaml")

    names = ("cgan_mnist", "cyclegan_monet", "gan_ring", "vae_mnist")
    fuzz(seconds, of([ganzoo.config(name).to_yaml().encode() for name in names]), check)


@pytest.mark.parametrize("seconds", BUDGETS)
def test_weights_of_pytorch_and_safetensors(seconds, tmp_path):
    def check(data):
        (tmp_path / "weights.pth").write_bytes(data)
        read_state_dict(tmp_path / "weights.pth")

    arrays = {"a": np.zeros([2, 3], np.float32), "b": np.zeros(4, np.int64)}
    state = tensor()
    fuzz(seconds, of([old(state), zipped(state), state, save(arrays)]), check)


class Digits:
    """A servable without a SavedModel: its signature alone."""

    model, version = "digits", 1

    def signature(self, name):
        if name not in ("", "draw"):
            raise ServingError("FAILED_PRECONDITION", "no such signature")
        inputs = {
            "seeds": tf.TensorSpec([None, 2], tf.int32),
            "truncation": tf.TensorSpec([None], tf.float32),
            "files": tf.TensorSpec([None], tf.string),
        }
        return Signature("draw", inputs, {"images": tf.TensorSpec([None, 28, 28, 1], tf.uint8)})


ROW = {"seeds": [1, 2], "truncation": 0.5, "files": {"b64": "aGVsbG8="}}


@pytest.mark.parametrize("seconds", BUDGETS)
def test_requests_in_json(seconds):
    columns = {"seeds": [[1, 2], [3, 4]], "truncation": [0.5, 1e-3], "files": [{"b64": "aGVsbG8="}, "text"]}
    valid = [{"instances": [ROW, ROW]}, {"inputs": columns}, {"signature_name": "draw", "instances": [ROW]}]
    fuzz(seconds, of([json.dumps(body).encode() for body in valid]), lambda data: JsonExchange(data).read(Digits()))


@pytest.mark.parametrize("seconds", BUDGETS)
def test_requests_in_protos(seconds):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "digits"
    request.model_spec.signature_name = "draw"
    arrays = {"seeds": np.int32([[1, 2]]), "truncation": np.float32([0.5]), "files": np.array([b"hello"], object)}
    for name, array in arrays.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array))

    def check(data):
        try:
            given = predict_pb2.PredictRequest.FromString(data)
        except DecodeError:  # gRPC refuses it
            return
        ProtoExchange(given, 2**27).read(Digits())

    fuzz(seconds, of([request.SerializeToString()]), check)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run."""
    small = {"generator.widths": [4], "discriminator.widths": [4], "training.checkpoint_every": 2}
    workdir = tmp_path_factory.mktemp("fuzz") / "run"
    ganzoo.train("gan_ring", steps=4, workdir=workdir, overrides={**small, "training.log_every": 1})
    return workdir


@pytest.mark.parametrize("seconds", BUDGETS)
def test_run_directories(seconds, finished, tmp_path):
    model = build(ganzoo.config(finished))
    names = [path.relative_to(finished) for path in sorted(finished.rglob("*")) if path.is_file()]
    names = [name for name in names if name.suffix in (".jsonl", ".json", ".yaml", ".safetensors")]
    names = [name for name in names if name.parts[0] in ("config.yaml", "log.jsonl", "checkpoints")]
    assert len(names) >= 4

    def check(given):
        name, edits = given
        there = tmp_path / "run"
        shutil.rmtree(there, ignore_errors=True)
        shutil.copytree(finished, there)
        (there / name).write_bytes(edited((finished / name).read_bytes(), edits))
        run = RunDirectory(there)
        for record in run.read_log() + run.read_losses():
            assert isinstance(record["step"], int)
        assert run.sample_sheets()
        ganzoo.config(there)
        checkpoints = Checkpoints(run.checkpoints)
        checkpoints.newest_whole()
        checkpoints.restore(model)

    fuzz(seconds, st.tuples(st.sampled_from(names), st.lists(EDIT, min_size=1, max_size=4)), check)
