"""The load on a server: figures worked out by hand, clients that count what they see, real runs, however fast."""

import asyncio
import json
import os
import signal
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

import ganzoo
from ganzoo.benchmarks.load import clients, messages
from ganzoo.benchmarks.load.local import LocalServer
from ganzoo.benchmarks.load.measure import measure
from ganzoo.benchmarks.load.processes import Child, told, watched
from ganzoo.benchmarks.load.report import Direct, Failure, Load, Traffic, growth, traffic
from ganzoo.errors import GanzooError, ServerError, UsageError
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
        "direct": [Direct(64, 50, 4.0, 80.0, 4.0), Direct(64, 75, 4.0, 53.0, 6.0)],
        "rows_a_call": 62.5,
        "memory_mib": [500.0, 550.0, 600.0, 610.0, 660.0, 640.0],
        "server_cpu_seconds": 6.25,
        "largest_difference": 1.0,
    }
    return Load(**given | changes)


def test_percentiles():
    told = {
        "seconds": 2.0,
        "latencies": [n / 1000 for n in range(101, 0, -1)],
        "cpu_seconds": 0.5,
        "failures": {"UNAVAILABLE": (2, "not now"), "wrong size": (3, "9\nbytes")},
    }
    figures = traffic(4, 16, told)
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
        "cgan_mnist over gRPC, ganzoo serve --calls 1: 64 clients for 4.0 s, 16 images a request",
        "A CPU (2 cores), TensorFlow 2.21.0",
        "|                                  | images/s | calls/s | median, ms |  p95 |  p99 | longest |\n"
        "|----------------------------------|---------:|--------:|-----------:|-----:|-----:|--------:|\n"
        "| the SavedModel itself, 64 a call |      800 |    12.5 |       80.0 |    – |    – |       – |\n"
        "| the SavedModel itself, 64 a call |    1,200 |    18.8 |       53.0 |    – |    – |       – |\n"
        "| 1 client                         |      100 |     6.2 |       10.0 | 12.0 | 15.0 |    20.0 |\n"
        "| 1 client                         |      300 |    18.8 |       10.0 | 12.0 | 15.0 |    20.0 |\n"
        "| 64 clients                       |      800 |    50.0 |       10.0 | 12.0 | 15.0 |    20.0 |",
        "| ratio of images/s                  | median | before, after |\n"
        "|------------------------------------|-------:|--------------:|\n"
        "| 64 clients / the SavedModel itself |  0.800 |  1.000, 0.667 |\n"
        "| 64 clients / 1 client              |  4.000 |  8.000, 2.667 |",
        "- errors: none\n"
        "- p99 / median: 1.50\n"
        "- the last answer of each client against the SavedModel's own: 1 apart at most\n"
        "- images a call of the server: 62.5 on average\n"
        "- the server's memory: 500 to 660 MiB, +10.0% in the last two thirds of the time\n"
        "- CPU seconds, of 8 on 2 cores: clients 1.5, server 6.2\n"
        "- CPU milliseconds for each of the images: clients 0.469, server 1.953, the SavedModel itself 1.250",
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
    for absent in ("SavedModel", "memory", "a call of", "server "):
        assert absent not in text


@pytest.mark.parametrize(
    ("server", "api"), [("grpc://127.0.0.1:8500", "grpc"), ("http://h:1", "rest"), ("grpc://[::1]:8500", "grpc")]
)
def test_an_address_says_its_api(server, api):
    assert messages.api_of(server) == api


@pytest.mark.parametrize(
    "server", ["127.0.0.1:8500", "grpc://h", "https://h:1", "http://h:1/path", "http://h:x", "http://:1", "http://[h:1"]
)
def test_wrong_addresses(server):
    with pytest.raises(UsageError, match=r"given, grpc://HOST:PORT or http://HOST:PORT wanted"):
        messages.api_of(server)


def test_messages():
    inputs = {"seeds": np.array([[7, 0], [7, 1]], np.int32), "truncation": np.array([1.0, 0.5], np.float32)}
    assert json.loads(messages.request("rest", "m", inputs)) == {
        "signature_name": "generate",
        "inputs": {"seeds": [[7, 0], [7, 1]], "truncation": [1.0, 0.5]},
    }
    request = predict_pb2.PredictRequest.FromString(messages.request("grpc", "m", inputs))
    assert (request.model_spec.name, request.model_spec.signature_name) == ("m", "generate")
    assert tf.make_ndarray(request.inputs["seeds"]).tolist() == [[7, 0], [7, 1]]
    assert tf.make_ndarray(request.inputs["truncation"]).dtype == np.float32

    response = predict_pb2.PredictResponse()
    response.outputs["images"].CopyFrom(tf.make_tensor_proto(np.array([[1], [2]], np.uint8)))
    for api, content in (("grpc", response.SerializeToString()), ("rest", b'{"outputs": [[1], [2]]}')):
        answer = messages.answer(api, content, "images", "uint8")
        assert answer.dtype == np.uint8
        assert answer.tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("api", "content"),
    [("rest", b"none"), ("rest", b'{"error": 1}'), ("rest", b'{"outputs": [999]}'), ("grpc", b"none"), ("grpc", b"")],
)
def test_what_is_no_answer(api, content):
    with pytest.raises(ValueError, match=r"."):
        messages.answer(api, content, "images", "uint8")


