"""The progress bar of a run: steps, images/s, remaining time, the losses."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import TextIO

WIDTH = 20
REDRAW_SECONDS = 0.2
LINE_SECONDS = 30.0
SPEED_SECONDS = 20.0


class ProgressBar:
    """One line that is redrawn in place on a terminal; elsewhere a new line now and then.

    Args:
      name: what is trained.
      total: number of steps at the end.
      batch_size: examples a step.
      stream: where to draw; None draws nothing.
    """

    def __init__(self, name: str, total: int, batch_size: int, stream: TextIO | None) -> None:
        self.name = name
        self.total = total
        self.batch_size = batch_size
        self.stream = stream
        self.in_place = stream is not None and stream.isatty()
        self.seen: deque[tuple[int, float]] = deque()  # steps and times of the last SPEED_SECONDS
        self.drawn = 0.0
        self.length = 0

    def update(self, step: int, losses: dict[str, float]) -> None:
        """Shows a step; cheap to call after every one."""
        now = time.monotonic()
        self.seen.append((step, now))
        while len(self.seen) > 2 and now - self.seen[0][1] > SPEED_SECONDS:
            self.seen.popleft()
        wait = REDRAW_SECONDS if self.in_place else LINE_SECONDS
        if self.stream is None or (now - self.drawn < wait and step < self.total):
            return
        self.drawn = now
        self._write(self.line(step, losses), last=step >= self.total)

    @property
    def speed(self) -> float:
        """Steps a second of late; 0 while it is not known (the first step is mostly tracing, and does not count)."""
        if len(self.seen) < 2:
            return 0.0
        (first, since), (last, now) = self.seen[0], self.seen[-1]
        return (last - first) / max(now - since, 1e-9)

    def line(self, step: int, losses: dict[str, float]) -> str:
        """The text of the bar at a step."""
        done = WIDTH * step // self.total
        speed = self.speed
        rate = f"{speed * self.batch_size:,.0f} images/s" if speed else "… images/s"
        left = f"{clock((self.total - step) / speed)} left" if speed else ""
        shown = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
        bar = "█" * done + "░" * (WIDTH - done)
        return f"{self.name} {bar} {step:,}/{self.total:,}  {rate}  {left}  {shown}".rstrip()

    def note(self, text: str) -> None:
        """Prints a line without spoiling the bar."""
        if self.stream is not None:
            self._write(text, last=True)

    def _write(self, text: str, last: bool) -> None:
        assert self.stream is not None
        if self.in_place:
            padding = " " * max(self.length - len(text), 0)
            self.stream.write(f"\r{text}{padding}" + ("\n" if last else ""))
            self.length = 0 if last else len(text)
        else:
            self.stream.write(text + "\n")
        self.stream.flush()


def stderr_unless(quiet: bool) -> TextIO | None:
    """Where a bar is drawn."""
    return None if quiet else sys.stderr


def clock(seconds: float) -> str:
    """`75` -> `1:15`, `3700` -> `1:01:40`."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
