"""The quick look whether a download has a chance."""

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ganzoo.core import reachable


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if "good" in self.path else 302 if "moved" in self.path else 403)
            self.send_header("Location", "http://elsewhere.invalid/")
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_what_answers_is_reachable(server):
    assert reachable.unreachable(f"http://{server}/good") is None
    assert reachable.unreachable(f"http://{server}/bad") == "127.0.0.1 answers with HTTP status 403"


def test_a_redirection_is_an_answer(server):
    assert reachable.unreachable(f"http://{server}/moved") is None


def test_the_proxy_of_the_environment_is_asked(server, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://{server}")
    assert reachable.unreachable("http://data.invalid/good") is None
    assert reachable.unreachable("http://data.invalid/bad") == "data.invalid answers with HTTP status 403"
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    assert str(reachable.unreachable("http://data.invalid/good")).startswith("no connection to proxy.invalid:3128: ")


def test_a_refused_connection_is_told_in_the_words_of_the_system():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        port = taken.getsockname()[1]
        reason = reachable.unreachable(f"http://127.0.0.1:{port}/")
    assert reason == f"no connection to 127.0.0.1:{port}: Connection refused"


def test_name_servers_that_hang_do_not_hang_us(monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: released.wait(30))
    started = time.perf_counter()
    reason = reachable.unreachable("https://data.invalid/")
    assert time.perf_counter() - started < 1.6
    assert reason == "no answer from data.invalid:443 within 1.2 s"
    released.set()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_host_that_takes_the_connection_and_stays_silent_does_not_hang_us(scheme):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        started = time.perf_counter()
        reason = reachable.unreachable(f"{scheme}://127.0.0.1:{port}/")
        assert time.perf_counter() - started < 1.6
    assert reason == f"no answer from 127.0.0.1:{port} within 1.2 s"
