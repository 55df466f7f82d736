"""The local server under load: requests run together and apart, a full queue, time limits, metrics, the end."""

import gc
import json
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from ganzoo.serving.server import json_codec, lifecycle
from ganzoo.serving.server.lifecycle import running
from ganzoo.serving.server.settings import Settings


@pytest.fixture
def pool():
    with ThreadPoolExecutor(64) as threads:
        yield threads


@pytest.fixture
def busy(serve, gate, until, pool):
    """A server with one call at a time, which is held by the gate; gives it and that call's future."""

    def start(door, **settings):
        server = serve(calls=1, **settings)
        gate.open.clear()
        first = pool.submit(getattr(server, door).predict, {"x": [1]})
        until(lambda: gate.waiting == 1)
        return server, first

    return start


def queued(server):
    return server.rest.metric("ganzoo_queue_requests")


def test_requests_that_wait_run_together(busy, gate, until, pool, door):
    server, first = busy(door)
    client = getattr(server, door)
    futures = [pool.submit(client.predict, {"x": list(range(i, 2 * i))}) for i in range(1, 7)]
    until(lambda: queued(server) == 6)
    assert server.rest.metric("ganzoo_queue_rows") == 21
    assert server.rest.metric("ganzoo_running_calls") == 1
    gate.open.set()
    assert [future.result() for future in futures] == [[2 * x for x in range(i, 2 * i)] for i in range(1, 7)]
    assert first.result() == [2]
    assert server.rest.metric("ganzoo_batch_requests_count", signature="times") == 2
    assert server.rest.metric("ganzoo_batch_requests_sum", signature="times") == 7
    assert server.rest.metric("ganzoo_batch_rows_sum", model="tiny") == 22
    assert server.rest.metric("ganzoo_batch_rows_bucket", le="16.0") == 1  # the call of 21 rows is above
    assert queued(server) == server.rest.metric("ganzoo_queue_rows") == server.rest.metric("ganzoo_running_calls") == 0


def test_both_doors_share_a_call(busy, gate, until, pool):
    server, _ = busy("rest")
    futures = [pool.submit(client.predict, {"x": [3]}) for client in (server.rest, server.grpc)]
    until(lambda: queued(server) == 2)
    gate.open.set()
    assert [future.result() for future in futures] == [[6], [6]]
    assert server.rest.metric("ganzoo_batch_requests_count") == 2


def test_only_what_agrees_runs_together(busy, gate, until, pool):
    server, _ = busy("grpc")
    small, large = np.zeros([1, 2, 2, 1], np.uint8), np.zeros([1, 2, 3, 1], np.uint8)
    flags = np.array([True])
    cases = [
        ({"images": small, "flags": flags}, "images", [255] * 4),
        ({"images": large, "flags": flags}, "images", [255] * 6),
        ({"images": small, "flags": ~flags}, "images", [0] * 4),
        ({"x": np.int32([4])}, "times", [8]),
        ({"x": np.int32([4])}, "serving_default", [8]),
        ({"x": np.float32([1, 2])}, "total", [3]),  # not by rows: its sum would be everybody's
        ({"x": np.float32([3])}, "total", [3]),
    ]
    futures = [pool.submit(server.grpc.predict, inputs, signature) for inputs, signature, _ in cases]
    until(lambda: queued(server) == len(cases))
    gate.open.set()
    answers = [np.ravel(future.result()).tolist() for future in futures]
    assert answers == [expected for _, _, expected in cases]
    assert server.rest.metric("ganzoo_batch_requests_count", signature="images") == 2
    assert server.rest.metric("ganzoo_batch_requests_count", signature="total") == 2
    assert server.rest.metric("ganzoo_batch_requests_count", signature="times") == 2  # with the one that was held
    assert server.rest.metric("ganzoo_batch_requests_count", signature="serving_default") == 1


def test_a_call_has_no_more_rows_than_allowed(busy, gate, until, pool, door):
    server, _ = busy(door, batch_rows=5)
    client = getattr(server, door)
    futures = [pool.submit(client.predict, {"x": [i] * 2}) for i in range(4)]
    until(lambda: queued(server) == 4)
    larger = pool.submit(client.predict, {"x": [1] * 9})
    until(lambda: queued(server) == 5)
    gate.open.set()
    assert [future.result() for future in [*futures, larger]] == [[2 * i] * 2 for i in range(4)] + [[2] * 9]
    assert server.rest.metric("ganzoo_batch_requests_count") == 4  # one; two and two; the one that is larger
    assert server.rest.metric("ganzoo_batch_rows_bucket", le="4.0") == 3


