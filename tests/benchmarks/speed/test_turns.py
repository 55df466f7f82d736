"""The contestants' side of the protocol, spoken to by hand."""

import json
import subprocess
import sys
import time

import pytest

from ganzoo.benchmarks.speed import turns

SCRIPT = """
from ganzoo.errors import DataError
from ganzoo.benchmarks.speed import turns

def prepare():
    print("a library says hello")
    return {"first_step_seconds": 1.5}, turn

def turn(steps):
    if steps == 13:
        raise DataError("no luck")
    print("a library says more")
    return {"images_per_second": 10.0 * steps, "step_seconds": [0.1] * steps}

turns.serve(prepare)
"""


def spoken(*requests):
    """(answers, standard error, exit code) of a contestant that gets these requests, and then nobody any more."""
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run([sys.executable, "-c", SCRIPT], input=lines, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr, done.returncode


def test_ready_turns_and_finish():
    answers, printed, code = spoken({"turn": {"steps": 2}}, {"turn": {"steps": 1}}, {"finish": {}})
    assert answers[:3] == [
        {"ready": {"first_step_seconds": 1.5}},
        {"images_per_second": 20.0, "step_seconds": [0.1, 0.1]},
        {"images_per_second": 10.0, "step_seconds": [0.1]},
    ]
    assert 0.001 < answers[3]["peak_memory_gib"] < 0.5
    assert len(answers) == 4
    assert printed == "a library says hello\n" + 2 * "a library says more\n"
    assert code == 0


def test_an_error_of_ours_is_an_answer():
    answers, printed, code = spoken({"turn": {"steps": 13}}, {"finish": {}})
    assert answers[1:] == [{"error": "no luck"}]
    assert "Traceback" not in printed
    assert code == 2


def test_it_ends_when_nobody_asks_any_more():
    _, _, code = spoken()
    assert code == 1


def test_it_ends_in_the_middle_of_a_turn():
    script = SCRIPT.replace('print("a library says more")', "import time; time.sleep(600)")
    child = subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1, stderr=subprocess.DEVNULL)
    with child:
        child.stdin.write(b'{"turn": {"steps": 1}}\n')
        child.stdin.flush()
        assert b"ready" in child.stdout.readline()
        child.stdin.close()
        assert child.wait(timeout=10) == 1


@pytest.mark.parametrize(
    ("steps", "steps_a_call", "calls", "images_per_second", "step_seconds"),
    [
        # The clock stands at 0, 1, 3, 6, 10 … seconds: the calls take 1, 2, 3, 4 … seconds.
        (3, 1, 3, 8 * 3 / 6, [1.0, 2.0, 3.0]),
        (4, 2, 2, 8 * 4 / 3, [0.5, 1.0]),
        (5, 2, 3, 8 * 6 / 6, [0.5, 1.0, 1.5]),
    ],
)
def test_timed(steps, steps_a_call, calls, images_per_second, step_seconds, monkeypatch):
    made = []
    monkeypatch.setattr(time, "perf_counter", lambda: len(made) * (len(made) + 1) / 2)
    reply = turns.timed(lambda: made.append(1), steps, 8, steps_a_call)
    assert len(made) == calls
    assert reply == {"images_per_second": pytest.approx(images_per_second), "step_seconds": step_seconds}
