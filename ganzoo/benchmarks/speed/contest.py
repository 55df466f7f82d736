"""Speed contest of training loops: each in a separate process, one turn at a time while the others wait.

Separate processes keep memory peaks, thread pools and compiled graphs apart; alternating turns let a noisy machine
affect all of them alike. `turns` is the contestant's side of the pipe.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ganzoo.benchmarks.ending import described
from ganzoo.errors import GanzooError


@dataclasses.dataclass(frozen=True)
class Contestant:
    """Training loop in a contest.

    Attributes:
      name: name in messages and tables.
      command: arguments of the Python interpreter, for a program that calls `turns.serve`.
    """

    name: str
    command: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Measured:
    """Measurements of one contestant.

    Attributes:
      name: name of the contestant.
      images_per_second: speed in each turn.
      step_seconds: seconds per step over all turns: for each clock reading, the mean since the previous one.
      first_step_seconds: time from the start of building to the end of the first step; None if not measured.
      ready_seconds: time from the start of the process until ready, imports included.
      parameters: network -> number of trainable parameters; None if not reported.
      engine: engine settings that the contestant chose: `precision`, `xla`, `strategy`, ….
      made_with: library -> version, `GPU` -> its name.
      peak_memory_gib: largest resident memory of the process.
    """

    name: str
    images_per_second: list[float]
    step_seconds: list[float]
    first_step_seconds: float | None
    ready_seconds: float
    parameters: dict[str, int] | None
    engine: dict[str, Any]
    made_with: dict[str, str]
    peak_memory_gib: float

    @property
    def median(self) -> float:
        """Median over the turns, in images/s."""
        return statistics.median(self.images_per_second)

    @property
    def step_median(self) -> float:
        """Median time of a step over all turns, in seconds."""
        return statistics.median(self.step_seconds)

    @property
    def step_p95(self) -> float:
        """95th percentile of the time of a step, in seconds."""
        return float(np.percentile(self.step_seconds, 95))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        medians = {"median": self.median, "step_median": self.step_median, "step_p95": self.step_p95}
        return {**dataclasses.asdict(self), **medians}


def compete(
    contestants: Sequence[Contestant], *, turns: int, steps: int, note: Callable[[str], None]
) -> list[Measured]:
    """Start all contestants, one after another, and let them take turns, first to last and last to first.

    Args:
      contestants: at least one; reported numbers of parameters must agree.
      turns: number of measurements of each contestant.
      steps: steps in each turn.
      note: function that receives progress messages.

    Raises:
      GanzooError: a contestant died, reported an error, or has other networks than the first; one line.
    """
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory())
        children: list[_Child] = []
        for contestant in contestants:
            note(f"starting {contestant.name}")
            children.append(_Child(contestant, scratch))
            stack.callback(children[-1].close)
            children[-1].get_ready()
            _check_networks(children)
        for turn in range(turns):
            # Alternating order spreads drift, and effects of the previous contestant, evenly.
            for child in children if turn % 2 == 0 else reversed(children):
                child.turn(steps)
                note(f"turn {turn + 1} of {turns}: {child.name} {speed(child.speeds[-1])} images/s")
        return [child.finish() for child in children]


def speed(images_per_second: float) -> str:
    """Format a speed with at least three digits."""
    return f"{images_per_second:,.{2 if images_per_second < 10 else 1 if images_per_second < 100 else 0}f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a Markdown table with aligned columns, numbers to the right."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    drawn = [f"| {line[0].ljust(widths[0])} | {' | '.join(map(str.rjust, line[1:], widths[1:]))} |" for line in lines]
    rule = f"|{'-' * (widths[0] + 2)}|{'|'.join('-' * (width + 1) + ':' for width in widths[1:])}|"
    return "\n".join([drawn[0], rule, *drawn[1:]])


class _Child:
    """Process of a contestant. It ends with its parent, when its standard input closes.

    Args:
      contestant: training loop to start.
      scratch: folder for its temporary files, which a kill would leave behind.
    """

    def __init__(self, contestant: Contestant, scratch: str) -> None:
        self.name = contestant.name
        self.about: dict[str, Any] = {}
        self.ready_seconds = 0.0
        self.speeds: list[float] = []
        self.step_seconds: list[float] = []
        self._began = time.monotonic()
        self._errors = Path(tempfile.mkdtemp(dir=scratch), "stderr")
        environment = {
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # else the first takes all GPU memory
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
            "TMPDIR": str(self._errors.parent),
        }
        with self._errors.open("w") as stderr:
            # -P and the path of this process, to find the same modules and none from the working directory.
            self._process = subprocess.Popen(
                [sys.executable, "-P", *contestant.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment,
                encoding="utf-8",
            )

    def get_ready(self) -> None:
        """Wait until the first step is done."""
        self.about = self._hear()["ready"]
        self.ready_seconds = time.monotonic() - self._began

    def turn(self, steps: int) -> None:
        """Run a turn, and keep the measurements."""
        reply = self._ask({"turn": {"steps": steps}})
        self.speeds.append(reply["images_per_second"])
        self.step_seconds += reply["step_seconds"]

    def finish(self) -> Measured:
        """End the contest for this process, and return its measurements."""
        return Measured(
            name=self.name,
            images_per_second=self.speeds,
            step_seconds=self.step_seconds,
            first_step_seconds=self.about.get("first_step_seconds"),
            ready_seconds=self.ready_seconds,
            parameters=self.about.get("parameters"),
            engine=self.about.get("engine", {}),
            made_with=self.about.get("made_with", {}),
            peak_memory_gib=self._ask({"finish": {}})["peak_memory_gib"],
        )

    def close(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.communicate()  # waits, and closes the pipes

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._death() from None
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._death()
        try:
            reply = json.loads(line)
        except json.JSONDecodeError:
            raise GanzooError(
                f"{self.name}: expected a JSON line, got '{line.strip()}' (see benchmarks/speed/turns.py)"
            ) from None
        if "error" in reply:
            raise GanzooError(f"{self.name}: {reply['error']}")
        return reply

    def _death(self) -> GanzooError:
        code, printed = self._process.wait(), self._errors.read_text(encoding="utf-8", errors="replace")
        return GanzooError(f"{self.name}: the process {described(code, printed, 'nothing on its standard error')}")


def _check_networks(children: Sequence[_Child]) -> None:
    """Raise GanzooError if the newest contestant has another number of parameters than the first that reports it."""
    told = [child for child in children if child.about.get("parameters")]
    if not told or told[0].about["parameters"] == told[-1].about["parameters"]:
        return
    raise GanzooError(
        f"{told[-1].name}: expected the networks of {told[0].name}, with {told[0].about['parameters']} parameters, got "
        f"{told[-1].about['parameters']} (a comparison needs the same networks)"
    )