def test_a_bad_row_harms_nobody_else(busy, gate, until, pool, door, refused):
    server, _ = busy(door)
    client = getattr(server, door)
    futures = [pool.submit(client.predict, {"x": [x, 1]}) for x in (11, 12, 13, 14)]
    until(lambda: queued(server) == 4)
    gate.open.set()
    with pytest.raises(refused, match=r"no 13 wanted, given:\] \[13 1\]$") as caught:
        futures.pop(2).result()
    assert caught.value.code == "INVALID_ARGUMENT"
    assert [future.result() for future in futures] == [[22, 2], [24, 2], [28, 2]]


def test_what_failed_together_is_answered_one_by_one(busy, gate, until, pool, door, refused):
    """With its own time limit and in both threads: nobody waits for the last of them."""
    server, first = busy(door)
    client = getattr(server, door)
    futures = []
    for x in (13, 1, 2):
        futures.append(pool.submit(client.predict, {"x": [x]}))
        until(lambda: queued(server) == len(futures))
    gate.steps = 2  # the call that was held, and the common one
    until(lambda: queued(server) == 2 and gate.waiting == 1)  # the first of them alone
    assert first.result() == [2]
    gate.steps = 1
    with pytest.raises(refused, match="INVALID_ARGUMENT"):
        futures[0].result()
    assert not any(future.done() for future in futures[1:])
    gate.open.set()
    assert [future.result() for future in futures[1:]] == [[2], [4]]
    assert server.rest.metric("ganzoo_batch_requests_sum") == server.rest.metric("ganzoo_batch_requests_count") == 3


def test_no_more_pixels_run_together_than_pays(busy, gate, until, pool):
    server, _ = busy("grpc")
    image = np.zeros([1, 512, 512, 1], np.uint8)
    inputs = {"images": image, "flags": np.array([True])}
    futures = [pool.submit(server.grpc.predict, inputs, "images") for _ in range(6)]
    until(lambda: queued(server) == 6)
    gate.open.set()
    for future in futures:
        assert np.min(future.result()) == 255
    assert server.rest.metric("ganzoo_batch_requests_count", signature="images") == 2
    assert server.rest.metric("ganzoo_batch_requests_bucket", signature="images", le="4.0") == 2  # four, and two


