"""The local server speaks TensorFlow Serving's API: forms, names, metadata, errors; the official stubs drive it."""

import itertools
import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

from ganzoo.exports import bounds
from ganzoo.serving.server import json_codec
from ganzoo.serving.server.lifecycle import running
from ganzoo.serving.server.settings import Settings

PREDICT = "/v1/models/tiny:predict"


def both_inputs():
    return {"a": np.array([[1, 2], [3, 4]], np.float32), "b": np.array([10, 0.1], np.float32)}


def strings(*values):
    return np.array(values, object)


def test_answers(serve, door):
    client = getattr(serve(), door)
    assert client.predict({"x": [1, -2, 2**30 - 1]}) == [2, -4, 2**31 - 2]
    assert client.predict({"x": [5]}, signature="") == [10]
    assert client.predict({"x": [5]}, version=2) == [10]
    outputs = client.predict(both_inputs(), "both")
    np.testing.assert_array_equal(outputs["product"].astype(np.float32), np.float32([[10, 20], [0.3, 0.4]]))
    np.testing.assert_array_equal(outputs["sum"].astype(np.float32), np.float32([13, 7.1]))
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4, 1)
    inverted = client.predict({"images": images, "flags": np.array([True, False])}, "images")
    np.testing.assert_array_equal(inverted, [255 - images[0], images[1]])
    assert client.predict({"x": np.float32([1, 2.5])}, "total") == 3.5
    assert client.predict({"text": strings(b"plain")}, "say") in (["plain"], [b"plain"])


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"instances": [1, 2]}, {"predictions": [2, 4]}),
        ({"instances": [{"x": 1}, {"x": 2}]}, {"predictions": [2, 4]}),
        ({"inputs": [1, 2]}, {"outputs": [2, 4]}),
        ({"inputs": {"x": [1, 2], "unknown": "ignored, as by TensorFlow Serving"}}, {"outputs": [2, 4]}),
        (
            {"signature_name": "both", "instances": [{"a": [1, 2], "b": 0.1}, {"a": [3, 4], "b": 1}]},
            {"predictions": [{"product": [0.1, 0.2], "sum": 3.1}, {"product": [3.0, 4.0], "sum": 8.0}]},
        ),
        (
            {"signature_name": "both", "inputs": {"a": [[1, 2]], "b": [0.1]}},
            {"outputs": {"product": [[0.1, 0.2]], "sum": [3.1]}},
        ),
        (
            {"signature_name": "echo", "instances": [{"b64": "AP8="}, "é"]},
            {"predictions": [{"b64": "AP8="}, {"b64": "w6k="}]},
        ),
        (
            {"signature_name": "echo", "instances": [{"text": {"b64": "AP8="}}]},
            {"predictions": [{"b64": "AP8="}]},
        ),
        (
            {"signature_name": "echo", "instances": [{"b64": b} for b in ("AP\r\n8=\n", "AP8", "AP8.", "/w", "")]},
            {"predictions": [{"b64": b} for b in ("AP8=", "AP8=", "AP8=", "/w==", "")]},
        ),
        ({"signature_name": "say", "inputs": {"text": ["é"]}}, {"outputs": ["é"]}),
        ({"signature_name": "total", "inputs": [1, 0.5]}, {"outputs": 1.5}),
        ({"signature_name": "total", "inputs": []}, {"outputs": 0.0}),
    ],
)
def test_rest_forms(body, answer, serve):
    assert serve().rest.post(PREDICT, json=body) == answer


def test_not_a_number_is_written_as_tensorflow_serving_does(serve):
    body = {"signature_name": "both", "instances": [{"a": [3e38, -3e38], "b": 3e38}]}
    text = requests.post(serve().rest.url + PREDICT, json=body, timeout=30).text
    assert text == '{"predictions": [{"product": [Infinity, -Infinity], "sum": 3e+38}]}'


