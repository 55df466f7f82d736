"""Turns in order, figures as they were told, and one clear line for everything that goes wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ganzoo.benchmarks.speed import contest
from ganzoo.benchmarks.speed.contest import Contestant, Measured
from ganzoo.errors import GanzooError

# A contestant that measures nothing: it notes when it works and tells figures that were made up.
FAKE = """
import json, os, signal, sys, tempfile, time
from pathlib import Path
from ganzoo.errors import DataError
from ganzoo.benchmarks.speed import turns

name, log, given = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
speeds = given.get("speeds", [100.0] * 9)

def note(what):
    with log.open("a") as file:
        file.write(f"{name} {what}\\n")

def fail(where):
    if given.get("fails") == where:
        print("a line that nobody needs", file=sys.stderr)
        exec(given["how"])

def prepare():
    fail("start")
    note(f"starts {os.getpid()} {tempfile.mkdtemp()}")
    return {"parameters": given.get("parameters"), **given.get("about", {})}, turn

def turn(steps):
    note(f"begins {steps}")
    fail("turn")
    time.sleep(0.05)
    note("ends")
    return {"images_per_second": speeds.pop(0), "step_seconds": [0.5, 1.5]}

if "says" in given:
    print(given["says"], flush=True)
turns.serve(prepare)
"""


@pytest.fixture
def log(tmp_path):
    """What the contestants noted."""
    path = tmp_path / "log"
    path.touch()
    return path


@pytest.fixture
def fake(tmp_path, log):
    """Makes contestants."""
    script = tmp_path / "fake.py"
    script.write_text(FAKE, encoding="utf-8")
    return lambda name, **given: Contestant(name, (str(script), name, str(log), json.dumps(given)))


def compete(contestants, turns=1, steps=4, note=lambda line: None):
    return contest.compete(contestants, turns=turns, steps=steps, note=note)


def noted(log):
    """(who, what, further words) in order."""
    return [tuple(line.split()) for line in log.read_text(encoding="utf-8").splitlines()]


def test_one_at_a_time_there_and_back(fake, log):
    notes = []
    compete([fake("a"), fake("b"), fake("c")], turns=3, steps=7, note=notes.append)
    lines = noted(log)
    assert [line[:2] for line in lines[:3]] == [("a", "starts"), ("b", "starts"), ("c", "starts")]
    order = [name for turn in ("abc", "cba", "abc") for name in turn]
    assert lines[3:] == [line for name in order for line in ((name, "begins", "7"), (name, "ends"))]
    assert notes[:3] == ["starting a", "starting b", "starting c"]
    assert notes[3] == "turn 1 of 3: a 100 images/s"
    assert [line.split()[4] for line in notes[3:]] == order


def test_figures_arrive(fake):
    about = {"first_step_seconds": 2.5, "made_with": {"Library": "1.0"}, "engine": {"precision": "float32"}}
    sizes = {"generator": 3, "discriminator": 4}
    first, second = compete([fake("a", speeds=[30.0, 10.0, 20.0], parameters=sizes, about=about), fake("b")], turns=3)
    assert (first.name, first.images_per_second, first.median) == ("a", [30.0, 10.0, 20.0], 20.0)
    assert first.step_seconds == [0.5, 1.5] * 3
    assert first.first_step_seconds == 2.5
    assert first.parameters == sizes
    assert first.made_with == {"Library": "1.0"}
    assert first.engine == {"precision": "float32"}
    assert 0 < first.ready_seconds < 60
    assert 0 < first.peak_memory_gib < 1
    assert (second.first_step_seconds, second.parameters, second.made_with, second.engine) == (None, None, {}, {})


def test_medians_and_the_95th_percentile():
    measured = Measured("a", [1.0, 5.0, 2.0, 3.0], [*range(100, -1, -1)], None, 1.0, None, {}, {}, 1.0)
    assert (measured.median, measured.step_median, measured.step_p95) == (2.5, 50, 95.0)
    told = measured.to_dict()
    assert (told["median"], told["step_median"], told["step_p95"]) == (2.5, 50, 95.0)
    assert told["images_per_second"] == [1.0, 5.0, 2.0, 3.0]


@pytest.mark.parametrize("where", ["start", "turn"])
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("raise RuntimeError('boom')", r"b: the process ended with exit code 1 \(.*RuntimeError: boom\)"),
        ("os._exit(3)", r"b: the process ended with exit code 3 \(a line that nobody needs\)"),
        ("os.kill(os.getpid(), signal.SIGKILL)", r"b: the process was killed by signal 9 \(a line that nobody needs\)"),
        ("raise DataError('no such data')", r"b: no such data"),
    ],
)
def test_a_contestant_that_dies(where, how, message, fake, log):
    with pytest.raises(GanzooError, match=rf"^{message}$") as caught:
        compete([fake("a"), fake("b", fails=where, how=how)])
    assert "\n" not in str(caught.value)
    assert not is_alive(int(noted(log)[0][2]))


def test_a_contestant_that_dies_between_its_turns(fake, log):
    def kill(line):
        if line.startswith("turn 1 of 2: a"):
            os.kill(int(noted(log)[0][2]), signal.SIGKILL)

    with pytest.raises(GanzooError, match=r"^a: the process was killed by signal 9 \(nothing on its standard error\)$"):
        compete([fake("a")], turns=2, note=kill)


def test_a_script_that_is_no_contestant(fake):
    with pytest.raises(GanzooError, match=r"^a: expected a JSON line, got 'hello'"):
        compete([fake("a", says="hello")])


def test_other_networks(fake, log):
    sizes = {"generator": 3, "discriminator": 4}
    others = {"generator": 3, "discriminator": 5}
    with pytest.raises(
        GanzooError,
        match=r"^c: expected the networks of b, with {'generator': 3, 'discriminator': 4} parameters, got "
        r"{'generator': 3, 'discriminator': 5} \(a comparison needs the same networks\)$",
    ):
        compete([fake("a"), fake("b", parameters=sizes), fake("c", parameters=others), fake("d")])
    assert {line[0] for line in noted(log)} == {"a", "b", "c"}


def test_nothing_is_left(fake, log):
    compete([fake("a"), fake("b")])
    for _, _, pid, scratch in (line for line in noted(log) if line[1] == "starts"):
        assert not is_alive(int(pid))
        assert not Path(scratch).exists()


def test_contestants_die_with_the_one_that_asks(fake, log, tmp_path):
    slow = fake("a", fails="turn", how="time.sleep(600)")
    script = f"from ganzoo.benchmarks.speed.contest import *\ncompete([{slow!r}], turns=1, steps=1, note=print)"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL, env=environment)
    with parent:
        wait_until(lambda: any(line[1] == "begins" for line in noted(log)))
        parent.kill()
    pid = int(noted(log)[0][2])
    wait_until(lambda: not is_alive(pid))


def is_alive(pid):
    """Whether there is such a process, and not just its entry."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(true):
    """Waits, half a minute at most."""
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)