def test_differences():
    own = np.array([[0, 10], [20, 255]], np.uint8)
    assert messages.difference(own, 2, own) == 0.0
    assert messages.difference(np.array([[1, 9], [20, 254]], np.uint8), 2, own) == 1.0
    assert messages.difference(own, 2, None) == 0.0
    points = np.array([[100.0, 1.0]], np.float32)
    assert messages.difference(points + np.float32(0.005), 1, points) == pytest.approx(0.005, rel=0.01)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.array([[2, 10], [20, 255]], np.uint8), "2 apart from the SavedModel's own"),
        (np.array([[0, 10]], np.uint8), r"2 rows wanted, shape \[1, 2\] came"),
        (np.uint8(0), r"2 rows wanted, shape \[\] came"),
        (np.zeros([2, 3], np.uint8), r"uint8 \[2, 2\] wanted, uint8 \[2, 3\] came"),
        (np.zeros([2, 2], np.float32), r"uint8 \[2, 2\] wanted, float32 \[2, 2\] came"),
    ],
)
def test_answers_that_differ(answer, message):
    with pytest.raises(ValueError, match=message):
        messages.difference(answer, 2, np.array([[0, 10], [20, 255]], np.uint8))
    with pytest.raises(ValueError, match="nan apart"):
        messages.difference(np.array([[np.nan]]), 1, np.array([[1.0]]))


class Door:
    """Answers from a list, over and over, and notes how many ask at the same time."""

    def __init__(self, answers):
        self.answers, self.asked, self.inside, self.most = answers, 0, 0, 0

    async def ask(self, client, request):
        self.inside += 1
        self.most = max(self.most, self.inside)
        await asyncio.sleep(0.001)
        self.inside -= 1
        answer = self.answers[self.asked % len(self.answers)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self):
        pass


@pytest.fixture
def ask(monkeypatch, tmp_path):
    """Lets clients ask a door."""

    def ask(door, count, seconds=0.2, rows=4):
        async def opened(given):
            return door

        monkeypatch.setattr(clients, "_open_grpc", opened)
        given = {"api": "grpc", "rows": rows, "seconds": seconds, "answers": str(tmp_path)}
        return asyncio.run(clients.ask_for_a_while([b"?"] * count, given))

    return ask


def test_each_client_has_one_request_at_a_time(ask, tmp_path):
    door = Door([b"12345678"])
    told = ask(door, 3)
    assert door.most == 3
    assert len(told["latencies"]) == door.asked > 3
    assert all(0.001 <= latency < told["seconds"] for latency in told["latencies"])
    assert told["failures"] == {}
    assert [(tmp_path / str(number)).read_bytes() for number in range(3)] == [b"12345678"] * 3


def test_answers_of_a_wrong_size_and_refusals_are_counted(ask, tmp_path, monkeypatch):
    monkeypatch.setattr(clients, "PAUSE", 0.0)
    refusal = clients.RefusedError("UNAVAILABLE", "no time")
    # Eight bytes of four rows: one byte may be missing, two are a row.
    door = Door([b"12345678", b"1234567", b"123456", refusal, b"", b"123456789"])
    told = ask(door, 1)
    assert told["failures"]["wrong size"] == (told["failures"]["wrong size"][0], "6 bytes, 8 before")
    assert told["failures"]["UNAVAILABLE"][1] == "no time"
    times = {kind: count for kind, (count, _) in told["failures"].items()}
    assert abs(times["wrong size"] - 2 * times["UNAVAILABLE"]) <= 2
    assert len(told["latencies"]) + sum(times.values()) == door.asked
    assert (tmp_path / "0").read_bytes() in (b"12345678", b"1234567", b"123456789")


def test_a_client_asks_once_at_least(ask, tmp_path):
    told = ask(Door([clients.RefusedError("gone", "")]), 1, seconds=0.0)
    assert (told["latencies"], told["failures"]) == ([], {"gone": (1, "")})
    assert (tmp_path / "0").read_bytes() == b""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Makes a module that children can run."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(source):
        (tmp_path / "a_module.py").write_text(source, encoding="utf-8")
        return "a_module"

    return make


def test_what_a_module_prints(module, tmp_path):
    source = "import json, sys; print(json.dumps([json.loads(sys.argv[1]), __name__, len(sys.argv)]))"
    assert told("it", tmp_path, module(source), {"a": 1}) == [{"a": 1}, "__main__", 2]
    with pytest.raises(GanzooError) as caught:
        told("it", tmp_path, module("import sys; print('so', file=sys.stderr); sys.exit('why')"), {})
    assert str(caught.value) == "it: its process ended with exit code 1 (so | why)"


def test_a_child_ends_with_its_parent(module, tmp_path):
    with Child("it", tmp_path, module("import time; print('here', flush=True); time.sleep(600)")) as child:
        assert child.process.stdout.readline() == "here\n"
        child.process.stdin.close()
        assert child.process.wait(60) == -signal.SIGTERM
        child.process.stdin = None


def test_what_a_process_takes():
    with watched(os.getpid()) as taken:
        assert sum(number * number for number in range(300_000)) > 0
    assert 10 < taken.memory_mib[0] < 100_000
    assert 0 <= taken.cpu_seconds < 60
    with watched(None) as taken:
        pass
    assert (taken.memory_mib, taken.cpu_seconds) == ([], None)


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
    with pytest.raises(ServerError, match=r"http://127.0.0.1:9: does not answer any more"):
        LocalServer(os.getpid(), {"rest": "http://127.0.0.1:9"}).calls("plain")


@pytest.mark.parametrize("api", ["grpc", "rest"])
def test_a_server_that_refuses(api, plain):
    with pytest.raises(ServerError, match="has no model 'absent' that is ready"):
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
    assert {turn.rows for turn in measured.direct} <= {4, 8}
    if sys.platform == "linux":
        assert len(measured.memory_mib) >= 2
        assert measured.server_cpu_seconds > 0
    assert json.dumps(measured.to_dict())