def test_status_and_metadata_over_rest(serve):
    rest = serve().rest
    status = {
        "model_version_status": [
            {"version": "2", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        ]
    }
    assert rest.get("/v1/models/tiny") == rest.get("/v1/models/tiny/versions/2") == status
    metadata = rest.get("/v1/models/tiny/metadata")
    assert metadata == rest.get("/v1/models/tiny/versions/2/metadata")
    assert metadata["model_spec"] == {"name": "tiny", "signature_name": "", "version": "2"}
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    image = signatures["images"]["inputs"]["images"]
    assert image["dtype"] == "DT_UINT8"
    assert [side["size"] for side in image["tensor_shape"]["dim"]] == ["-1", "-1", "-1", "1"]
    assert signatures["times"]["method_name"] == "tensorflow/serving/predict"
    assert rest.get("/healthz") == rest.get("/readyz") == "ok\n"


def test_the_largest_float32_as_people_write_it(serve):
    body = b'{"signature_name": "both", "inputs": {"a": [[3.4028235e38, 0]], "b": [-3.4028235e+38]}}'
    answer = serve().rest.post("/v1/models/tiny:predict", data=body)
    assert answer["outputs"]["sum"] == [0.0]


def test_probes_may_ask_for_the_head_alone(serve):
    url = serve().rest.url
    for path in ("/healthz", "/readyz"):
        response = requests.head(f"{url}{path}", timeout=30)
        assert (response.status_code, response.text) == (200, "")


def test_a_host_by_its_name(serve):
    server = serve(host="localhost")
    assert server.rest.url.startswith("http://127.0.0.1:")
    assert server.rest.predict({"x": [1]}) == server.grpc.predict({"x": [1]}) == [2]


def test_official_stubs(serve):
    """As the examples of TensorFlow Serving use them."""
    client = serve().grpc
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "tiny"
    request.model_spec.signature_name = "both"
    for name, value in both_inputs().items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    request.output_filter.append("sum")
    response = client.prediction.Predict(request, 30)
    assert response.model_spec.name == "tiny"
    assert response.model_spec.version.value == 2
    assert response.model_spec.signature_name == "both"
    assert list(response.outputs) == ["sum"]
    np.testing.assert_array_equal(tf.make_ndarray(response.outputs["sum"]), np.float32([13, 7.1]))

    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = "tiny"
    answer = client.prediction.GetModelMetadata(asked, 30)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    answer.metadata["signature_def"].Unpack(signatures)
    assert answer.model_spec.version.value == 2
    assert signatures.signature_def["times"].inputs["x"].dtype == tf.int32.as_datatype_enum

    about = get_model_status_pb2.GetModelStatusRequest()
    about.model_spec.name = "tiny"
    (version,) = client.models.GetModelStatus(about, 30).model_version_status
    assert (version.version, version.state) == (2, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    assert version.status.error_code == 0


def test_what_is_not_of_this_server(serve, refused):
    server = serve()
    stub, models = server.grpc.prediction, server.grpc.models
    for method, request in [
        (stub.Classify, classification_pb2.ClassificationRequest()),
        (stub.Regress, regression_pb2.RegressionRequest()),
        (stub.MultiInference, inference_pb2.MultiInferenceRequest()),
        (models.HandleReloadConfigRequest, model_management_pb2.ReloadConfigRequest()),
    ]:
        with pytest.raises(refused, match="UNIMPLEMENTED"):
            server.grpc.call(method, request)
    with pytest.raises(refused, match="UNIMPLEMENTED"):
        server.rest.post("/v1/models/tiny:classify", json={})
    with pytest.raises(refused, match="INVALID_ARGUMENT: Content-Encoding: expected identity, got gzip"):
        server.rest.post("/v1/models/tiny:predict", data=b"x", headers={"Content-Encoding": "gzip"})
    for path in ("/v1/models/tiny/labels/stable", "/v1/models/tiny/labels/stable/metadata", "/nothing"):
        with pytest.raises(refused, match="NOT_FOUND"):
            server.rest.get(path)
    for path in (
        "/v1/models",
        "/v1/models/tiny/",
        "/v1/x",
        "/v1/models/tiny/versions/two",
        f"/v1/models/tiny/versions/{'9' * 5000}",
    ):
        with pytest.raises(refused, match="INVALID_ARGUMENT"):
            server.rest.get(path)
    with pytest.raises(refused, match=r"INVALID_ARGUMENT: Missing model name in request\."):
        server.rest.get("/v1/models")
    for path in ("/v1/models/tiny:predict", "/v1/models/tiny/versions/2:predict"):
        with pytest.raises(refused, match=f"INVALID_ARGUMENT: Malformed request: GET {path}$"):
            server.rest.get(path)


@pytest.mark.parametrize(
    ("inputs", "named", "code", "words"),
    [
        ({"x": [1]}, {"model": "other"}, "NOT_FOUND", r"Latest\(other\)"),
        ({"x": [1]}, {"version": 3}, "NOT_FOUND", r"Specific\(tiny, 3\)"),
        ({"x": [1]}, {"signature": "divide"}, "FAILED_PRECONDITION", '"divide" not found'),
        ({"x": [[1, 2]]}, {}, "INVALID_ARGUMENT", r"'x': expected shape \[\?\], got \[1, 2\]"),
        ({"x": [1, 13]}, {}, "INVALID_ARGUMENT", r"assertion failed: \[x: no 13 wanted, given:\] \[1 13\]$"),
        ({"x": np.float32([1.5])}, {}, "INVALID_ARGUMENT", "is not of expected type: int32"),
        ({"y": [1]}, {}, "INVALID_ARGUMENT", "Missing"),
    ],
)
def test_wrong_requests(inputs, named, code, words, serve, door, refused):
    with pytest.raises(refused, match=words) as caught:
        getattr(serve(), door).predict(inputs, **named)
    assert caught.value.code in (code, "INVALID_ARGUMENT" if (door, code) == ("rest", "FAILED_PRECONDITION") else code)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "JSON Parse error"),
        (b"{", "JSON Parse error"),
        (b"[1]", "expected Object, got Array"),
        (b"\xff\xfe\xff", "JSON Parse error"),
        (b'{"instances": [NaN]}', "NaN is not a number"),
        (b'{"instances": [-Infinity]}', "-Infinity is not a number"),
        (b'{"instances": [1e400], "signature_name": "total"}', "'x': inf is out of the range of float32"),
        (b'{"instances": [1e39], "signature_name": "total"}', "'x': 1e[+]39 is out of the range of float32"),
        (b'{"instances": [%s], "signature_name": "total"}' % (b"9" * 400), "'x': 9{30}… is out of the range"),
        (b'{"instances": [%s]}' % (b"9" * 5000), "JSON Parse error"),
        (b'{"instances": [2147483648]}', "'x': 2147483648 is out of the range of int32"),
        (b'{"instances": [-2147483649, 0]}', "'x': -2147483649 is out of the range of int32"),
        (b'{"instances": [1.0]}', "'x': Number is not of expected type: int32"),
        (b'{"instances": [true]}', "'x': Boolean is not of expected type: int32"),
        (b'{"instances": [null, "1"]}', "'x': Null, String is not of expected type: int32"),
        (b'{"instances": [[1], [2, 3]]}', "'x': expected lists of 1 at level 2, got ragged ones"),
        (b'{"instances": [[1], 2]}', "'x': expected lists of 1 at level 2, got ragged ones"),
        (b'{"instances": [1, [2]]}', "'x': Array is not of expected type: int32"),
        (b'{"instances": %s1%s}' % (b"[" * 40, b"]" * 40), "'x': expected at most 16 nested lists"),
        (b'{"instances": %s' % (b"[" * 100_000), "nested too deeply"),
        (b'{"instances": [1], "a": {"b": 1, "b": 1}}', "JSON Parse error: the key 'b' is given twice"),
        (b'{"instances": [1], "instances": [2]}', "JSON Parse error: the key 'instances' is given twice"),
        (b'{"instances": []}', "expected a list with at least one row"),
        (b'{"instances": 1}', "expected a list with at least one row"),
        (b'{"instances": [1], "inputs": [1]}', "expected one of the keys 'instances' and 'inputs', got both"),
        (b"{}", "expected one of the keys 'instances' and 'inputs', got neither"),
        (b'{"instances": [1], "signature_name": 7}', "'signature_name' key must be a string value"),
        (b'{"instances": [{"y": 1}]}', "row 0: expected an object with the keys x, got the keys y"),
        (
            b'{"instances": [{"x": 1}, {"x": 1, "y": 1}]}',
            "row 1: expected an object with the keys x, got the keys x, y",
        ),
        (b'{"instances": [{"x": 1}, 1]}', "row 1: expected an object with the keys x, got Number"),
        (b'{"inputs": {"a": [[1, 2]]}, "signature_name": "both"}', "Missing named input: b in 'inputs' object"),
        (b'{"inputs": [1], "signature_name": "both"}', "expected objects with the keys a, b, got plain values"),
        (
            b'{"inputs": {"a": [[1, 2]], "b": [[1]]}, "signature_name": "both"}',
            r"'b': expected shape \[\?\], got \[1, 1\]",
        ),
        (b'{"instances": [{"b64": "A"}], "signature_name": "echo"}', "Unable to base64 decode"),
        (b'{"instances": [{"b64": "????"}], "signature_name": "echo"}', "Unable to base64 decode"),
        *(
            (b'{"instances": [{"b64": "%s"}], "signature_name": "echo"}' % text, "Unable to base64 decode")
            for text in (b"/w=", b"AP8==", b"/===", b"AP8=AP8=", b"_w==")
        ),
        (b'{"instances": [{"b64": 1}], "signature_name": "echo"}', "got the keys b64"),
        (b'{"instances": ["\\ud800"], "signature_name": "echo"}', "or not text"),
        (b'{"instances": [1], "signature_name": "echo"}', "'text': Number is not of expected type: string"),
        (b'{"instances": [{"b64": "/w=="}], "signature_name": "say"}', "'text': has bytes that are not text"),
        (b'{"instances": [1], "signature_name": "total"}', r"have no common rows \(use 'inputs'\)"),
        (
            b'{"inputs": {"a": [[1, 2], [3, 4], [5, 6]], "b": [1, 2]}, "signature_name": "both"}',
            "ncompatible shapes: ",
        ),
    ],
    ids=itertools.count(),
)
def test_wrong_json(body, words, wrong_json):
    response = requests.post(wrong_json.url + PREDICT, data=body, timeout=30)
    assert response.status_code == 400
    assert list(response.json()) == ["error"]
    message = response.json()["error"]
    assert re.search(words, message), message
    assert len(message) <= 1000


