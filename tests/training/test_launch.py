"""Local workers: what each is told, whose lines are whose, how all end, and that none is left behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ganzoo.errors import UsageError
from ganzoo.training import launch as module
from ganzoo.training.cluster import read_cluster
from ganzoo.training.launch import launch

LAUNCHER = Path(__file__).parents[2] / "tools" / "launch.py"

START = (
    "import json, os, signal, sys, time; me = json.loads(os.environ['TF_CONFIG'])['task']['index']\n"
    "def ready(): print('ready', os.getpid(), end='\\r', flush=True)\n"
)

# Says that it is ready, counts the signals that ask it to end, takes its time to save, and says how many there were.
SAVE = (
    "got = []\n"
    "for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, lambda number, _: got.append(number))\n"
    "ready()\n"
    "while not got: time.sleep(0.01)\n"
    "until = time.monotonic() + 0.3\n"
    "while time.monotonic() < until: time.sleep(0.01)\n"
    "print('saved after', *map(int, got), flush=True)\n"
)


def python(script):
    return [sys.executable, "-c", START + script]


def one_fails(folder, script, workers=2):
    """Worker 1 ends with 3 once all others have run a script up to `ready()`."""
    return python(
        f"def ready(): open({str(folder)!r} + f'/{{me}}', 'w').close()\n"
        "if me == 1:\n"
        f"    while len(os.listdir({str(folder)!r})) < {workers - 1}: time.sleep(0.01)\n"
        f"    sys.exit(3)\n{script}"
    )


def lines(text):
    """worker -> its lines."""
    said = {}
    for line in text.splitlines():
        worker, _, rest = line.removeprefix("[worker ").partition("] ")
        said.setdefault(int(worker), []).append(rest)
    return said


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pids, seconds):
    until = time.monotonic() + seconds
    while any(map(is_running, pids)) and time.monotonic() < until:
        time.sleep(0.01)
    assert not any(map(is_running, pids))


class Launched:
    """A launcher in a process of its own, whose workers run a script and say "ready" and their process id."""

    def __init__(self, script, *flags, workers=2, prefix=()):
        command = [*prefix, sys.executable, LAUNCHER, "--workers", str(workers), *flags, "--", *python(script)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.pids = [int(self.process.stdout.readline().split(" ready ")[1]) for _ in range(workers)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with self.process:
            self.process.kill()
        for pid in filter(is_running, self.pids):
            os.killpg(pid, signal.SIGKILL)


def test_the_workers_are_told_of_one_cluster_and_of_nothing_else(capsys):
    assert launch(python("print(json.dumps(dict(os.environ)))"), 3) == 0
    seen = {worker: json.loads(line) for worker, (line,) in lines(capsys.readouterr().out).items()}
    clusters = [read_cluster(seen[worker]) for worker in range(3)]
    assert [cluster.index for cluster in clusters] == [0, 1, 2]
    assert len({cluster.workers for cluster in clusters}) == 1
    assert len(set(clusters[0].workers)) == 3
    assert all(address.startswith("127.0.0.1:") for address in clusters[0].workers)
    for environment in seen.values():
        assert {**environment, "TF_CONFIG": ""} == {**os.environ, "TF_CONFIG": ""}


def test_each_worker_can_listen_at_its_address_and_reach_the_other(capsys):
    script = (
        "import socket\n"
        "ports = [int(a.split(':')[1]) for a in json.loads(os.environ['TF_CONFIG'])['cluster']['worker']]\n"
        "server = socket.create_server(('127.0.0.1', ports[me]))\n"
        "while True:\n"
        "    try: peer = socket.create_connection(('127.0.0.1', ports[1 - me])); break\n"
        "    except ConnectionRefusedError: time.sleep(0.01)\n"
        "peer.sendall(b'%d' % me); print(server.accept()[0].recv(1))\n"
    )
    assert launch(python(script), 2) == 0
    assert lines(capsys.readouterr().out) == {0: ["b'1'"], 1: ["b'0'"]}


def test_nobody_else_is_given_a_workers_port():
    with module._addresses(200) as addresses:
        assert len(set(addresses)) == 200


def test_lines(capsys):
    script = (
        "sys.stdout.buffer.write('a\\n\\n\\r1/2\\r2/2\\r\\nä\\r\\r\\n'.encode() + b'\\xff\\nlast')\n"
        "sys.stderr.write('err\\n')"
    )
    assert launch(python(script), 2) == 0
    out, err = capsys.readouterr()
    said = ["a", "", "1/2", "2/2", "ä", "\N{REPLACEMENT CHARACTER}", "last"]
    assert lines(out) == {0: said, 1: said}
    assert sorted(err.splitlines()) == ["[worker 0] err", "[worker 1] err"]


def test_what_the_stream_cannot_encode_is_replaced():
    block = python("sys.stdout.buffer.write('█'.encode())")
    script = f"from ganzoo.training.launch import launch; launch({block!r}, 1)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict"},
        cwd=LAUNCHER.parents[1],
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"[worker 0] ?\n"


def test_one_fails_and_the_others_are_stopped(capsys, tmp_path):
    command = one_fails(tmp_path, "print(os.getpid(), flush=True); ready(); time.sleep(60)", workers=3)
    began = time.monotonic()
    assert launch(command, 3) == 3
    assert time.monotonic() - began < 2
    out, err = capsys.readouterr()
    assert err == "[launch] worker 1 ended with exit code 3: stopping the others\n"
    assert set(lines(out)) == {0, 2}
    assert not any(is_running(pid) for (pid,) in lines(out).values())


def test_the_first_failure_is_the_launchers(tmp_path):
    script = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5)); ready(); time.sleep(60)"
    assert launch(one_fails(tmp_path, script), 2) == 3


def test_a_worker_that_a_signal_killed():
    assert launch(python("if me == 1: os.kill(os.getpid(), signal.SIGKILL)\ntime.sleep(60)"), 2) == 128 + 9


def test_a_worker_that_will_not_end_is_killed_after_its_grace(capsys, tmp_path):
    command = one_fails(tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN); ready(); time.sleep(60)")
    began = time.monotonic()
    assert launch(command, 2, grace=0.2) == 3
    assert time.monotonic() - began < 2
    assert capsys.readouterr().err.endswith("[launch] worker 0 did not end within 0.2 seconds: killed\n")


def test_a_worker_that_is_done_waits_for_nobody(capsys):
    assert launch(python("time.sleep(0.5 * me); print('done')"), 2, grace=0.1) == 0
    assert lines(capsys.readouterr().out) == {0: ["done"], 1: ["done"]}


def test_what_a_worker_started_ends_with_it(capsys):
    assert launch(["sh", "-c", "sleep 60 & echo $!"], 2, grace=1.0) == 0
    pids = [int(pid) for (pid,) in lines(capsys.readouterr().out).values()]
    assert len(pids) == 2
    wait_until_gone(pids, 0.5)


def test_a_training_inside_a_script_may_save_though_its_shell_ends_at_once(capsys, tmp_path):
    command = ["sh", "-c", '"$@"; exit $?', "script", *one_fails(tmp_path, SAVE)]
    assert launch(command, 2, grace=1.2) == 3
    assert lines(capsys.readouterr().out)[0][-1] == "saved after 15"


@pytest.mark.parametrize(
    ("given", "passed_on"),
    [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGTERM), (signal.SIGHUP, signal.SIGTERM)],
)
def test_a_signal_is_passed_on_once_and_the_end_waited_for(given, passed_on):
    with Launched(SAVE + "sys.exit(130)", "--quiet") as launched:
        launched.process.send_signal(given)
        out, err = launched.process.communicate(timeout=60)
        assert lines(out) == {0: [f"saved after {passed_on:d}"], 1: [f"saved after {passed_on:d}"]}
        assert (launched.process.returncode, err) == (130, "")


def test_under_nohup_a_closed_terminal_is_nothing():
    with Launched(SAVE + "sys.exit(130)", "--quiet", workers=1, prefix=["nohup"]) as launched:
        launched.process.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        launched.process.send_signal(signal.SIGINT)
        out, _ = launched.process.communicate(timeout=60)
        assert (launched.process.returncode, out) == (130, "[worker 0] saved after 2\n")


def test_after_a_signal_the_last_worker_has_its_grace():
    script = "if me == 1: signal.signal = lambda *_: None\n" + SAVE + "sys.exit(130)"
    with Launched("signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + script, "--grace", "0.2") as launched:
        launched.process.terminate()
        out, err = launched.process.communicate(timeout=60)
        assert out == "[worker 0] saved after 15\na worker ended with exit code 130\n"
        assert (launched.process.returncode, err) == (130, "[launch] worker 1 did not end within 0.2 seconds: killed\n")


def test_a_second_signal_kills():
    script = "signal.signal(signal.SIGTERM, lambda *_: print('no', flush=True)); ready()\nwhile True: time.sleep(60)"
    with Launched(script) as launched:
        launched.process.terminate()
        assert {launched.process.stdout.readline() for _ in range(2)} == {"[worker 0] no\n", "[worker 1] no\n"}
        launched.process.terminate()
        _, err = launched.process.communicate(timeout=60)
        assert (launched.process.returncode, err) == (128 + 9, "")
        assert not any(map(is_running, launched.pids))


def test_a_launcher_that_is_killed_leaves_nobody_behind():
    with Launched("ready(); time.sleep(60)") as launched:
        launched.process.kill()
        wait_until_gone(launched.pids, 2)


def test_a_launcher_that_is_killed_leaves_nobody_behind_who_ignores_sigterm():
    script = "signal.signal(signal.SIGTERM, signal.SIG_IGN); ready(); time.sleep(60)"
    with Launched(script, "--grace", "0.5") as launched:
        launched.process.kill()
        wait_until_gone(launched.pids, 3)


def test_when_nobody_reads_any_more_the_workers_are_stopped_and_may_save(tmp_path):
    script = (
        "signal.signal(signal.SIGTERM, lambda *_: got.append(1)); got = []\n"
        "ready()\n"
        "while not got: print('line', flush=True); time.sleep(0.01)\n"
        f"time.sleep(0.2); print('saving'); open({str(tmp_path)!r} + f'/{{me}}', 'w').close()"
    )
    with Launched(script, workers=1) as launched:
        launched.process.stdout.close()
        assert launched.process.stderr.read() == ""
        assert launched.process.wait(5) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


def test_an_exception_in_the_launcher_leaves_nobody_behind(monkeypatch):
    seen = []

    def fail(workers, *_):
        seen.extend(worker.process for worker in workers)
        raise ZeroDivisionError

    monkeypatch.setattr(module, "_supervise", fail)
    with pytest.raises(ZeroDivisionError):
        launch(["sleep", "60"], 2)
    assert [process.returncode for process in seen] == [-signal.SIGKILL] * 2


def test_signal_handlers_are_put_back(monkeypatch):
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    assert launch(["true"], 1) == 0
    assert [signal.getsignal(number) for number in numbers] == before


def test_it_works_outside_the_main_thread():
    codes = []
    thread = threading.Thread(target=lambda: codes.append(launch(["sh", "-c", "exit 4"], 2)))
    thread.start()
    thread.join()
    assert codes == [4]


@pytest.mark.parametrize(
    ("command", "workers", "message"),
    [
        (["true"], 0, "workers: expected an integer of at least 1, got 0"),
        ([], 2, "command: expected a program and its arguments, got none"),
        (["absent"], 2, "absent: cannot be started (No such file or directory): check its name and PATH"),
        (["/"], 2, "/: cannot be started (Permission denied): check its name and PATH"),
    ],
)
def test_wrong_use(command, workers, message):
    with pytest.raises(UsageError) as raised:
        launch(command, workers)
    assert str(raised.value) == message
