"""The load on a server: figures worked out by hand, clients that count what they see, real runs, however fast."""

import asyncio
import json
import os
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.benchmarks.load import clients
from ganzoo.benchmarks.load.local import LocalServer
from ganzoo.benchmarks.load.measure import difference, measure
from ganzoo.benchmarks.load.report import Load, growth
from ganzoo.benchmarks.load.traffic import Failure, Seen, Traffic, traffic
from ganzoo.errors import ServerError, UsageError
from ganzoo.exports.versions import write_version
from ganzoo.models.build import build
from ganzoo.serving.server.lifecycle import running
from ganzoo.serving.server.settings import Settings


def seen(images_per_second=800.0, count=64, **changes):
    given = {
        "clients": count,
        "request_rows": 16,
        "seconds": 4.0,
        "answered": round(images_per_second / 16 * 4),
        "p50_ms": 10.0,
        "p95_ms": 12.0,
        "p99_ms": 15.0,
        "max_ms": 20.0,
        "failures": [],
        "cpu_seconds": 1.5,
    }
    return Traffic(**given | changes)


def direct(calls, call_ms, cpu_seconds):
    """Calls of the SavedModel with 64 rows each."""
    return Traffic(0, 64, 4.0, calls, call_ms, 90.0, 95.0, 99.0, [], cpu_seconds)


def result(**changes):
    given = {
        "model": "cgan_mnist",
        "api": "grpc",
        "server": None,
        "server_flags": ["--calls", "1"],
        "unit": "images",
        "cpu": "A CPU",
        "cores": 2,
        "made_with": {"TensorFlow": "2.21.0"},
        "load": seen(),
        "alone": [seen(100.0, 1), seen(300.0, 1)],
        "direct": [direct(50, 80.0, 4.0), direct(75, 53.0, 6.0)],
        "rows_a_call": 62.5,
        "memory_mib": [500.0, 550.0, 600.0, 610.0, 660.0, 640.0],
        "server_cpu_seconds": 6.25,
        "largest_difference": 1.0,
    }
    return Load(**given | changes)


def test_percentiles():
    figures = traffic(
        4,
        16,
        Seen(
            seconds=2.0,
            latencies=[n / 1000 for n in range(101, 0, -1)],
            cpu_seconds=0.5,
            failures={"UNAVAILABLE": (2, "not now"), "wrong size": (3, "9\nbytes")},
        ),
    )
    assert [figures.p50_ms, figures.p95_ms, figures.p99_ms, figures.max_ms] == pytest.approx([51, 96, 100, 101])
    assert (figures.answered, figures.requests_per_second, figures.images_per_second) == (101, 50.5, 808.0)
    assert figures.failures == [Failure("wrong size", 3, "9 bytes"), Failure("UNAVAILABLE", 2, "not now")]


@pytest.mark.parametrize(
    ("memory", "percent"),
    [
        ([], None),
        ([700.0], None),
        ([400.0, 500.0, 500.0], 0.0),
        ([100.0, 900.0, 400.0, 410.0, 440.0, 420.0], 10.0),  # neither the start nor the end alone
        ([400.0, 500.0, 490.0, 480.0], 0.0),  # memory that is given back is no growth
    ],
)
def test_growth(memory, percent):
    assert growth(memory) == (None if percent is None else pytest.approx(percent))


def test_result_for_machines():
    data = json.loads(json.dumps(result().to_dict()))
    assert data["images_per_second"] == data["load"]["images_per_second"] == 800.0
    assert data["requests_per_second"] == 50.0
    assert [turn["images_per_second"] for turn in data["direct"]] == [800.0, 1200.0]
    assert data["ratio_to_direct"] == pytest.approx(0.8)
    assert data["ratio_to_alone"] == pytest.approx(4.0)
    assert data["memory_growth_percent"] == pytest.approx(10.0)
    assert data["errors"] == 0
    assert data["p99_ms"] == 15.0


def test_result_for_people():
    assert result().describe().split("\n\n") == [
        "cgan_mnist over gRPC, ganzoo serve --calls 1: 64 clients for 4.0 s, 16 images per request",
        "A CPU (2 cores), TensorFlow 2.21.0",
        "|                           | images/s | calls/s | p50, ms |  p95 |  p99 |  max |\n"
        "|---------------------------|---------:|--------:|--------:|-----:|-----:|-----:|\n"
        "| SavedModel, batches of 64 |      800 |    12.5 |    80.0 | 90.0 | 95.0 | 99.0 |\n"
        "| SavedModel, batches of 64 |    1,200 |    18.8 |    53.0 | 90.0 | 95.0 | 99.0 |\n"
        "| 1 client                  |      100 |     6.2 |    10.0 | 12.0 | 15.0 | 20.0 |\n"
        "| 1 client                  |      300 |    18.8 |    10.0 | 12.0 | 15.0 | 20.0 |\n"
        "| 64 clients                |      800 |    50.0 |    10.0 | 12.0 | 15.0 | 20.0 |",
        "| ratio of images/s       | median | before, after |\n"
        "|-------------------------|-------:|--------------:|\n"
        "| 64 clients / SavedModel |  0.800 |  1.000, 0.667 |\n"
        "| 64 clients / 1 client   |  4.000 |  8.000, 2.667 |",
        "- errors: none\n"
        "- p99 / p50: 1.50\n"
        "- largest difference of an answer from the SavedModel's output: 1\n"
        "- mean batch of the server: 62.5 images\n"
        "- memory of the server: 500 to 660 MiB, +10.0% in the last two thirds of the time\n"
        "- CPU seconds, of 8 on 2 cores: clients 1.5, server 6.2\n"
        "- CPU milliseconds per image: clients 0.469, server 1.953, SavedModel 1.250",
    ]


