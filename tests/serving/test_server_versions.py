"""Versions come and go under a running server, and no request fails for it."""

import logging
import shutil
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from ganzoo.errors import UsageError
from ganzoo.serving.server import directory
from ganzoo.serving.server.models import Models


@pytest.fixture
def stream():
    """Sends requests without a pause from both doors while it is open; gives what came back."""

    class Stream:
        def __init__(self, server):
            self.answers, self._stop = [], threading.Event()
            self._pool = ThreadPoolExecutor(4)
            self._futures = [self._pool.submit(self._send, door) for door in (server.rest, server.grpc) * 2]

        def _send(self, door):
            while not self._stop.is_set():
                self.answers += door.predict({"x": [1]})

        def close(self):
            self._stop.set()
            for future in self._futures:
                future.result()
            self._pool.shutdown()

    opened = []

    def start(server):
        opened.append(Stream(server))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def states(server, name="tiny"):
    """version -> (state, error) by the status of the REST door."""
    return {
        int(version["version"]): (version["state"], version["status"]["error_message"])
        for version in server.rest.get(f"/v1/models/{name}")["model_version_status"]
    }


def complaints(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_new_version_takes_over_without_a_failed_request(serve, put_version, until, stream):
    server = serve()
    sent = stream(server)
    until(lambda: len(sent.answers) > 20)
    for number in (3, 4):
        put_version(number, warm_up=1)
        until(lambda number=number: sent.answers[-4:] == [number] * 4)
    sent.close()
    assert sent.answers[:20] == [2] * 20
    assert set(sent.answers) <= {2, 3, 4}
    assert states(server) == {4: ("AVAILABLE", ""), 3: ("END", ""), 2: ("END", "")}
    assert server.rest.metric("ganzoo_requests_total", code="OK") == server.rest.metric("ganzoo_requests_total")


def test_the_highest_number_is_served(serve, put_version, door, refused):
    for number in (9, 10):
        put_version(number)
    client = getattr(serve(), door)
    assert client.predict({"x": [1]}) == client.predict({"x": [1]}, version=10) == [10]
    with pytest.raises(refused, match="NOT_FOUND"):
        client.predict({"x": [1]}, version=9)


def test_named_versions(serve, put_version, until, door, refused):
    for number in (1, 2, 3):
        put_version(number)
    server = serve(keep_versions=2)
    client = getattr(server, door)
    assert client.predict({"x": [1]}) == client.predict({"x": [1]}, version=3) == [3]
    assert client.predict({"x": [1]}, version=2) == [2]
    with pytest.raises(refused, match="NOT_FOUND"):
        client.predict({"x": [1]}, version=1)
    put_version(4)
    until(lambda: client.predict({"x": [1]}) == [4])
    until(lambda: states(server)[2] == ("END", ""))
    assert client.predict({"x": [1]}, version=3) == [3]


def spoil(version, how):
    data = version / "variables" / "variables.data-00000-of-00001"
    if how == "no graph":
        (version / "saved_model.pb").unlink()
    elif how == "garbage":
        (version / "saved_model.pb").write_bytes(b"no SavedModel")
    elif how == "cut graph":
        (version / "saved_model.pb").write_bytes((version / "saved_model.pb").read_bytes()[:1000])
    elif how == "no variables":
        shutil.rmtree(version / "variables")
    elif how == "cut variables":
        data.write_bytes(data.read_bytes()[:-20])
    elif how == "spoiled warm-up":
        (version / "assets.extra").mkdir()
        (version / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"no TFRecord" * 10)


@pytest.mark.parametrize(
    "how", ["no graph", "garbage", "cut graph", "no variables", "cut variables", "spoiled warm-up", "warm-up fails"]
)
def test_a_corrupt_version_is_reported_and_the_old_one_goes_on(
    how, serve, put_version, until, stream, caplog, refused, tmp_path
):
    server = serve()
    sent = stream(server)
    made = put_version(3, name=".made", warm_up=13 if how == "warm-up fails" else None)
    spoil(made, how)
    made.rename(tmp_path / "base" / "tiny" / "3")
    until(lambda: states(server).get(3, ("", ""))[0] == "END")
    state = states(server)
    assert state[2] == ("AVAILABLE", "")
    assert state[3][1].startswith(f"{tmp_path}/base/tiny/3: cannot be loaded (")
    assert complaints(caplog) == [f"tiny: version 3: {state[3][1]}"]
    with pytest.raises(refused, match="NOT_FOUND"):
        server.rest.predict({"x": [1]}, version=3)
    assert server.rest.get("/readyz") == "ok\n"
    count = len(sent.answers)
    until(lambda: len(sent.answers) > count + 20)
    assert complaints(caplog) == [f"tiny: version 3: {state[3][1]}"]  # once, not at each look
    put_version(4)
    until(lambda: sent.answers[-4:] == [4] * 4)


def test_a_version_that_is_being_copied_is_served_when_it_is_whole(serve, put_version, until, stream, tmp_path):
    server = serve()
    sent = stream(server)
    made, final = put_version(3, name=".made"), tmp_path / "base" / "tiny" / "3"
    for path in sorted(path for path in made.rglob("*") if path.is_file()):
        target = final / path.relative_to(made)
        target.parent.mkdir(parents=True, exist_ok=True)
        half = path.read_bytes()[: path.stat().st_size // 2]
        for content in (half, path.read_bytes()):
            target.write_bytes(content)
            count = len(sent.answers)
            until(lambda count=count: len(sent.answers) > count + 10)
    until(lambda: sent.answers[-4:] == [3] * 4)
    until(lambda: states(server) == {3: ("AVAILABLE", ""), 2: ("END", "")})
    sent.close()


def test_a_served_version_that_is_replaced_is_loaded_again(serve, put_version, until, stream, tmp_path):
    """As `ganzoo export --overwrite` does it: the old one goes aside, the new one takes its name."""
    server = serve()
    sent = stream(server)
    for factor in (7, 9):
        made = put_version(20 + factor, name=".made", factor=factor)
        (tmp_path / "base/tiny/2").rename(tmp_path / "base/tiny/.old")
        made.rename(tmp_path / "base/tiny/2")
        shutil.rmtree(tmp_path / "base/tiny/.old")
        until(lambda factor=factor: sent.answers[-4:] == [factor] * 4)
    sent.close()
    assert set(sent.answers) == {2, 7, 9}
    assert states(server) == {2: ("AVAILABLE", "")}


def test_a_version_is_let_go_after_two_looks_without_it(put_version, tmp_path):
    final = put_version(2)
    put_version(1)
    models = Models(tmp_path / "base", keep_versions=1, poll_seconds=1000)
    models.start()

    def factor():
        with models.lease("tiny") as servable:
            return servable.call(servable.signature("times"), {"x": [1]})["y"].tolist()

    final.rename(tmp_path / "away")
    models.scan()
    assert factor() == [2]
    (tmp_path / "away").rename(final)
    models.scan()
    assert factor() == [2]
    shutil.rmtree(final)
    models.scan()
    assert factor() == [2]
    models.scan()
    assert factor() == [1]
    models.stop()


def test_a_served_version_that_is_replaced_by_a_broken_one_goes_on(serve, put_version, until, stream, caplog, tmp_path):
    server = serve()
    sent = stream(server)
    spoil(tmp_path / "base/tiny/2", "cut variables")
    until(lambda: complaints(caplog))
    state, error = states(server)[2]
    assert state == "AVAILABLE"
    assert error.startswith(f"{tmp_path}/base/tiny/2: cannot be loaded (")
    count = len(sent.answers)
    until(lambda: len(sent.answers) > count + 20)
    assert set(sent.answers) == {2}
    assert server.rest.get("/readyz") == "ok\n"
    assert len(complaints(caplog)) == 1


def test_a_deleted_version_is_let_go_and_an_older_one_comes_back(serve, put_version, until, tmp_path, refused):
    put_version(1)
    put_version(2)
    server = serve()
    assert server.rest.predict({"x": [1]}) == [2]
    shutil.rmtree(tmp_path / "base" / "tiny" / "2")
    until(lambda: states(server) == {2: ("END", ""), 1: ("AVAILABLE", "")})
    assert server.rest.predict({"x": [1]}) == [1]
    shutil.rmtree(tmp_path / "base" / "tiny")
    until(lambda: states(server)[1] == ("END", ""))
    with pytest.raises(refused, match="NOT_FOUND"):
        server.grpc.predict({"x": [1]})
    put_version(1)
    until(lambda: states(server)[1] == ("AVAILABLE", ""))
    assert server.grpc.predict({"x": [1]}) == [1]


def test_a_new_model_is_found(serve, put_version, until, refused):
    server = serve()
    with pytest.raises(refused, match="Could not find any versions of model other"):
        server.rest.get("/v1/models/other")
    put_version(5, name="other")
    until(lambda: states(server)[2] and "other" in _known(server, refused))
    assert server.grpc.predict({"x": [1]}, model="other") == [5]
    assert server.rest.predict({"x": [1]}) == [2]


def _known(server, refused):
    try:
        return "other" if states(server, "other")[5][0] == "AVAILABLE" else ""
    except refused:
        return ""


def test_a_version_stays_until_its_requests_are_done(serve, put_version, until, gate, caplog):
    server = serve()
    gate.open.clear()
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(server.grpc.predict, {"x": [1]})
        until(lambda: gate.waiting == 1)
        put_version(3)
        until(lambda: states(server).get(2) == ("UNLOADING", ""))
        assert states(server)[3] == ("AVAILABLE", "")
        gate.open.set()
        assert held.result() == [2]
    until(lambda: states(server)[2] == ("END", ""))
    assert server.grpc.predict({"x": [1]}) == [3]


def test_what_is_let_go_is_freed(put_version, tmp_path, until):
    put_version(1)
    models = Models(tmp_path / "base", keep_versions=1, poll_seconds=0.05)
    models.start()
    with models.lease("tiny") as servable:
        old = weakref.ref(servable), weakref.ref(servable._loaded)
        put_version(2)
        until(lambda: [version.state for version in models.status("tiny")] == ["AVAILABLE", "UNLOADING"])
        assert None not in [one() for one in old]
    del servable
    until(lambda: [one() for one in old] == [None, None])
    models.stop()


def test_a_folder_that_cannot_be_read_harms_no_other(put_version, serve, monkeypatch, until, caplog):
    put_version(2)
    put_version(5, name="other")
    server = serve()
    read = directory._versions

    def versions(folder):
        if folder.name == "other":
            raise PermissionError(13, "Permission denied")
        return read(folder)

    monkeypatch.setattr(directory, "_versions", versions)
    until(lambda: complaints(caplog))
    put_version(3)
    until(lambda: server.rest.predict({"x": [1]}) == [3])
    assert server.rest.predict({"x": [1]}, model="other") == [5]  # as it was
    monkeypatch.setattr(directory, "_versions", read)
    put_version(6, name="other")
    until(lambda: server.rest.predict({"x": [1]}, model="other") == [6])
    (message,) = complaints(caplog)
    assert message.endswith("base/other: cannot be read (Permission denied); loaded versions stay")


def test_what_is_no_version(put_version, tmp_path, serve):
    put_version(2)
    for name in ("tiny/x", "tiny/1.5", "tiny/-3", "tiny/٣", "empty", ".hidden/7", "tiny/.9"):
        (tmp_path / "base" / name).mkdir(parents=True)
    (tmp_path / "base" / "tiny" / "8").write_text("a file")
    (tmp_path / "base" / "file").write_text("a file")
    for name, file in (("tiny/9", "tiny.onnx"), ("lite/1", "lite.tflite")):
        (tmp_path / "base" / name).mkdir(parents=True)
        (tmp_path / "base" / name / file).write_bytes(b"for another runtime")
    server = serve()
    assert states(server) == {2: ("AVAILABLE", "")}
    assert server.rest.get("/readyz") == "ok\n"


def test_a_start_with_a_corrupt_version(put_version, serve, refused):
    spoil(put_version(3), "no variables")
    put_version(2)
    spoil(put_version(1, name="broken"), "garbage")
    server = serve()
    assert server.rest.predict({"x": [1]}) == [2]
    assert states(server)[3][0] == "END"
    with pytest.raises(refused, match="UNAVAILABLE: no version of broken is served"):
        server.rest.get("/readyz")


def test_a_directory_that_is_away_for_a_while(serve, tmp_path, caplog, until, put_version):
    server = serve()
    (tmp_path / "base").rename(tmp_path / "away")
    until(lambda: complaints(caplog))
    assert server.rest.predict({"x": [1]}) == [2]
    (tmp_path / "away").rename(tmp_path / "base")
    put_version(3)
    until(lambda: server.rest.predict({"x": [1]}) == [3])
    (message,) = complaints(caplog)
    assert message.endswith("base: cannot be read (No such file or directory); loaded versions stay")


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("nowhere", "nowhere: no such directory of models (create one: ganzoo export --out "),
        ("base/empty", "empty: has no export NAME/VERSION/saved_model.pb (create one: ganzoo export --out "),
        ("base/tiny", "tiny: expected a directory of models, got one model (give the directory above: "),
    ],
)
def test_a_directory_that_is_none_of_models(where, words, put_version, tmp_path):
    put_version(2)
    (tmp_path / "base" / "empty").mkdir()
    with pytest.raises(UsageError) as caught:
        Models(tmp_path / where, 1, 1.0)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_version_that_can_be_loaded(put_version, tmp_path):
    spoil(put_version(1), "garbage")
    with pytest.raises(
        UsageError, match=r"base: no model could be loaded \(.*tiny/1: cannot be loaded \(saved_model.pb "
    ):
        Models(tmp_path / "base", 1, 1.0).start()
