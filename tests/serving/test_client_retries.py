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


def test_the_waits_are_bounded_and_drawn(slept):

    def fail(seconds):
        raise retries.AttemptError("no", passing=True)

    with pytest.raises(ServerError, match=r"^no \(tried 9 times\)$"):
        Call("http://host:1", 1000, 8).ask(fail)
    assert slept == [0.125, 0.25, 0.5, 1, 2, 4, 4, 4]


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("plain", "plain"),
        ("wrong shape\n\t [[{{node x}}]]\n\t [[y]]", "wrong shape"),
        ("2 root error(s) found. (0) assertion failed: [a: given:] [-1 7]\n\t [[x]]", "a: given: -1 7"),
        ("assertion failed: [a: wanted, sizes:] [[4 50][8 9]]", "a: wanted, sizes: [4 50][8 9]"),
        ("assertion failed: [a: wanted, rows:] [3] [2]\n\t [[x]]", "a: wanted, rows: 3 2"),
        ("x" * 500, "x" * 400 + "…"),
    ],
)
def test_one_line(said, line):
    assert retries.one_line(said) == line
