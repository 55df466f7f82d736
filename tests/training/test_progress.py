"""The bar's text, worked out by hand, and what remains of it on a terminal."""

import contextlib
import fcntl
import io
import os
import pty
import struct
import termios
import threading
import time

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
    assert bar.line(110, {"G": 0.5}) == "cgan ██░░░░░░░░░░░░░░░░░░ 110/1,000  1:29 left  640 images/s  G 0.500"
    assert stream.getvalue().count("\n") == 1  # not a terminal: a line every half minute
    now[0] += 50.0
    bar.update(1000, {"G": 0.5})
    assert stream.getvalue().endswith("1,000/1,000  0:00 left  1,139 images/s  G 0.500\n")


def test_the_remaining_time_follows_the_work_of_each_step(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    bar = ProgressBar("monet", total=5, batch_size=1, stream=io.StringIO(), costs=[10, 10, 10, 10, 300])
    bar.update(1, {})
    now[0] += 2.0
    bar.update(3, {})  # 20 units in 2 seconds; 310 are left
    assert "3/5  0:31 left  1.0 images/s" in bar.line(3, {})


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (78, "ring ██████████░░░░░░░░░░ 500/1,000  0:25 left  640 images/s  G 0.500  D 1.250"),
        (77, "ring █████████░░░░░░░░░░ 500/1,000  0:25 left  640 images/s  G 0.500  D 1.250"),
        (62, "ring ██░░ 500/1,000  0:25 left  640 images/s  G 0.500  D 1.250"),
        (61, "ring 500/1,000  0:25 left  640 images/s  G 0.500  D 1.250"),
        (57, "ring 500/1,000  0:25 left  640 images/s  G 0.500  D 1.250"),
        (56, "ring ████████░░░░░░░░ 500/1,000  0:25 left  640 images/s"),
        (39, "ring 500/1,000  0:25 left  640 images/s"),
        (38, "ring ██████░░░░░░ 500/1,000  0:25 left"),
        (25, "ring 500/1,000  0:25 left"),
        (24, "ring ████░░░░░ 500/1,000"),
        (14, "ring 500/1,000"),
        (8, "ring 500"),
    ],
)
def test_a_narrow_line(width, text):
    bar = ProgressBar("ring", total=1000, batch_size=32, stream=None)
    bar.seen.extend([(100, 0.0), (500, 20.0)])  # 20 steps a second
    assert bar.line(500, {"G": 0.5, "D": 1.25}, width) == text


class Terminal:
    """A pseudo-terminal; `close` it to get the screen, line by line."""

    def __init__(self, columns, encoding="utf-8"):
        self.encoding = encoding
        self.master, slave = pty.openpty()
        self.resize(columns)
        self.stream = os.fdopen(slave, "w", encoding=encoding, errors="backslashreplace")
        self.printed = b""
        self.reader = threading.Thread(target=self._read)  # a terminal that nobody reads stops who writes to it
        self.reader.start()

    def _read(self):
        with contextlib.suppress(OSError):  # Linux says so when the other end is closed
            while piece := os.read(self.master, 1000):
                self.printed += piece

    def resize(self, columns):
        self.columns = columns
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def close(self):
        self.stream.flush()
        os.write(self.stream.fileno(), b"\0")  # what is on its way when the other end is closed may be lost
        end = time.monotonic() + 60
        while not self.printed.endswith(b"\0") and time.monotonic() < end:
            time.sleep(0.001)
        self.printed = self.printed.removesuffix(b"\0")
        self.stream.close()
        self.reader.join()
        os.close(self.master)
        lines, row, column = [[]], 0, 0
        for character in self.printed.decode(self.encoding).replace("\r\n", "\n"):
            if character == "\r":
                column = 0
                continue
            if character == "\n" or column == self.columns:
                row, column = row + 1, 0
                lines.append([])
            if character != "\n":
                lines[row][column:] = [character, *lines[row][column + 1 :]]
                column += 1
        return ["".join(line).rstrip() for line in lines]


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr(progress, "REDRAW_SECONDS", 0.0)
    return Terminal


@pytest.mark.parametrize("columns", [100, 80, 60, 40, 20, 8])
def test_a_terminal_is_redrawn_in_place(terminal, columns):
    shown = terminal(columns)
    bar = ProgressBar("gan_ring", total=10_000, batch_size=256, stream=shown.stream)
    for step in range(0, 10_001, 100):
        bar.update(step, {"G": 0.7, "D": 1.4})
    only, empty = shown.close()
    assert only.startswith("gan_ring "[: columns - 2].rstrip())
    assert len(only) <= columns - 2
    assert empty == ""


def test_a_terminal_may_become_narrower_between_two_lines(terminal):
    shown = terminal(100)
    bar = ProgressBar("x", total=2, batch_size=1, stream=shown.stream)
    bar.update(1, {"G": 0.5})
    shown.resize(21)
    bar.update(1, {"G": 0.5})
    bar.close()
    assert shown.close()[-2:] == ["x ██░░ 1/2  G 0.500", ""]


def test_ctrl_c_is_printed_on_the_line_itself(terminal):
    shown = terminal(60)
    bar = ProgressBar("gan_ring", total=10_000, batch_size=256, stream=shown.stream)
    bar.update(1, {"G": 0.7, "D": 1.4})
    bar.seen[0] = (1, bar.seen[0][1] - 10.0)
    bar.update(5_000, {"G": 0.7, "D": 1.4})
    print("^C", end="", file=shown.stream)
    bar.update(5_001, {"G": 0.7, "D": 1.4})
    bar.close()
    bar.close()
    print("stopped", file=shown.stream, flush=True)
    line, *rest = shown.close()
    assert line.startswith("gan_ring █")
    assert rest == ["stopped", ""]


def test_a_note_replaces_the_unfinished_line(terminal):
    shown = terminal(80)
    bar = ProgressBar("x", total=9, batch_size=1, stream=shown.stream)
    bar.update(1, {"G": 0.5})
    bar.note("hello")
    bar.update(1, {})
    assert shown.close() == ["hello", "x ██░░░░░░░░░░░░░░░░░░ 1/9"]


def test_close_prints_nothing_where_no_line_is_open(terminal):
    shown = terminal(80)
    bar = ProgressBar("x", total=2, batch_size=1, stream=shown.stream)
    bar.close()
    bar.update(2, {})
    bar.close()
    assert shown.close() == ["x ████████████████████ 2/2", ""]
    elsewhere = io.StringIO()
    bar = ProgressBar("x", total=2, batch_size=1, stream=elsewhere)
    bar.update(1, {})
    bar.close()
    assert elsewhere.getvalue().count("\n") == 1


def test_a_terminal_without_blocks_gets_other_characters(terminal):
    shown = terminal(80, "latin-1")
    bar = ProgressBar("x", total=2, batch_size=1, stream=shown.stream)
    bar.update(1, {})
    assert shown.close() == ["x ##########---------- 1/2"]


def test_quiet_draws_nothing():
    bar = ProgressBar("x", total=2, batch_size=1, stream=None)
    bar.update(2, {})
    bar.note("hello")
    bar.close()
    assert progress.stderr_unless(quiet=True) is None


def test_a_terminal_that_was_closed_ends_the_bar_and_not_the_run():
    class Closed(io.StringIO):
        def write(self, text):
            raise OSError(5, "Input/output error")

    bar = ProgressBar("ring", total=10, batch_size=1, stream=Closed())
    bar.note("training")
    assert bar.stream is None
    bar.update(10, {})
    bar.close()
