"""Processes of a measurement as the one that starts them sees them, and what they take of the machine."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from ganzoo.errors import GanzooError

LINES_OF_A_TAIL = 3
MEMORY_EVERY = 1.0  # seconds


class Child:
    """A module that runs in a process of its own, which ends with this one.

    Args:
      name: for messages.
      scratch: a folder for what it says on its standard error.
      module: as for `python -m`.
      arguments: for the module.
    """

    def __init__(self, name: str, scratch: Path, module: str, *arguments: str) -> None:
        self.name = name
        descriptor, path = tempfile.mkstemp(dir=scratch)
        self._errors = Path(path)
        environment = {
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # the first would take the whole memory of the GPU
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        }
        with open(descriptor, "w", encoding="utf-8") as stderr:
            # -P and the path of this process: the same modules are found, and none that lies about where we are.
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "ganzoo.benchmarks.load.child", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment,
                encoding="utf-8",
            )

    @property
    def said(self) -> str:
        """What has come on its standard error."""
        return self._errors.read_text(encoding="utf-8", errors="replace")

    def death(self) -> GanzooError:
        """How its process ended, in one line."""
        code = self.process.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        tail = " | ".join(lines[-LINES_OF_A_TAIL:]) or "nothing on its standard error"
        return GanzooError(f"{self.name}: its process {how} ({tail})")

    def __enter__(self) -> Child:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.communicate()  # waits, and closes the pipes


def told(name: str, scratch: Path, module: str, given: Any) -> Any:
    """Runs a module that takes JSON as its argument, and gives what it prints, which is JSON too.

    Raises:
      GanzooError: it fails; one line.
    """
    with Child(name, scratch, module, json.dumps(given)) as child:
        assert child.process.stdout is not None
        printed = child.process.stdout.read()
        if child.process.wait():
            raise child.death()
    return json.loads(printed)


@dataclass
class Taken:
    """What a process took of the machine; nothing is known where there is no /proc.

    Attributes:
      memory_mib: its resident memory, second by second.
      cpu_seconds: of all its threads.
    """

    memory_mib: list[float] = field(default_factory=list)
    cpu_seconds: float | None = None


@contextlib.contextmanager
def watched(pid: int | None) -> Iterator[Taken]:
    """What a process takes while the block runs; None is a process on another machine."""
    taken = Taken()
    if pid is None or not Path(f"/proc/{pid}").is_dir():
        yield taken
        return
    ended = threading.Event()

    def watch() -> None:
        while True:
            with contextlib.suppress(OSError, StopIteration):  # it has died: who talks to it will say so
                taken.memory_mib.append(_memory_mib(pid))
            if ended.wait(MEMORY_EVERY):
                return

    thread = threading.Thread(target=watch, name="ganzoo-memory")
    before = _cpu_seconds(pid)
    thread.start()
    try:
        yield taken
        taken.cpu_seconds = _cpu_seconds(pid) - before
    finally:
        ended.set()
        thread.join()


def _memory_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def _cpu_seconds(pid: int) -> float:
    # The second field is the program's name in brackets, which may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
