"""`ganzoo serve`: its flags, wrong use, and the process: it starts, answers, drains at a signal, and exits with 0."""

import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2, prediction_service_pb2_grpc
from urllib3.exceptions import NewConnectionError

from ganzoo.cli import _flags, serve
from ganzoo.exports import bounds
from ganzoo.serving.server.settings import MOST_ROWS, Settings

TOOL = Path(__file__).parents[2] / "tools" / "serve.py"


class Gated(tf.Module):
    """Doubles a number once a file is there; asks for it over and over, so nothing can end a call before."""

    def __init__(self, gate):
        self.gate = str(gate)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "x")])
    def double(self, x):
        def closed(i):  # the number's text, none of it, is there so that the look is not taken once and for all
            return tf.size(tf.io.matching_files(self.gate + tf.strings.substr(tf.strings.as_string(i), 0, 0))) == 0

        return {"y": 2 * x + 0 * tf.while_loop(closed, lambda i: [i + 1], [0])[0]}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    base = tmp_path_factory.mktemp("base")
    model = Gated(base / "open")
    tf.saved_model.save(model, str(base / "gated" / "1"), signatures={"serving_default": model.double})
    return base


@pytest.fixture
def gate(base):
    """The file that calls wait for; it is not there."""
    yield base / "open"
    (base / "open").unlink(missing_ok=True)


def test_flags_are_settings():
    given = _flags.parse(serve.FLAGS, [])
    assert serve.settings_of(given) == Settings(Path("exported"))
    names = [name for name in Settings.__dataclass_fields__ if name not in ("models", "host")]
    argv = [f"--{name}={number}" for number, name in enumerate(names, 1)]
    given = _flags.parse(serve.FLAGS, ["--models=b", "--host=::1", *argv])
    numbers = {name: number for number, name in enumerate(names, 1)}
    assert serve.settings_of(given) == Settings(Path("b"), "::1", **numbers)


