"""Files by URL: the right bytes or none, and a quick word where there is no network."""

import contextlib
import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ganzoo.core import fetch as module
from ganzoo.core.fetch import fetch
from ganzoo.errors import WeightsError

CONTENT = bytes(range(256)) * 5_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The cache's folder, and no proxies."""
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "weights"


@pytest.fixture
def server():
    """Its paths are kinds of answers; `.asked` lists the requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            moved, gone = self.path == "/moved", self.path == "/gone"
            self.send_response(302 if moved else 404 if gone else 200)
            self.send_header("Location", "/good")
            self.send_header("Content-Length", str(0 if moved or gone else len(CONTENT)))
            self.end_headers()
            if not moved and not gone:
                body = {"/short": CONTENT[:-1000], "/wrong": CONTENT[::-1]}.get(self.path, CONTENT)
                self.close_connection = True
                with contextlib.suppress(OSError):  # the first look at a URL hangs up
                    self.wfile.write(body)

        def log_message(self, *_):
            pass

    asked: list[str] = []
    with HTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = asked
        running.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@pytest.mark.parametrize("path", ["good", "moved"])
def test_a_file_is_fetched_once(server, folder, capsys, path):
    for _ in range(2):
        assert fetch(f"{server.url}/{path}", SHA256, "w.pth", "…") == folder / "w.pth"
        assert (folder / "w.pth").read_bytes() == CONTENT
        asked = len(server.asked)
        assert names(folder) == ["w.pth"]
    assert len(server.asked) == asked
    assert capsys.readouterr().err == ""


def test_what_is_in_the_cache_needs_no_network(folder):
    folder.mkdir()
    (folder / "w.pth").write_bytes(CONTENT)
    assert fetch("http://data.invalid/w", SHA256, "w.pth", "…").read_bytes() == CONTENT


def test_a_large_file_is_told_of(server, capsys, monkeypatch):
    monkeypatch.setattr(module, "_LARGE", 1_000_000)
    fetch(f"{server.url}/good", SHA256, "w.pth", "…")
    assert capsys.readouterr().err == "fetching w.pth (1 MB)\n"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    fetch(f"{server.url}/good", SHA256, "v.pth", "…")
    assert capsys.readouterr().err.endswith("\rfetching v.pth: 100% of 1 MB\n")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("wrong", rf"expected SHA-256 {SHA256[:12]}…, got {hashlib.sha256(CONTENT[::-1]).hexdigest()[:12]}…"),
        ("short", "IncompleteRead"),
        ("gone", "127.0.0.1 answers with HTTP status 404"),
    ],
)
def test_what_is_not_the_file_leaves_nothing_behind(server, folder, path, reason):
    with pytest.raises(WeightsError, match=reason):
        fetch(f"{server.url}/{path}", SHA256, "w.pth", "…")
    assert names(folder) == []


def test_an_error_midway_leaves_nothing_behind(server, folder, monkeypatch):
    def interrupted(*_):
        yield CONTENT[:100]
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_blocks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch(f"{server.url}/good", SHA256, "w.pth", "…")
    assert names(folder) == []


def test_a_file_with_another_hash_is_fetched_anew_and_never_used(server, folder):
    folder.mkdir()
    (folder / "w.pth").write_bytes(CONTENT[1:])
    with pytest.raises(WeightsError, match=r"w\.pth: has a wrong SHA-256, and the download failed"):
        fetch(f"{server.url}/gone", SHA256, "w.pth", "…")
    assert fetch(f"{server.url}/good", SHA256, "w.pth", "…").read_bytes() == CONTENT


def test_without_network_the_ways_out_are_told_within_two_seconds(folder):
    started = time.perf_counter()
    with pytest.raises(WeightsError) as caught:
        fetch("http://data.invalid/a/w", SHA256, "w.pth", "do without")
    assert time.perf_counter() - started < 2
    start, end = str(caught.value).split("(", 1)[0], str(caught.value).partition("): ")[2]
    assert start == f"{folder}/w.pth: not found, and the download failed "
    assert end == (
        f"fetch http://data.invalid/a/w on another machine and save it under that path (SHA-256 {SHA256}), "
        "or do without"
    )
    assert "\n" not in str(caught.value)


def test_a_cache_that_cannot_be_written_is_named(server, folder):
    folder.write_text("a file where the folder belongs")
    with pytest.raises(WeightsError, match=rf"{folder} cannot be written: .*: make room or set GANZOO_HOME"):
        fetch(f"{server.url}/good", SHA256, "w.pth", "…")
