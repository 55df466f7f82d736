"""Connections of the REST API: slow clients hold no places, and who asks from elsewhere is refused."""

import contextlib
import json
import logging
import re
import resource
import socket
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import grpc
import pytest
import requests

from ganzoo.serving.server import connections, lifecycle

PREDICT = b"POST /v1/models/tiny:predict HTTP/1.1\r\nHost: localhost\r\n"
HALF = b"GET /healthz HTTP/1.1\r\nHost: localh"
BODY = b'{"signature_name": "times", "inputs": [1]}'
NO_BODY = PREDICT + b"Content-Length: %d\r\n\r\n" % len(BODY)
ASKING = NO_BODY.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")  # answered once the body is waited for
LARGE = b'{"signature_name": "say", "inputs": ["%s"]}' % (b"x" * 6_000_000)  # more than the system's buffers hold


@pytest.fixture
def connect():
    """Opens connections to the REST API of a server, and sends what is given."""
    made = []

    def opened(rest, content):
        host, port = rest.url.removeprefix("http://").split(":")
        made.append(socket.create_connection((host, int(port)), timeout=30))
        with contextlib.suppress(ConnectionError):  # it may be closed already
            made[-1].sendall(content)
        return made[-1]

    yield opened
    for each in made:
        each.close()


def all_of(connection):
    """What comes until the server closes the connection, also before it has read everything."""
    content = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(4096):
            content += part
    return content


def is_healthy(connection):
    """Read a whole answer of `/healthz`."""
    content = b""
    while not content.endswith(b"ok\n"):
        content += connection.recv(4096) or b"ended, not ok\n"
    return content.startswith(b"HTTP/1.1 200")


def test_a_new_connection_takes_the_place_of_the_oldest_half_header(serve, connect):
    rest = serve(open_connections=20).rest
    idle = requests.Session()
    assert idle.get(f"{rest.url}/healthz", timeout=2).ok
    half = [connect(rest, HALF) for _ in range(60)]
    assert requests.get(f"{rest.url}/healthz", timeout=2).ok
    assert [all_of(connection) for connection in half[:40]] == [b""] * 40
    half[-1].sendall(b"ost\r\n\r\n")
    assert is_healthy(half[-1])
    assert idle.get(f"{rest.url}/healthz", timeout=2).ok


def test_a_request_without_its_body_goes_when_no_connection_is_idle(serve, connect):
    rest = serve(open_connections=20).rest
    bodies = []
    for _ in range(59):  # one after the other: the server spares those whose header it has read for others in a burst
        bodies.append(connect(rest, ASKING))
        assert bodies[-1].recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert requests.get(f"{rest.url}/healthz", headers={"Connection": "close"}, timeout=2).ok
    assert all_of(bodies[0]) == b""
    bodies[-1].sendall(BODY)
    answer = b""
    while not answer.endswith(b'{"outputs": [2]}'):  # it may come in pieces
        part = bodies[-1].recv(4096)
        assert part, answer
        answer += part


def unread(rest, connect, head=b""):
    """Connection whose large answer has begun to arrive, and which reads no more of it."""
    connection = connect(rest, PREDICT + head)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
    connection.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(LARGE), LARGE))
    assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    return connection


def test_an_unread_answer_goes_when_nothing_else_does(serve, connect):
    rest = serve(open_connections=1).rest
    connection = unread(rest, connect)
    assert requests.get(f"{rest.url}/healthz", timeout=2).ok
    assert len(all_of(connection)) < len(LARGE)


@pytest.mark.parametrize("head", [b"", b"Connection: close\r\n"])
def test_an_answer_that_stays_unread(head, serve, connect, monkeypatch):
    monkeypatch.setattr(
        lifecycle, "Connections", lambda most, *_: connections.Connections(most, 10, answer_seconds=0.3)
    )
    connection = unread(serve().rest, connect, head)
    time.sleep(0.6)
    assert len(all_of(connection)) < len(LARGE)


