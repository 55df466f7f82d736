"""Progress bar of a run: steps, remaining time, images/s, losses."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TextIO

WIDTH = 20
NARROWEST = 4
REDRAW_SECONDS = 0.2
LINE_SECONDS = 30.0
SPEED_SECONDS = 20.0


class ProgressBar:
    """Progress bar: redrawn in place on a terminal, elsewhere a new line every 30 seconds.

    Call `close` before anything else is printed.

    Args:
      name: name of the model.
      total: number of steps at the end.
      batch_size: examples in a step.
      stream: stream to draw on; None draws nothing.
      unit: plural noun for the examples.
      costs: work of each step, in any unit, if steps differ: the remaining time follows it.
    """

    def __init__(
        self,
        name: str,
        total: int,
        batch_size: int,
        stream: TextIO | None,
        unit: str = "images",
        costs: Iterable[float] = (),
    ) -> None:
        self.name = name
        self.total = total
        self.batch_size = batch_size
        self.stream = stream
        self.unit = unit
        self.work = list(itertools.accumulate(costs, initial=0.0))  # done after each step
        self.in_place = stream is not None and stream.isatty()
        self.full, self.empty = ("█", "░") if _can_draw_blocks(stream) else ("#", "-")
        self.seen: deque[tuple[int, float]] = deque()  # steps and times of the last SPEED_SECONDS
        self.drawn = 0.0
        self.length = 0  # of the unfinished line

    def update(self, step: int, losses: dict[str, float]) -> None:
        """Show a step; cheap enough to call after every step."""
        now = time.monotonic()
        self.seen.append((step, now))
        while len(self.seen) > 2 and now - self.seen[0][1] > SPEED_SECONDS:
            self.seen.popleft()
        wait = REDRAW_SECONDS if self.in_place else LINE_SECONDS
        if self.stream is None or (now - self.drawn < wait and step < self.total):
            return
        self.drawn = now
        width = _room(self.stream) if self.in_place else sys.maxsize
        self._write(self.line(step, losses, width), last=step >= self.total)

    @property
    def speed(self) -> float:
        """Recent speed in steps/s; 0 while unknown (the first step is mostly tracing and is not counted)."""
        if len(self.seen) < 2:
            return 0.0
        (first, since), (last, now) = self.seen[0], self.seen[-1]
        return (last - first) / max(now - since, 1e-9)

    def line(self, step: int, losses: dict[str, float], width: int = sys.maxsize) -> str:
        """Return the text of the bar at a step.

        Args:
          step: number of steps made.
          losses: short name -> value.
          width: largest number of characters. A narrow line drops first the bar, then the losses, images/s and the
            remaining time; the bar fills the space left.
        """
        parts = [f"{step:,}/{self.total:,}"]
        if speed := self.speed:
            parts += [f"{clock(self._left(step) / speed)} left", f"{_pace(speed * self.batch_size)} {self.unit}/s"]
        if losses:
            parts.append("  ".join(f"{name} {value:.3f}" for name, value in losses.items()))
        while len(parts) > 1 and len(self.name) + 1 + len("  ".join(parts)) > width:
            parts.pop()
        rest = "  ".join(parts)
        cells = min(WIDTH, width - len(self.name) - len(rest) - 2)
        if cells < NARROWEST:
            return f"{self.name} {rest}"[:width]
        done = cells * step // self.total
        return f"{self.name} {self.full * done}{self.empty * (cells - done)} {rest}"

    def _left(self, step: int) -> float:
        """Return the work left after a step, in steps of the recent kind."""
        if len(self.work) <= self.total:
            return self.total - step
        (first, _), (last, _) = self.seen[0], self.seen[-1]
        return (self.work[-1] - self.work[step]) * (last - first) / max(self.work[last] - self.work[first], 1e-9)

    def note(self, text: str) -> None:
        """Print a line without breaking the bar."""
        if self.stream is not None:
            self._write(text, last=True)

    def close(self) -> None:
        """End the redrawn line, so that later output starts on a new one; may be called repeatedly."""
        if self.length:
            self._send("\n")
            self.length = 0

    def _write(self, text: str, last: bool) -> None:
        assert self.stream is not None
        if self.in_place:
            blank = f"\r{' ' * min(self.length, _room(self.stream))}" if self.length else ""
            self._send(f"{blank}\r{text}" + ("\n" if last else ""))
            self.length = 0 if last else len(text)
        else:
            self._send(text + "\n")

    def _send(self, text: str) -> None:
        """Write to the stream; draw nothing more once it cannot be written, as the run is worth more than its bar."""
        if self.stream is None:
            return
        try:
            self.stream.write(text)
            self.stream.flush()
        except OSError:  # the terminal was closed, or the disk is full
            self.stream = None


def stderr_unless(quiet: bool) -> TextIO | None:
    """Return the stream for a progress bar: stderr, or None."""
    return None if quiet else sys.stderr


def note_unless(quiet: bool) -> Callable[[str], None]:
    """Return a function that prints lines on stderr, or does nothing."""

    def note(line: str) -> None:
        if not quiet:
            with contextlib.suppress(OSError):  # the terminal was closed, or the disk is full
                print(line, file=sys.stderr, flush=True)

    return note


def _room(stream: TextIO) -> int:
    """Return the number of characters that fit on a line: two less than the terminal's width.

    A wrapped line cannot be redrawn, and Ctrl-C appends `^C`.
    """
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except OSError:
        columns = 0
    return max((columns or shutil.get_terminal_size().columns) - 2, 1)


def _can_draw_blocks(stream: TextIO | None) -> bool:
    """Return whether the encoding of a stream has block characters; otherwise each becomes a six-character escape."""
    try:
        "█░".encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _pace(speed: float) -> str:
    """Format a speed, with one decimal if it is small."""
    return f"{speed:,.0f}" if speed >= 10 else f"{speed:.1f}"


def clock(seconds: float) -> str:
    """Format seconds: `75` -> `1:15`, `3700` -> `1:01:40`."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