class Drawing(tf.Module):
    """Images of a fixed size, as they are and as files."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "x")])
    def draw(self, x):
        return {"images": tf.zeros([tf.size(x), 512, 512, 1], tf.uint8)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "x")])
    def draw_png(self, x):
        return {"png_bytes": tf.strings.as_string(x)}


@pytest.mark.slow
@pytest.mark.parametrize("signature", ["draw", "draw_png"])
def test_pixels_are_counted_that_come_out(signature, put_version, tmp_path, busy, gate, until, pool):
    put_version(2)
    model = Drawing()
    signatures = {"draw": model.draw, "draw_png": model.draw_png}
    tf.saved_model.save(model, str(tmp_path / "base/drawing/1"), signatures=signatures)
    server, _ = busy("grpc")
    futures = [pool.submit(server.grpc.predict, {"x": [i]}, signature, "drawing") for i in range(6)]
    until(lambda: queued(server) == 6)
    gate.open.set()
    for future in futures:
        future.result()
    assert server.rest.metric("ganzoo_batch_requests_count", signature=signature) == 2
    assert server.rest.metric("ganzoo_batch_requests_bucket", signature=signature, le="4.0") == 2  # four, and two


def test_no_more_rows_run_together_than_a_call_takes(busy, gate, until, pool):
    server, _ = busy("grpc", batch_rows=5000)
    futures = [pool.submit(server.grpc.predict, {"x": [i] * 600}) for i in range(2)]
    until(lambda: queued(server) == 2)
    gate.open.set()
    assert [future.result() for future in futures] == [[0] * 600, [2] * 600]
    assert server.rest.metric("ganzoo_batch_requests_count") == 3


def test_files_run_one_by_one(busy, gate, until, pool, door):
    server, _ = busy(door)
    texts = [np.array([bytes([i])], object) for i in range(3)]
    futures = [pool.submit(getattr(server, door).predict, {"text": text}, "echo") for text in texts]
    until(lambda: queued(server) == 3)
    gate.open.set()
    for future in futures:
        future.result()
    assert server.rest.metric("ganzoo_batch_requests_count", signature="echo") == 3


def test_no_more_requests_are_let_in_than_allowed(busy, gate, until, pool, door, refused):
    server, first = busy(door, open_requests=2)
    client = getattr(server, door)
    second = pool.submit(client.predict, {"x": [2]})
    until(lambda: queued(server) == 1)
    with pytest.raises(refused) as caught:
        client.predict({"x": [3]})
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    gate.open.set()
    assert [first.result(), second.result()] == [[2], [4]]
    assert client.predict({"x": [3]}) == [6]


def test_requests_hold_no_more_bytes_than_allowed(busy, gate, until, pool, door, refused):
    server, first = busy(door, open_bytes=30_000)
    client = getattr(server, door)
    large = [1] * 5000  # 15,000 bytes of JSON, 20,000 of a proto
    second = pool.submit(client.predict, {"x": large})
    until(lambda: queued(server) == 1)
    with pytest.raises(refused, match=r"the requests in flight hold \d+ of 30000 bytes") as caught:
        client.predict({"x": large})
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    gate.open.set()
    assert [first.result(), second.result()] == [[2], [2] * 5000]
    assert client.predict({"x": large * 3}) == [2] * 15_000  # alone, it may hold any number


def test_what_a_message_expands_to_is_counted(busy, gate, until, pool, refused):
    server, _ = busy("grpc", open_bytes=30_000)
    request = _request()
    request.inputs["x"].tensor_shape.dim[0].size = 5000  # 20,000 bytes, all of them one value
    second = pool.submit(server.grpc.call, server.grpc.prediction.Predict, request)
    until(lambda: queued(server) == 1)
    with pytest.raises(refused, match=r"the requests in flight hold 200\d\d of 30000 bytes") as caught:
        server.grpc.call(server.grpc.prediction.Predict, request)
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    gate.open.set()
    assert tf.make_ndarray(second.result().outputs["y"]).tolist() == [2] * 5000


def test_large_bodies_are_read_one_at_a_time_and_without_the_collector(serve, pool, monkeypatch):
    parse, reading, most, collected = json_codec._parse, [], [], {}

    def watched(body):
        reading.append(body)
        time.sleep(0.05)
        most.append(len(reading))
        collected[len(body) > 1000] = gc.isenabled()
        content = parse(body)
        reading.pop()
        return content

    monkeypatch.setattr(json_codec, "_parse", watched)
    server = serve()
    numbers = [1] * 30_000  # 90,000 bytes
    futures = [pool.submit(server.rest.predict, {"x": numbers}, "total") for _ in range(4)]
    assert [future.result() for future in futures] == [30_000] * 4
    assert most == [1] * 4
    assert server.rest.predict({"x": [1]}) == [2]
    assert collected == {True: False, False: True}
    assert gc.isenabled()


def test_a_lone_request_does_not_wait(serve, door):
    client = getattr(serve(batch_wait_ms=60_000), door)
    assert client.predict({"x": [1]}) == [2]


def test_company_is_waited_for_while_a_call_runs(serve, gate, until, pool):
    server = serve(calls=2, batch_wait_ms=60_000, batch_rows=4)
    gate.open.clear()
    futures = [pool.submit(server.grpc.predict, {"x": [1]})]
    until(lambda: gate.waiting == 1)
    futures.append(pool.submit(server.grpc.predict, {"x": [1, 2]}))
    until(lambda: queued(server) == 1)
    time.sleep(0.1)
    assert gate.waiting == 1  # a thread is free, but the batch is not full
    futures.append(pool.submit(server.grpc.predict, {"x": [3, 4]}))
    until(lambda: gate.waiting == 2)
    gate.open.set()
    assert [future.result() for future in futures] == [[2], [2, 4], [6, 8]]


def test_a_full_queue(busy, gate, until, pool, door, refused):
    server, first = busy(door, queue_requests=2)
    client = getattr(server, door)
    futures = [pool.submit(client.predict, {"x": [i]}) for i in range(2)]
    until(lambda: queued(server) == 2)
    with pytest.raises(refused, match="the queue is full: 2 requests with 2 rows are waiting") as caught:
        client.predict({"x": [9]})
    assert caught.value.code == "RESOURCE_EXHAUSTED"
    gate.open.set()
    assert [future.result() for future in [first, *futures]] == [[2], [0], [2]]
    assert client.predict({"x": [9]}) == [18]


def test_a_queue_that_is_full_of_rows(busy, gate, until, pool, refused):
    server, _ = busy("grpc", queue_rows=4)
    large = pool.submit(server.grpc.predict, {"x": [1] * 6})  # alone it may wait, or it could never run
    until(lambda: queued(server) == 1)
    with pytest.raises(refused, match="the queue is full: 1 requests with 6 rows are waiting"):
        server.grpc.predict({"x": [9]})
    gate.open.set()
    assert large.result() == [2] * 6


def test_time_limit(busy, gate, until, door, refused):
    server, first = busy(door, request_seconds=0.5)
    with pytest.raises(refused, match=r"no answer within 0\.5 seconds") as caught:
        getattr(server, door).predict({"x": [1]})  # never begins
    assert caught.value.code == "DEADLINE_EXCEEDED"
    with pytest.raises(refused, match="DEADLINE_EXCEEDED"):  # has begun
        first.result()
    assert queued(server) == 0
    gate.open.set()
    until(lambda: server.rest.metric("ganzoo_running_calls") == 0)
    assert getattr(server, door).predict({"x": [1]}) == [2]
    assert server.rest.metric("ganzoo_batch_requests_count") == 2
    assert server.rest.metric("ganzoo_requests_total", code="DEADLINE_EXCEEDED") == 2


def test_the_clients_deadline_is_kept(busy, gate, until, refused):
    server, first = busy("grpc")
    with pytest.raises(refused, match="DEADLINE_EXCEEDED"):
        server.grpc.predict({"x": [1]}, timeout=0.3)
    until(lambda: queued(server) == 0)
    gate.open.set()
    assert first.result() == [2]
    assert server.rest.metric("ganzoo_batch_requests_count") == 1


def test_a_request_that_is_given_up_leaves_the_queue(busy, until, gate):
    server, _ = busy("grpc")
    call = server.grpc.prediction.Predict.future(_request())
    until(lambda: queued(server) == 1)
    call.cancel()
    until(lambda: queued(server) == 0)
    gate.open.set()
    until(lambda: server.rest.metric("ganzoo_requests_total", code="CANCELLED") == 1)


@pytest.mark.parametrize("waits", [True, False])
def test_a_rest_client_that_goes_away_is_not_answered(waits, serve, gate, until):
    """Neither if its request waits nor if it runs."""
    server = serve(calls=1)
    gate.open.clear()
    body = json.dumps({"signature_name": "times", "instances": [1]}).encode()
    head = f"POST /v1/models/tiny:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    clients = []
    for _ in range(2):
        clients.append(socket.create_connection(server.rest.url.removeprefix("http://").split(":")))
        clients[-1].sendall(head + body)
        until(lambda: gate.waiting == 1)
    until(lambda: queued(server) == 1)
    clients[waits].close()
    until(lambda: server.rest.metric("ganzoo_requests_total", code="CANCELLED") == 1)
    assert queued(server) == (0 if waits else 1)
    gate.open.set()
    assert b"200 OK" in clients[not waits].recv(1 << 16)
    assert server.rest.metric("ganzoo_requests_total", code="OK") == 1
    clients[not waits].close()


def _request():
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "tiny"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto([1], tf.int32))
    return request


def test_the_end_refuses_what_comes_and_finishes_what_is_there(put_version, tmp_path, gate, until, pool, refused):
    put_version(2)
    settings = Settings(tmp_path / "base", rest_port=0, grpc_port=0, calls=1)
    ready, end = threading.Event(), threading.Event()
    found = []

    def run():
        with running(settings) as addresses:
            found.append(addresses)
            ready.set()
            end.wait()

    server = pool.submit(run)
    assert ready.wait(60)
    url = f"http://{found[0].rest}"
    predict = f"{url}/v1/models/tiny:predict"
    gate.open.clear()
    futures = [pool.submit(requests.post, predict, json={"instances": [i]}, timeout=60) for i in range(3)]
    until(lambda: gate.waiting == 1 and "ganzoo_queue_requests 2.0" in requests.get(f"{url}/metrics", timeout=30).text)
    end.set()
    until(lambda: requests.get(f"{url}/readyz", timeout=30).status_code == 503)
    late = requests.post(predict, json={"instances": [9]}, timeout=30)
    assert (late.status_code, late.json()) == (503, {"error": "the server is stopping"})
    assert requests.get(f"{url}/healthz", timeout=30).status_code == 200
    gate.open.set()
    assert [future.result().json() for future in futures] == [{"predictions": [2 * i]} for i in range(3)]
    server.result(60)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/healthz", timeout=30)


# 16 clients ask URL until the port refuses them; each says when ten requests are answered, and at the end all of its
# answers. `kept` has connections for several requests.
ASKING = """
import json, sys, requests
from concurrent.futures import ThreadPoolExecutor
url, kept = sys.argv[1:]
def ask(_):
    session, found = requests.Session() if kept == "True" else requests, []
    while True:
        try:
            found.append(session.post(url, json={"instances": [1]}, timeout=30).status_code)
        except requests.ConnectionError as error:
            while error.__context__ is not None:
                error = error.__context__
            return [*found, repr(error)]
        if len(found) == 10:
            print("ready\\n", end="", flush=True)