def test_result_of_a_server_elsewhere():
    load = seen(failures=[Failure("UNAVAILABLE", 7, "no time")])
    unknown = {"direct": [], "rows_a_call": None, "memory_mib": [], "server_cpu_seconds": None}
    there = result(server="http://h:1", api="rest", load=load, server_flags=[], largest_difference=None, **unknown)
    assert there.ratio_to_direct is None
    assert there.memory_growth_percent is None
    assert there.to_dict()["errors"] == 7
    text = there.describe()
    assert text.startswith("cgan_mnist over REST at http://h:1: 64 clients")
    assert "- errors: 7 UNAVAILABLE (no time)\n" in text
    for absent in ("SavedModel", "memory", "mean batch", "server "):
        assert absent not in text


def test_differences():
    own = np.array([[0, 10], [20, 255]], np.uint8)
    assert difference(own, 2, own) == 0.0
    assert difference(np.array([[1, 9], [20, 254]], np.uint8), 2, own) == 1.0
    assert difference(own, 2, None) == 0.0
    points = np.array([[100.0, 1.0]], np.float32)
    assert difference(points + np.float32(0.005), 1, points) == pytest.approx(0.005, rel=0.01)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.array([[2, 10], [20, 255]], np.uint8), "differs from the SavedModel's own output by 2"),
        (np.array([[0, 10]], np.uint8), r"expected 2 rows, got shape \[1, 2\]"),
        (np.uint8(0), r"expected 2 rows, got shape \[\]"),
        (np.zeros([2, 3], np.uint8), r"expected uint8 \[2, 2\], got uint8 \[2, 3\]"),
        (np.zeros([2, 2], np.float32), r"expected uint8 \[2, 2\], got float32 \[2, 2\]"),
    ],
)
def test_answers_that_differ(answer, message):
    with pytest.raises(ValueError, match=message):
        difference(answer, 2, np.array([[0, 10], [20, 255]], np.uint8))
    with pytest.raises(ValueError, match="by nan"):
        difference(np.array([[np.nan]]), 1, np.array([[1.0]]))


class Sender:
    """Answers from a list, over and over, and counts the requests at the same time."""

    def __init__(self, answers):
        self.answers, self.sent, self.inside, self.most = answers, 0, 0, 0

    async def __call__(self, client, request):
        self.inside += 1
        self.most = max(self.most, self.inside)
        await asyncio.sleep(0.001)
        self.inside -= 1
        answer = self.answers[self.sent % len(self.answers)]
        self.sent += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


def load(sender, count, seconds=0.2, rows=4):
    return asyncio.run(clients.load(sender, [b"?"] * count, rows, seconds))


def test_each_client_has_one_request_at_a_time():
    sender = Sender([b"12345678"])
    seen = load(sender, 3)
    assert sender.most == 3
    assert len(seen.latencies) == sender.sent > 3
    assert all(0.001 <= latency < seen.seconds for latency in seen.latencies)
    assert seen.failures == {}
    assert seen.answers == [b"12345678"] * 3


def test_answers_of_a_wrong_size_and_refusals_are_counted(monkeypatch):
    monkeypatch.setattr(clients, "PAUSE", 0.0)
    refusal = clients.RequestError("UNAVAILABLE", "no time")
    # Eight bytes of four rows: one byte may be missing, two are a row.
    sender = Sender([b"12345678", b"1234567", b"123456", refusal, b"", b"123456789"])
    seen = load(sender, 1)
    assert seen.failures["wrong size"][1] == "expected about 8 bytes, got 6"
    assert seen.failures["UNAVAILABLE"][1] == "no time"
    times = {kind: count for kind, (count, _) in seen.failures.items()}
    assert abs(times["wrong size"] - 2 * times["UNAVAILABLE"]) <= 2
    assert len(seen.latencies) + sum(times.values()) == sender.sent
    assert seen.answers[0] in (b"12345678", b"1234567", b"123456789")


def test_a_client_asks_once_at_least():
    seen = load(Sender([clients.RequestError("gone", "")]), 1, seconds=0.0)
    assert (seen.latencies, seen.failures, seen.answers) == ([], {"gone": (1, "")}, [b""])