def test_more_lists_and_objects_than_a_call_takes(wrong_json):
    """Images of 8x8 pixels, the smallest, have the most lists."""
    assert bounds.MOST_PIXELS * (1 + 1 / 8 + 1 / 64) < json_codec.MOST_LISTS
    assert bounds.MOST_ROWS < json_codec.MOST_OBJECTS / 8
    for part, number in ((b"[],", json_codec.MOST_LISTS), (b"{},", json_codec.MOST_OBJECTS)):
        body = b'{"instances": [%s1]}' % (part * number)
        response = requests.post(wrong_json.url + PREDICT, data=body, timeout=30)
        assert response.status_code == 400
        assert response.json() == {"error": "expected at most 5242880 lists and 65536 objects"}


@pytest.fixture(scope="module")
def wrong_json(_saved, tmp_path_factory):
    """One server for all wrong bodies."""
    base = tmp_path_factory.mktemp("base")
    shutil.copytree(_saved(2), base / "tiny" / "2")
    with running(Settings(base, rest_port=0, grpc_port=0)) as addresses:
        yield SimpleNamespace(url=f"http://{addresses.rest}")


def raw(dtype, sides, **fields):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "tiny"
    tensor = request.inputs["x"]
    tensor.dtype = dtype
    for side in sides:
        tensor.tensor_shape.dim.add().size = side
    for name, value in fields.items():
        setattr(tensor, name, value) if name == "tensor_content" else getattr(tensor, name).extend(value)
    return request


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (predict_pb2.PredictRequest(), "Missing ModelSpec"),
        (raw(99, [1], int_val=[1]), "99 is not of expected type"),
        (raw(9, [1], int64_val=[1]), "DT_INT64 is not of expected type: int32"),
        (raw(3, [-1], int_val=[1]), r"expected a known shape, got \[-1\]"),
        (raw(3, [2], tensor_content=b"123"), "do not fit"),
        (raw(3, [1], int_val=[1, 2]), "do not fit"),
        (raw(3, [2**40], int_val=[1]), "expected at most 33554432 bytes, got shape"),
        (raw(3, [2**62, 2**62], int_val=[1]), "expected at most 33554432 bytes, got shape"),
        (raw(3, [2**62], int_val=[1]), "expected at most 33554432 bytes, got shape"),
        (raw(3, [0, 2**62]), r"expected shape \[\?\], got \[0, "),
        (raw(3, [], int_val=[1]), r"expected shape \[\?\], got \[\]"),
        (raw(3, [2, 2], int_val=[1]), r"expected shape \[\?\], got \[2, 2\]"),
        (raw(3, [2**62] * 17, int_val=[1]), "expected at most 16 dimensions, got 17"),
        (raw(7, [10_000], string_val=[b"a", b"x" * 10_000]), "expected at most 33554432 bytes, got shape"),
        (raw(7, [2**20]), "expected at most 33554432 bytes, got shape"),
        (
            predict_pb2.PredictRequest(inputs=dict.fromkeys(map(str, range(257)), tf.make_tensor_proto(1))),
            "expected at most 256 inputs, got 257",
        ),
    ],
)
def test_wrong_protos(request_, words, serve, refused):
    client = serve().grpc
    with pytest.raises(refused, match=words) as caught:
        client.call(client.prediction.Predict, request_)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert client.predict({"x": [1]}) == [2]