with ThreadPoolExecutor(16) as pool:
    print(json.dumps(list(pool.map(ask, range(16)))))
"""


@pytest.mark.parametrize("kept", [True, False])
def test_the_end_under_load_resets_no_connection(kept, put_version, tmp_path, monkeypatch):
    """Each request is answered or refused, by the server or by the port: then a client knows that it may retry."""
    monkeypatch.setattr(lifecycle, "CLOSING_SECONDS", 30.0)  # between a connection and its request, on a busy machine
    put_version(2)
    with running(Settings(tmp_path / "base", rest_port=0, grpc_port=0)) as addresses:
        predict = f"http://{addresses.rest}/v1/models/tiny:predict"
        command = [sys.executable, "-c", ASKING, predict, str(kept)]
        asking = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert [asking.stdout.readline() for _ in range(16)] == ["ready\n"] * 16
    found, _ = asking.communicate(timeout=60)
    for *codes, end in json.loads(found):
        assert codes == sorted(codes)  # none is answered after the first refusal
        assert {200} <= set(codes) <= {200, 503}
        assert end == "ConnectionRefusedError(111, 'Connection refused')"


def test_a_request_that_is_not_there_as_a_whole_does_not_hold_up_the_end(put_version, tmp_path):
    put_version(2)
    with running(Settings(tmp_path / "base", rest_port=0, grpc_port=0, drain_seconds=1000)) as addresses:
        half = socket.create_connection(addresses.rest.split(":"))
        half.sendall(b"POST /v1/models/tiny:predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        assert requests.get(f"http://{addresses.rest}/healthz", timeout=30).ok  # which came later
        end = time.monotonic()
    assert time.monotonic() - end < 60
    assert b"503 Service Unavailable" in half.recv(1 << 16)
    half.close()


def test_metrics_by_model_signature_and_code(serve, refused):
    server = serve()
    server.rest.predict({"x": [1]})
    server.grpc.predict({"x": [1, 2, 3]})
    server.grpc.predict({"x": [1]}, "serving_default")
    for client in (server.rest, server.grpc):
        with pytest.raises(refused):
            client.predict({"x": [13]})
        with pytest.raises(refused):
            client.predict({"x": [1]}, model="x" * 1000)  # a name of the client's is no label
        with pytest.raises(refused):
            client.predict({"x": [1]}, signature="y" * 1000)

    def count(api, model, signature, code):
        return server.rest.metric("ganzoo_requests_total", api=api, model=model, signature=signature, code=code)

    assert count("REST", "tiny", "times", "OK") == count("gRPC", "tiny", "times", "OK") == 1
    assert count("gRPC", "tiny", "serving_default", "OK") == 1
    assert count("REST", "tiny", "times", "INVALID_ARGUMENT") == count("gRPC", "tiny", "times", "INVALID_ARGUMENT") == 1
    assert count("REST", "", "", "NOT_FOUND") == count("gRPC", "", "", "NOT_FOUND") == 1
    assert count("REST", "tiny", "", "FAILED_PRECONDITION") == count("gRPC", "tiny", "", "FAILED_PRECONDITION") == 1
    assert server.rest.metric("ganzoo_requests_total") == 9
    assert server.rest.metric("ganzoo_request_seconds_count") == 9
    assert server.rest.metric("ganzoo_request_seconds_bucket", le="+Inf", api="gRPC", signature="times") == 2