class Echo(BaseHTTPRequestHandler):
    """Answers with the path and the request; refuses the request `no`."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = self.rfile.read(int(self.headers["Content-Length"]))
        answer = f"{self.path} {request.decode()}".encode()
        self.send_response(400 if request == b"no" else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_clients_of_a_rest_address_with_a_path(scheme, monkeypatch):
    monkeypatch.setattr("http.client.HTTPSConnection", HTTPConnection)
    if scheme == "https":
        monkeypatch.setattr("http.client.HTTPConnection", None)
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"{scheme}://127.0.0.1:{server.server_port}/base/"
        seen = clients.run_clients(address, "m", [b"one", b"no"], 1, 0.0)
        server.shutdown()
    assert seen.answers == [b"/base/v1/models/m:predict one", b""]
    assert seen.failures == {"HTTP 400": (1, "/base/v1/models/m:predict no")}


class Plain(tf.Module):
    """Draws without labels: each image is full of its seed."""

    @tf.function(
        input_signature=[tf.TensorSpec([None, 2], tf.int32, "seeds"), tf.TensorSpec([None], tf.float32, "truncation")]
    )
    def generate(self, seeds, truncation):
        with tf.control_dependencies([tf.debugging.Assert(tf.shape(seeds)[0] <= 100, ["100 rows or fewer wanted"])]):
            rows = tf.cast(seeds[:, 0] + tf.cast(0 * truncation, tf.int32), tf.uint8)
        return {"images": tf.tile(rows[:, None, None, None], [1, 4, 4, 1])}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A server of such a model, in this process."""
    base = tmp_path_factory.mktemp("base")
    model = Plain()
    tf.saved_model.save(model, str(base / "plain" / "1"), signatures={"generate": model.generate})
    tf.saved_model.save(model, str(base / "other" / "1"), signatures={"decode": model.generate})
    with running(Settings(base, rest_port=0, grpc_port=0)) as addresses:
        yield {"grpc": f"grpc://{addresses.grpc}", "rest": f"http://{addresses.rest}"}


@pytest.mark.parametrize("api", ["grpc", "rest"])
def test_a_server_that_is_there(api, plain, capsys):
    measured = measure("plain", server=plain[api], clients=3, seconds=0.3, request_rows=2)
    assert (measured.api, measured.unit, measured.server) == (api, "images", plain[api])
    assert measured.load.failures == []
    assert measured.load.answered >= 3
    assert [turn.clients for turn in (measured.load, *measured.alone)] == [3, 1, 1]
    assert 0 < measured.load.p50_ms <= measured.load.p99_ms <= measured.load.max_ms
    assert (measured.direct, measured.memory_mib, measured.rows_a_call) == ([], [], None)
    assert "plain: 3 clients " in capsys.readouterr().err


def test_calls_of_a_server(plain):
    server = LocalServer(os.getpid(), plain)
    calls, ran = server.calls("plain")
    measure("plain", server=plain["grpc"], clients=1, seconds=0.0, request_rows=2, quiet=True)
    after, ran_after = server.calls("plain")
    assert after - calls == 4  # the warm-up, one client, the load, one client
    assert ran_after - ran == 8
    assert server.calls("absent") == (0, 0)
    with pytest.raises(ServerError, match=r"http://127.0.0.1:9: no longer answers"):
        LocalServer(os.getpid(), {"rest": "http://127.0.0.1:9"}).calls("plain")


@pytest.mark.parametrize("api", ["grpc", "rest"])
def test_a_server_that_refuses(api, plain):
    with pytest.raises(ServerError, match="model 'absent' is not ready: "):
        measure("absent", server=plain[api], quiet=True)
    with pytest.raises(UsageError, match=r"other: has no signature 'generate' \(it has: decode\)"):
        measure("other", server=plain[api], quiet=True)
    kind = {"grpc": "INVALID_ARGUMENT", "rest": "HTTP 400"}[api]
    with pytest.raises(ServerError, match=f"no request is answered .{kind}: .*100 rows"):
        measure("plain", server=plain[api], clients=1, seconds=0.1, request_rows=101, quiet=True)


@pytest.mark.slow
def test_an_export(tmp_path):
    model = build(ganzoo.config("cgan").override({"generator.width": 4, "discriminator.width": 4}))
    export = write_version(model, tmp_path / model.name)
    flags = ["--batch_rows", "8"]
    measured = measure(
        model.name, export=export, clients=4, seconds=2.0, request_rows=4, server_flags=flags, quiet=True
    )
    assert measured.load.failures == []
    assert measured.largest_difference <= 1
    assert 4 <= measured.rows_a_call <= 8
    assert len(measured.direct) == len(measured.alone) == 2
    assert {turn.request_rows for turn in measured.direct} <= {4, 8}
    assert all(turn.clients == 0 and turn.answered > 0 for turn in measured.direct)
    assert len(measured.memory_mib) >= 2
    assert measured.server_cpu_seconds > 0
    assert json.dumps(measured.to_dict())
