"""The bar's text, worked out by hand."""

import io

import pytest

from ganzoo.training import progress
from ganzoo.training.progress import ProgressBar, clock


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (75, "1:15"), (3700, "1:01:40")])
def test_clock(seconds, text):
    assert clock(seconds) == text


def test_speed_and_remaining_time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    bar = ProgressBar("cgan", total=1000, batch_size=64, stream=stream)
    bar.update(10, {"G": 1.0})  # the first one says nothing of the speed
    now[0] += 10.0
    bar.update(110, {"G": 0.5})
    assert bar.speed == pytest.approx(10.0)
    assert bar.line(110, {"G": 0.5}) == "cgan ██░░░░░░░░░░░░░░░░░░ 110/1,000  640 images/s  1:29 left  G 0.500"
    assert stream.getvalue().count("\n") == 1  # not a terminal: a line every half minute
    now[0] += 50.0
    bar.update(1000, {"G": 0.5})
    assert stream.getvalue().endswith("1,000/1,000  1,140 images/s  0:00 left  G 0.500\n")


def test_a_terminal_is_redrawn_in_place():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    stream = Terminal()
    bar = ProgressBar("x", total=2, batch_size=1, stream=stream)
    bar.update(1, {})
    bar.update(2, {})
    assert stream.getvalue().count("\r") == 2
    assert stream.getvalue().count("\n") == 1


def test_quiet_draws_nothing():
    bar = ProgressBar("x", total=2, batch_size=1, stream=None)
    bar.update(2, {})
    bar.note("hello")
    assert progress.stderr_unless(quiet=True) is None