def test_a_body_that_drips_after_its_answer(serve, connect):
    rest = serve(header_seconds=0.3).rest
    connection = connect(rest, b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999\r\n\r\n")
    assert connection.recv(4096).startswith(b"HTTP/1.1 404")
    start = time.monotonic()
    with contextlib.suppress(ConnectionError):
        for _ in range(300):
            connection.sendall(b"x")
            time.sleep(0.02)
    assert 0.2 < time.monotonic() - start < 3


def test_an_idle_connection_goes_when_there_is_no_half_header(serve, connect):
    rest = serve(open_connections=2).rest
    made = []
    for _ in range(3):
        made.append(connect(rest, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        assert is_healthy(made[-1])
    assert all_of(made[0]) == b""
    made[1].sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert is_healthy(made[1])


@pytest.fixture
def command(put_version, tmp_path, until):
    """Runs the command in a process of its own, whose log stays short: with command(BASH): … gives its REST API."""

    @contextlib.contextmanager
    def run(before=":"):
        put_version(2)
        log = tmp_path / "log"
        serve = f'{before}; exec "$0" -m ganzoo serve --models "$1" --rest_port 0 --grpc_port 0 2> "$2"'
        server = subprocess.Popen(["bash", "-c", serve, sys.executable, tmp_path / "base", log])
        try:
            until(lambda: log.exists() and "REST http" in log.read_text(), 120)
            yield SimpleNamespace(url=re.search(r"REST (\S+),", log.read_text())[1])
        finally:
            server.terminate()
            assert server.wait(60) == 0
        assert log.stat().st_size < 2**20

    return run


@pytest.mark.slow
@pytest.mark.parametrize("content", [HALF, NO_BODY])
def test_half_requests_by_the_hundred_at_256_descriptors(content, command, connect):
    with command("ulimit -n 256") as rest:
        for _ in range(400):
            connect(rest, content)
        for _ in range(20):
            assert requests.get(f"{rest.url}/healthz", timeout=2).ok


# 64 clients ask URL for SECONDS; at the end the count of each outcome is printed.
CLIENTS = """
import collections, json, sys, time, requests
from concurrent.futures import ThreadPoolExecutor
url, seconds = sys.argv[1], float(sys.argv[2])
def ask(number):
    session, found, end = requests.Session(), collections.Counter(), time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            answer = session.post(url, json={"instances": [number]}, timeout=30)
            right = answer.status_code == 200 and answer.json()["predictions"] == [2 * number]
            found["right" if right else str(answer.status_code)] += 1
        except requests.RequestException as error:
            found[repr(error)] += 1
    return found
with ThreadPoolExecutor(64) as pool:
    print(json.dumps(sum(pool.map(ask, range(100, 164)), collections.Counter())))  # the model refuses 13
"""


@pytest.mark.nightly
def test_64_clients_for_a_minute_beside_attackers_with_slow_headers(command, connect):
    with command() as rest:
        predict = f"{rest.url}/v1/models/tiny:predict"
        asking = subprocess.Popen([sys.executable, "-c", CLIENTS, predict, "60"], stdout=subprocess.PIPE, text=True)
        half = []
        while asking.poll() is None:  # a hundred of them drip at any time
            for connection in half[:-90]:
                connection.close()
            half = [*half[-90:], *(connect(rest, HALF) for _ in range(10))]
            for connection in half:
                with contextlib.suppress(OSError):
                    connection.sendall(b"x")
            time.sleep(0.5)
        found = json.loads(asking.communicate(timeout=60)[0])
    print(found)
    assert list(found) == ["right"]
    assert found["right"] > 1000


@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_a_header_that_drips(before, serve, connect):
    """Also that of a later request of a connection."""
    rest = serve(header_seconds=0.3).rest
    connection = connect(rest, before)
    if before:
        assert is_healthy(connection)
    start = time.monotonic()
    with contextlib.suppress(ConnectionError):
        for byte in HALF * 10:  # for 6 seconds and more
            connection.sendall(bytes([byte]))
            time.sleep(0.02)
    assert 0.2 < time.monotonic() - start < 3


def test_a_slow_body_has_the_time_of_a_request(serve, connect):
    rest = serve(header_seconds=0.1, request_seconds=5).rest
    connection = connect(rest, PREDICT + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY))
    time.sleep(0.3)
    connection.sendall(BODY)
    assert all_of(connection).endswith(b'{"outputs": [2]}')


def test_two_lengths_end_the_connection(serve, connect):
    hidden = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = PREDICT + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    rest = serve().rest
    for before in (b"", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"):  # pipelined
        answer = all_of(connect(rest, before + head + chunks + hidden))
        assert answer.count(b"HTTP/1.1") == 1 + bool(before)
        assert answer.endswith(b'{"outputs": [2]}')


def test_names_of_a_server_on_loopback(serve):
    rest = serve().rest
    port = rest.url.rpartition(":")[2]
    for name in ("localhost", f"localhost:{port}", "127.0.0.1", f"[::1]:{port}", "LOCALHOST"):
        assert requests.get(f"{rest.url}/healthz", headers={"Host": name}, timeout=30).ok
    for name in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "evil/localhost", ""):
        response = requests.get(f"{rest.url}/healthz", headers={"Host": name}, timeout=30)
        assert (response.status_code, response.text) == (400, "Invalid host header")


def test_names_of_a_server_elsewhere(serve):
    rest = serve(host="0.0.0.0").rest
    url = rest.url.replace("0.0.0.0", "127.0.0.1")
    assert requests.get(f"{url}/healthz", headers={"Host": "ganzoo.example"}, timeout=30).ok


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1"])
def test_web_pages_of_others(origin, serve):
    rest = serve().rest
    for kind in ("text/plain", "application/json"):
        headers = {"Content-Type": kind, "Origin": origin}
        response = requests.post(f"{rest.url}/v1/models/tiny:predict", BODY, headers=headers, timeout=30)
        assert response.status_code == 403
        assert response.json()["error"] == f"Origin: expected none, or the address of this server, got {origin}"
    assert rest.metric("ganzoo_batch_rows_count") == 0
    for headers in ({"Content-Type": "text/plain"}, {"Origin": rest.url}):
        assert rest.post("/v1/models/tiny:predict", data=BODY, headers=headers) == {"outputs": [2]}


def test_grpc_connections_are_bounded_too(serve, connect, until, refused):
    server = serve(open_connections=2)
    *half, third = [connect(SimpleNamespace(url=f"http://{server.grpc.address}"), b"PRI * HTTP/2") for _ in range(3)]
    assert all_of(third) == b""
    for connection in half:
        connection.close()

    def answers():
        with contextlib.suppress(refused):
            return server.grpc.predict({"x": [1]}) == [2]

    until(answers)


def test_a_grpc_connection_without_a_request_ends(serve, connect):
    server = serve(header_seconds=0.5)
    greeting = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"  # with empty settings
    silent = connect(SimpleNamespace(url=f"http://{server.grpc.address}"), greeting)
    assert server.grpc.predict({"x": [1]}) == [2]
    start = time.monotonic()
    assert all_of(silent)
    assert time.monotonic() - start < 5
    assert server.grpc.predict({"x": [1]}) == [2], "a client connects again by itself"


def test_a_grpc_call_without_its_message_ends(serve):
    server = serve(request_seconds=0.3)
    never = threading.Event()

    def messages():
        never.wait(20)
        yield b""

    call = server.grpc.channel.stream_unary("/tensorflow.serving.PredictionService/Predict")
    with pytest.raises(grpc.RpcError, match="max connection age"):
        call(messages(), timeout=20)
    never.set()
    assert server.grpc.predict({"x": [1]}) == [2]


def test_descriptors_are_shared_between_both_apis(monkeypatch):
    monkeypatch.setattr(connections.os, "listdir", lambda path: ["0"] * 40)
    limits = {"now": (256, 4096)}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda kind, given: limits.update(now=given))
    assert connections.most_connections(2048) == (256 - 40 - 64) // 2
    connections.raise_descriptors()
    assert limits["now"] == (4096, 4096)
    assert connections.most_connections(2048) == (4096 - 40 - 64) // 2
    assert connections.most_connections(10) == 10
    limits["now"] = (50, 50)
    assert connections.most_connections(10) == 1
    limits["now"] = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    assert connections.most_connections(10) == 10


def test_the_log_repeats_an_error_a_few_times(caplog, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(connections.time, "monotonic", lambda: clock[0])
    with connections.sparse_log():
        for now in (0.0, 5.0, 10.0):
            clock[0] = now
            for _ in range(1000):
                logging.getLogger("asyncio").error("socket.accept() out of system resource")
    assert len(caplog.records) == 2 * connections.MOST_RECORDS