def test_a_call_has_as_many_rows_here_as_in_the_graph():
    assert MOST_ROWS == bounds.MOST_ROWS


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("--rest_port 65536", "--rest_port: expected an integer from 0 to 65535, got '65536'"),
        ("--grpc_port -1", "--grpc_port: expected an integer from 0 to 65535, got '-1'"),
        ("--grpc_port http", "--grpc_port: expected an integer from 0 to 65535, got 'http'"),
        ("--request_bytes 2147483648", "--request_bytes: expected an integer from 1 to 2147483647, got '2147483648'"),
        ("--poll_seconds 1e12", "--poll_seconds: expected a number above 0 and at most 86400, got '1e12'"),
        ("--batch_rows 0", "--batch_rows: expected an integer from 1 to 1024, got '0'"),
        ("--batch_rows 1025", "--batch_rows: expected an integer from 1 to 1024, got '1025'"),
        ("--drain_seconds 0", "--drain_seconds: expected a number above 0 and at most 86400, got '0'"),
        ("--port 1", "--port: unknown flag (did you mean '--import'?)"),
        ("exported", "'exported': unexpected argument (a value follows its flag: --flag value)"),
        ("--models nowhere", "nowhere: no such directory of models (create one: ganzoo export --out nowhere)"),
        (
            "--models {base}/gated",
            "{base}/gated: expected a directory of models, got one model (give the directory above: {base})",
        ),
        (
            "--models {empty}",
            "{empty}: has no export NAME/VERSION/saved_model.pb (create one: ganzoo export --out {empty})",
        ),
        (
            "--models {misnamed}",
            "{misnamed}/m/one: expected a version number such as 1 for a name (rename the directory)",
        ),
        (
            "--host 192.0.2.1",
            "host: expected an address of this machine, got '192.0.2.1' (Cannot assign requested address)",
        ),
        ("--host a..b", "host: expected an address of this machine, got 'a..b'"),
        ("--host no.such.host.invalid", r"host: expected an address of this machine, got 'no.such.host.invalid'"),
        (
            "--rest_port {taken}",
            "rest_port: 127.0.0.1:{taken} cannot be used: Address already in use (give another port, or 0)",
        ),
        (
            "--grpc_port {taken}",
            "grpc_port: 127.0.0.1:{taken} cannot be used: Address already in use (give another port, or 0)",
        ),
        (
            "--rest_port {free} --grpc_port {free}",
            "grpc_port: expected another port than rest_port, got {free} for both (give another, or 0)",
        ),
        (
            "--models {foreign}",
            "{foreign}/lite/1: expected a SavedModel, got another format (export without --format)",
        ),
    ],
)
def test_wrong_use(argv, message, base, tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as one:
        free = one.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (tmp_path / "empty").mkdir()
        (tmp_path / "foreign/lite/1").mkdir(parents=True)
        (tmp_path / "foreign/lite/1/lite.tflite").write_bytes(b"for another runtime")
        (tmp_path / "misnamed/m/one").mkdir(parents=True)
        (tmp_path / "misnamed/m/one/saved_model.pb").touch()
        names = {"base": base, **{folder: tmp_path / folder for folder in ("empty", "foreign", "misnamed")}}
        names |= {"taken": taken.getsockname()[1], "free": free}
        ports = {"--rest_port": "0", "--grpc_port": "0", "--models": str(base)}
        given = [argument.format(**names) for argument in argv.split()]
        rest = [word for flag, value in ports.items() if flag not in given for word in (flag, value)]
        assert serve.main(["--quiet", *given, *rest]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"ganzoo serve: {message.format(**names)}")
    assert captured.err.count("\n") == 1


class Process:
    """The command as people run it."""

    def __init__(self, base, *flags):
        argv = ["--models", str(base), "--rest_port", "0", "--grpc_port", "0", "--poll_seconds", "0.1", *flags]
        self.process = subprocess.Popen(
            [sys.executable, TOOL, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.lines = []
        for line in self.process.stderr:
            self.lines.append(line)
            found = re.search(r"REST (http://\S+), gRPC (\S+)$", line)
            if found:
                self.rest, self.grpc = found.groups()
                return
        raise AssertionError("".join(self.lines))

    def rest_double(self, x):
        body = {"instances": [x]}
        response = requests.post(f"{self.rest}/v1/models/gated:predict", json=body, timeout=120)
        return next(iter(response.json().values()))  # the predictions, or what is wrong

    def grpc_double(self, x):
        request = predict_pb2.PredictRequest()
        request.model_spec.name = "gated"
        request.inputs["x"].CopyFrom(tf.make_tensor_proto([x], tf.int32))
        with grpc.insecure_channel(self.grpc) as channel:
            response = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=120)
        return tf.make_ndarray(response.outputs["y"]).tolist()

    def until(self, metric, least):
        """Waits until a metric is at least so much."""
        for _ in range(1200):
            page = requests.get(f"{self.rest}/metrics", timeout=60).text
            if any(float(value) >= least for value in re.findall(rf"^{metric} (\S+)$", page, re.MULTILINE)):
                return
            time.sleep(0.05)
        raise AssertionError(f"{metric} did not become {least}")

    def end(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Exit code, standard output, and what standard error said."""
        out, err = self.process.communicate(timeout=120)
        return self.process.returncode, out, "".join(self.lines) + err


@pytest.fixture
def start(base):
    started = []

    def start(*flags):
        started.append(Process(base, *flags))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


@pytest.mark.slow
def test_a_signal_loses_no_accepted_request(start, gate):
    server = start("--calls", "1", "--batch_rows", "1", "--drain_seconds", "100")
    with ThreadPoolExecutor(16) as pool:
        rest = [pool.submit(server.rest_double, i) for i in range(8)]
        remote = [pool.submit(server.grpc_double, i) for i in range(8)]
        server.until("ganzoo_queue_requests", 15)  # and one runs: all are in
        server.end(signal.SIGTERM)
        gate.touch()
        assert [future.result() for future in rest] == [[2 * i] for i in range(8)]
        assert [future.result() for future in remote] == [[2 * i] for i in range(8)]
    code, out, err = server.wait()
    assert code == 0
    assert out == "stopped: all accepted requests are answered\n"
    assert "this server is for a laptop and for tests; in production run TensorFlow Serving" in err
    assert "stopping: finishing requests in flight, for at most 100 seconds" in err


@pytest.mark.slow
def test_a_signal_under_load(start, gate):
    """Clients that never rest: each answer is right, or a refusal that says that the server ends."""
    gate.touch()
    server = start()
    ended, answers, refusals = threading.Event(), queue.SimpleQueue(), set()

    def hammer(double):
        while True:
            try:
                answer = double(5)
            except (requests.ConnectionError, grpc.RpcError) as error:
                answer = why_refused(error)
            if answer != [10]:
                assert ended.is_set(), answer
                refusals.add(answer)
                return
            answers.put(answer)

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(hammer, double) for double in (server.rest_double, server.grpc_double) * 4]
        for _ in range(200):
            answers.get(timeout=60)
        ended.set()
        server.end(signal.SIGINT)
        for client in clients:
            client.result(60)
    assert refusals <= {"the server is stopping", "no connection"}
    code, _, err = server.wait()
    assert code == 0
    assert "Traceback" not in err


def why_refused(error):
    """Tells a request that was not sent from one that was, and had no answer."""
    if isinstance(error, grpc.RpcError):
        connected = not error.details().startswith("failed to connect to all addresses")
        words = error.details() if error.code() == grpc.StatusCode.UNAVAILABLE else str(error)
    else:
        connected, words = not isinstance(getattr(error.args[0], "reason", None), NewConnectionError), str(error)
    return words if connected else "no connection"


@pytest.mark.slow
@pytest.mark.parametrize(("seconds", "signals"), [("0.5", [signal.SIGTERM]), ("1000", [signal.SIGTERM, signal.SIGINT])])
def test_requests_that_take_longer_than_the_drain_or_than_patience(seconds, signals, start, gate):
    server = start("--drain_seconds", seconds, "--request_seconds", "100")
    with ThreadPoolExecutor(1) as pool:
        request = pool.submit(server.rest_double, 1)
        server.until("ganzoo_running_calls", 1)
        for sent, number in enumerate(signals, 1):
            server.end(number)
            time.sleep(0.5 if sent < len(signals) else 0)  # two at once are one
        code, out, _ = server.wait()
        assert code == 1
        assert out == "stopped: 1 accepted request was not answered (--drain_seconds gives them more time)\n"
        assert request.result() == "the server stopped before the answer"


@pytest.mark.slow
def test_a_call_whose_request_was_given_up_does_not_hold_up_the_end(start, gate):
    server = start("--request_seconds", "0.5", "--drain_seconds", "1000", "--json")
    assert server.rest_double(1) == "no answer within 0.5 seconds"
    server.until("ganzoo_running_calls", 1)
    server.end(signal.SIGTERM)
    code, out, _ = server.wait()
    assert (code, out) == (0, '{\n  "unfinished": 0\n}\n')


@pytest.mark.parametrize("flags", ["--rest_port {taken}", "--grpc_port {taken}", "--models nowhere"])
def test_what_cannot_work_is_known_without_tensorflow(flags, base):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        argv = ["--models", str(base), *flags.format(taken=taken.getsockname()[1]).split()]
        program = f"import sys; from ganzoo.cli import serve; print(serve.main({argv}), 'tensorflow' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stdout == "2 False\n"


@pytest.mark.slow
def test_a_signal_while_models_are_loaded(base, tmp_path):
    """A model whose warm-up never ends: nobody is let in meanwhile, and the process ends at once."""
    shutil.copytree(base / "gated", tmp_path / "gated")
    log = prediction_log_pb2.PredictionLog()
    log.predict_log.request.inputs["x"].CopyFrom(tf.make_tensor_proto([1], tf.int32))
    (tmp_path / "gated/1/assets.extra").mkdir()
    with tf.io.TFRecordWriter(str(tmp_path / "gated/1/assets.extra/tf_serving_warmup_requests")) as writer:
        writer.write(log.SerializeToString())
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    argv = [sys.executable, TOOL, "--models", str(tmp_path), "--rest_port", str(port), "--grpc_port", "0"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert any("gated: version 1 is being loaded" in line for line in process.stderr)
        time.sleep(2)  # by now it is warmed up
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}/healthz", timeout=10)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "stopped: all accepted requests are answered\n")
    assert "Traceback" not in err
