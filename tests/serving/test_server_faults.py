"""More than a thousand broken requests: each is refused with a reason, and the server goes on."""

import gc
import json
import random
import socket
import weakref

import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from ganzoo.serving.server.servable import Servable

PREDICT = "/v1/models/tiny:predict"
RIGHT = [
    {"signature_name": "times", "instances": [1, 2, 3]},
    {"signature_name": "both", "instances": [{"a": [1.5, 2], "b": 3}, {"a": [4, 5], "b": 6}]},
    {"signature_name": "echo", "inputs": {"text": [{"b64": "AAECAwQ="}]}},
    {"signature_name": "images", "inputs": {"images": [[[[1], [2]], [[3], [4]]]], "flags": [True]}},
]
WRONG = [
    None,
    {},
    {"b64": 3},
    {"b64": "=A="},
    [],
    [[]],
    [[1], 2],
    "text",
    1e308,
    -(2**40),
    2**70,
    10**400,
    1.5,
    True,
    -1,
]


def places(value, path=()):
    """The paths to all parts of a JSON value."""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*path, key))


def replaced(value, path, new):
    """A copy of a JSON value with another part."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def broken_bodies(number):
    """Right bodies with one part replaced, cut off, or with bytes changed; a few of them are right by chance."""
    draw = random.Random(0)
    for i in range(number):
        right = draw.choice(RIGHT)
        if i % 3 == 0:
            yield json.dumps(replaced(right, draw.choice(list(places(right))), draw.choice(WRONG))).encode()
        else:
            body = bytearray(json.dumps(right).encode())
            if i % 3 == 1:
                yield bytes(body[: draw.randrange(len(body))])
            else:
                for _ in range(draw.randint(1, 4)):
                    body[draw.randrange(len(body))] = draw.randrange(256)
                yield bytes(body)


def test_broken_json(serve):
    rest = serve().rest
    codes = []
    with requests.Session() as session:
        for body in broken_bodies(500):
            response = session.post(rest.url + PREDICT, data=body, timeout=30)
            codes.append(response.status_code)
            assert response.status_code in (200, 400), (body, response.text)
            if response.status_code == 400:
                assert response.json()["error"], body
    assert codes.count(400) > 400
    assert rest.predict({"x": [1]}) == [2]
    assert rest.metric("ganzoo_requests_total", code="INTERNAL") == 0


def test_paths_and_methods(serve):
    rest = serve().rest
    draw = random.Random(0)
    for _ in range(100):
        path = "/" + "/".join(
            draw.choices(["v1", "models", "tiny", "versions", "2x", "%2e%2e", "%00", "é", ":predict"], k=5)
        )
        response = requests.request(draw.choice(["GET", "POST", "PUT", "DELETE"]), rest.url + path, timeout=30)
        assert 400 <= response.status_code < 500, path
        assert response.json()["error"]
    assert rest.predict({"x": [1]}) == [2]


def broken_request(draw):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = draw.choice(["tiny", "tiny", "tiny", "other", "", "../tiny"])
    request.model_spec.signature_name = draw.choice(
        ["times", "both", "echo", "images", "", "none", "__saved_model_init_op"]
    )
    if draw.random() < 0.2:
        request.model_spec.version.value = draw.choice([-1, 0, 3, 2**62])
    for name in draw.sample(["x", "a", "b", "text", "images", "flags", "other"], draw.randint(0, 3)):
        tensor = request.inputs[name]
        tensor.dtype = draw.choice([0, 1, 3, 4, 7, 9, 10, 22, 103])
        for _ in range(draw.randint(0, 5)):
            tensor.tensor_shape.dim.add().size = draw.choice([-1, 0, 1, 2, 3, 2**20, 2**40, 2**62])
        tensor.tensor_shape.unknown_rank = draw.random() < 0.1
        if draw.random() < 0.5:
            tensor.tensor_content = draw.randbytes(draw.choice([0, 1, 4, 8, 64]))
        tensor.int_val.extend(draw.choices([-1, 13, 300, 2**31 - 1], k=draw.randint(0, 3)))
        tensor.float_val.extend(draw.choices([float("nan"), float("inf"), 1.0], k=draw.randint(0, 3)))
    return request


def test_broken_protos(serve, refused):
    server = serve()
    draw = random.Random(0)
    errors = []
    for _ in range(500):
        try:
            server.grpc.call(server.grpc.prediction.Predict, broken_request(draw))
        except refused as error:
            errors.append(error)
    assert len(errors) > 450  # the others are right by chance
    assert all(error.message for error in errors)
    assert {error.code for error in errors} == {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"}
    assert server.grpc.predict({"x": [1]}) == [2]


def test_bytes_that_are_no_proto(serve, refused, caplog):
    server = serve()
    for method in ("PredictionService/Predict", "PredictionService/GetModelMetadata", "ModelService/GetModelStatus"):
        call = server.grpc.channel.unary_unary(f"/tensorflow.serving.{method}")
        with pytest.raises(refused) as caught:
            server.grpc.call(call, b"\xff" * 10)
        assert (caught.value.code, caught.value.message) == (
            "INVALID_ARGUMENT",
            "the message of the request is malformed",
        )
    assert server.grpc.predict({"x": [1]}) == [2]
    assert not caplog.records


def test_what_is_no_http(serve, until):
    rest = serve().rest
    host, port = rest.url.removeprefix("http://").split(":")
    for data in (
        b"\x00" * 100,
        b"POST / HTTP/9\r\n\r\n",
        b"POST /v1/models/tiny:predict HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(data)
            assert connection.recv(100).startswith(b"HTTP/1.1 400")
    with socket.create_connection((host, int(port)), timeout=30) as connection:  # goes away in the middle
        connection.sendall(b"POST /v1/models/tiny:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{")
    until(lambda: rest.metric("ganzoo_requests_total", code="CANCELLED") == 1)
    assert rest.predict({"x": [1]}) == [2]
    assert rest.metric("ganzoo_requests_total", code="INTERNAL") == 0


def test_a_body_that_does_not_come(serve):
    rest = serve(request_seconds=0.3).rest
    host, port = rest.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"POST /v1/models/tiny:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))  # until the server closes it
    assert answer.startswith(b"HTTP/1.1 504")
    assert answer.endswith(b'{"error": "no complete request within 0.3 seconds"}')
    assert rest.predict({"x": [1]}) == [2]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ZeroDivisionError("secret"), "INTERNAL", "internal error: ZeroDivisionError"),
        (
            tf.errors.ResourceExhaustedError(None, None, "OOM when\nallocating"),
            "RESOURCE_EXHAUSTED",
            "OOM when allocating",
        ),
    ],
)
def test_what_a_model_raises(error, code, message, serve, monkeypatch, refused, door):
    server = serve()

    def fail(**inputs):
        raise error

    load = Servable.signature

    def spoilt(self, name):
        monkeypatch.setitem(self._loaded.signatures._signatures, "times", fail)
        return load(self, name)

    monkeypatch.setattr(Servable, "signature", spoilt)
    with pytest.raises(refused) as caught:
        getattr(server, door).predict({"x": [1]})
    assert (caught.value.code, caught.value.message) in ((code, message), ("500", message))
    assert server.rest.metric("ganzoo_requests_total", code=code) == 1


def test_nothing_stays_of_a_request_that_is_refused(serve, monkeypatch, refused, door, until):
    """Neither in a cycle, which only the garbage collector would end."""
    call, inputs_seen = Servable.call, []

    def watched(self, signature, inputs):
        inputs_seen.extend(weakref.ref(array) for array in inputs.values())
        return call(self, signature, inputs)

    monkeypatch.setattr(Servable, "call", watched)
    server = serve()
    gc.disable()
    try:
        with pytest.raises(refused, match="no 13 wanted"):
            getattr(server, door).predict({"x": [13]})
        assert len(inputs_seen) == 1
        until(lambda: inputs_seen[0]() is None, 5)
    finally:
        gc.enable()
