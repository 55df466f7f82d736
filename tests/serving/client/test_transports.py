"""The ways to a server: none there, another kind, an answer without end, addresses, messages."""

import json
import subprocess
import sys
import time
from concurrent import futures

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL.PngImagePlugin import PngImageFile
from stub_servers import (
    SERVERS,
    Backend,
    Digits,
    Dribbling,
    Dripping,
    Handler,
    HangUpError,
    RefusalError,
    Servicer,
    Silent,
    as_files,
    grpc_server,
    rest_server,
)
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2

import ganzoo
from ganzoo.errors import ServerError, UsageError
from ganzoo.serving.client import client as client_module
from ganzoo.serving.client import grpc_api, rest, retries
from ganzoo.serving.client.metadata import Signature, Tensor
from ganzoo.serving.client.transport import api_of, transport


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


@pytest.mark.parametrize(("shape", "got"), [([2, 3, 2, 1], "3x2"), ([1, 3000, 3000, 3], "3000x3000")])
def test_files_of_another_size(backend, monkeypatch, shape, got):
    """Also that they are not decoded."""
    lying = {"png_bytes": as_files(np.zeros(shape, "B"))}
    monkeypatch.setattr(Digits, "run", lambda digits, name, inputs: lying)
    monkeypatch.delattr(PngImageFile, "load_read")
    with (
        rest_server(backend) as address,
        ganzoo.Client(address, "digits") as client,
        pytest.raises(ServerError) as raised,
    ):
        client.generate(shape[0], labels=0)
    assert str(raised.value) == (
        f"{address}: digits: expected PNG files of 2x3 pixels, got others (answer: expected 2x3 pixels, got {got}: "
        "resize it)"
    )


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
            match=r"'generate_png' differ from its metadata|expected PNG files of 2x3 .*: not a PNG",
        ),
    ):
        client.generate(1, labels=0)


@pytest.mark.parametrize("dtype", ["DT_OBJECT", "DT_STR", "DT_INT32,INT32", "DT_UNKNOWN"])
def test_dtypes_that_are_none(dtype):
    """Only some of them are none for NumPy."""
    tensor = Tensor(rest._dtype(dtype), (None, 1))
    with pytest.raises(ValueError, match=r"."):
        rest._outputs({"outputs": [[1]]}, Signature("generate", {}, {"images": tensor}))


@pytest.mark.parametrize("broken", ["dtype", "value", "type"])
def test_broken_metadata_over_grpc(backend, monkeypatch, broken):
    def metadata(servicer, request, context):
        described = get_model_metadata_pb2.SignatureDefMap()
        described.signature_def["generate"].inputs["seeds"].dtype = 999 if broken == "dtype" else 1
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        answer.metadata["signature_def"].Pack(answer if broken == "type" else described)
        if broken == "value":
            answer.metadata["signature_def"].value += b"\xff"
        return answer

    monkeypatch.setattr(Servicer, "GetModelMetadata", metadata)
    with grpc_server(backend) as address, ganzoo.Client(address, "digits") as client:
        for ask in (client.generate, client.ready):
            with pytest.raises(ServerError) as raised:
                ask()
            assert str(raised.value) == f"{address}: digits: unexpected metadata"


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
