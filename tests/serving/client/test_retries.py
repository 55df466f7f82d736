"""Waits between tries, and a server's words in one line; the rest is tried with servers, in test_client.py."""

from types import SimpleNamespace

import pytest

from ganzoo.errors import ServerError
from ganzoo.serving.client import retries
from ganzoo.serving.client.retries import Call


@pytest.fixture
def slept(monkeypatch):
    """The waits, which nobody waits for; they are drawn at their shortest."""
    waits = []
    monkeypatch.setattr(retries, "time", SimpleNamespace(sleep=waits.append, monotonic=lambda: sum(waits)))
    monkeypatch.setattr(retries.random, "uniform", lambda low, high: low)
    return waits


def fail(seconds):
    raise retries.AttemptError("no", passing=True)


def test_the_waits_are_bounded_and_drawn(slept):
    with pytest.raises(ServerError, match=r"^no \(after 9 attempts\)$"):
        Call("http://host:1", None, 1000, 8, print).ask(fail)
    assert slept == [0.125, 0.25, 0.5, 1, 2, 4, 4, 4]


@pytest.mark.parametrize(("tries", "lines"), [(0, []), (1, ["no; retrying (at most 1)"])])
def test_that_it_is_tried_again_is_said_once_a_call(slept, tries, lines):
    said = []
    call = Call("http://host:1", None, 1000, tries, said.append)
    for _ in range(2):
        with pytest.raises(ServerError):
            call.ask(fail)
    assert said == lines


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("plain", "plain"),
        ("wrong shape\n\t [[{{node x}}]]\n\t [[y]]", "wrong shape"),
        ("2 root error(s) found. (0) assertion failed: [a: given:] [-1 7]\n\t [[x]]", "a: given: -1 7"),
        ("assertion failed: [a: wanted, sizes:] [[4 50][8 9]]", "a: wanted, sizes: [4 50][8 9]"),
        ("assertion failed: [a: wanted, rows:] [3] [2]\n\t [[x]]", "a: wanted, rows: 3 2"),
        ("x" * 500, "x" * 400 + "…"),
        ("\x00\x00\x18 bad\x7f\tbytes – ü…\u202e", "bad bytes – ü…"),
    ],
)
def test_one_line(said, line):
    assert retries.one_line(said) == line
