"""Workers that meet before TensorFlow joins them: all come, one does not, a port is in use, strangers call."""

import logging
import socket
import threading
import time

import pytest

from ganzoo.errors import UsageError, WorkerLostError
from ganzoo.training import joining
from ganzoo.training.cluster import Cluster
from ganzoo.training.joining import join


@pytest.fixture
def workers():
    """Free addresses on this machine."""
    with socket.socket() as one, socket.socket() as two, socket.socket() as three:
        held = (one, two, three)
        for each in held:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind(("127.0.0.1", 0))
        yield tuple(f"127.0.0.1:{each.getsockname()[1]}" for each in held)


def joined(workers, index, seconds="20"):
    """A worker in a thread, and what it raised, if anything."""
    raised = []

    def run():
        try:
            join(Cluster(workers, index), {joining.SECONDS: seconds})
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_all_workers_go_on_once_the_last_has_come(workers, order):
    *first, last = (int(index) for index in order)
    started = [joined(workers, index) for index in first]
    time.sleep(1.2)
    assert all(thread.is_alive() for thread, _ in started)
    started.append(joined(workers, last))
    for thread, raised in started:
        thread.join(20)
        assert not thread.is_alive()
        assert not raised
    with socket.create_server(("127.0.0.1", int(workers[0].rsplit(":", 1)[1]))):
        pass  # the port is free for TensorFlow


def test_strangers_and_a_worker_that_has_died_are_not_counted(workers):
    chief, by_chief = joined(workers, 0, seconds="3")
    port = int(workers[0].rsplit(":", 1)[1])
    for said in (b"GET / HTTP/1.1\r\nHost: here\r\nUser-Agent: a scanner\r\n\r\n", b"ganzoo worker 1\n"):
        time.sleep(0.3)
        with socket.create_connection(("127.0.0.1", port)) as call:
            call.sendall(said)
    last, by_last = joined(workers, 2, seconds="3")
    chief.join(20)
    last.join(20)
    assert [type(error) for error in by_chief + by_last] == [WorkerLostError] * 2
    assert workers[1] in str(by_chief[0])


def test_a_worker_that_is_there_says_that_others_are_missing(workers, monkeypatch, caplog):
    monkeypatch.setattr(joining, "SILENT", 0.2)
    with caplog.at_level(logging.WARNING):
        chief, by_chief = joined(workers, 0, seconds="4")
        with pytest.raises(WorkerLostError, match=rf"no answer from workers that {workers[0]} waits for too \("):
            join(Cluster(workers, 1), {joining.SECONDS: "2.5"})
        chief.join(20)
    assert workers[2] in str(by_chief[0])
    by_worker = {message.split(":")[0]: message for message in caplog.messages}
    assert len(caplog.messages) == len(by_worker) == 2
    assert by_worker["worker 0"].endswith(workers[2])
    assert f" {workers[0]}" in by_worker["worker 1"]


@pytest.mark.parametrize("index", [0, 1])
def test_a_worker_that_does_not_come(index, workers, monkeypatch, caplog):
    monkeypatch.setattr(joining, "SILENT", 0.2)
    missing = workers[1 - index]
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(WorkerLostError) as caught,
    ):
        join(Cluster(workers[:2], index), {joining.SECONDS: "1.5"})
    assert caplog.messages == [f"worker {index}: waiting for {missing}"]
    assert str(caught.value) == (
        f"worker {index}: expected all workers within 1.5 s, got no answer from {missing} "
        "(start all with the same command; GANZOO_JOIN_SECONDS sets the time)"
    )


def test_a_port_in_use():
    with socket.create_server(("127.0.0.1", 0)) as used:
        address = f"127.0.0.1:{used.getsockname()[1]}"
        with pytest.raises(UsageError, match=rf"^TF_CONFIG: worker 0 cannot listen at {address} \(.*in use; [^\n]*$"):
            join(Cluster((address, "127.0.0.1:1"), 0), {})


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "1e9", "ten"])
def test_a_wrong_time(text, workers):
    with pytest.raises(UsageError, match=rf"^GANZOO_JOIN_SECONDS: expected seconds above 0, got {text}$"):
        join(Cluster(workers, 1), {joining.SECONDS: text})