def test_what_is_refused_is_not_expanded(serve, refused, monkeypatch):
    client, expanded = serve(request_bytes=100_000).grpc, []
    monkeypatch.setattr(tf, "make_ndarray", expanded.append)
    for request in (
        raw(7, [10_000], string_val=[b"x" * 10_000]),
        raw(3, [30_000], int_val=[1]),
        raw(3, [100, 100], int_val=[1]),
        raw(9, [10_000], int64_val=[1]),
    ):
        with pytest.raises(refused, match="INVALID_ARGUMENT"):
            client.call(client.prediction.Predict, request)
    assert not expanded


def test_a_few_bytes_that_stand_for_many_equal_values(serve):
    client = serve().grpc
    response = client.call(client.prediction.Predict, raw(3, [4], int_val=[7]))
    assert tf.make_ndarray(response.outputs["y"]).tolist() == [14] * 4


def test_wrong_filters(serve, refused):
    client = serve().grpc
    for names, words in ((["z"], "alias not found in signature: z"), (["y", "y"], "duplicate output tensor alias: y")):
        request = raw(3, [1], int_val=[7])
        request.output_filter.extend(names)
        with pytest.raises(refused, match=words):
            client.call(client.prediction.Predict, request)
    asked = get_model_metadata_pb2.GetModelMetadataRequest()
    asked.model_spec.name = "tiny"
    with pytest.raises(refused, match=r"metadata_field: expected \['signature_def'\], got"):
        client.call(client.prediction.GetModelMetadata, asked)
    asked.model_spec.version_label = "stable"
    with pytest.raises(refused, match="NOT_FOUND: version labels are not supported"):
        client.call(client.prediction.GetModelMetadata, asked)


def test_too_large(serve, refused):
    server = serve(request_bytes=10_000)
    body = json.dumps({"instances": [1] * 10_000})
    with pytest.raises(refused, match=r"TOO_LARGE: .* too large: expected at most 10000 bytes"):
        server.rest.post(PREDICT, data=body)
    with pytest.raises(refused, match="TOO_LARGE"):
        server.rest.post(PREDICT, data=iter([b"[" * 6000] * 3))  # in chunks, without its length
    with pytest.raises(refused, match="RESOURCE_EXHAUSTED"):
        server.grpc.predict({"x": [1] * 10_000})
    assert server.rest.predict({"x": [1]}) == server.grpc.predict({"x": [1]}) == [2]
    assert server.rest.metric("ganzoo_requests_total", code="TOO_LARGE", api="REST") == 2
