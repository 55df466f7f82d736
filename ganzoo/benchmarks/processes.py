"""Functions in separate processes, and the memory and CPU time that a process uses."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil  # type: ignore[import-untyped]

from ganzoo.benchmarks.ending import described
from ganzoo.errors import GanzooError

MEMORY_EVERY = 1.0  # seconds


class Process:
    """Function in a separate process, which ends with the block and with this process.

    Args:
      name: Name in messages.
      function: Function of a module that a new interpreter can import. The module must not import TensorFlow at
        its top, so that the process is set up first.
      arguments: Arguments of the function; they are pickled, and so is its result.
    """

    def __init__(self, name: str, function: Callable[..., Any], *arguments: Any) -> None:
        self.name = name
        self._folder = tempfile.TemporaryDirectory()
        self._output = Path(self._folder.name, "output")
        self._output.touch()
        context = multiprocessing.get_context("spawn")
        self._results, results = context.Pipe(duplex=False)
        given = (results, str(self._output), function, arguments)
        self.process = context.Process(target=_work, args=given, name=name, daemon=True)
        self.process.start()
        results.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.process.kill()
        self.process.join()
        self._results.close()
        self._folder.cleanup()

    def result(self) -> Any:
        """Wait for the function's result.

        Raises:
          GanzooError: The process failed; one line.
        """
        try:
            return self._results.recv()
        except EOFError:
            raise self.failure() from None

    @property
    def output(self) -> str:
        """Return the text that the process has printed so far."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def failure(self) -> GanzooError:
        """Wait for the end of the process and describe it in one line."""
        self.process.join()
        code = self.process.exitcode or 0
        return GanzooError(f"{self.name}: its process {described(code, self.output, 'it printed nothing')}")


def run_apart(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a function in a separate process and return its result; see `Process`."""
    with Process(name, function, *arguments) as process:
        return process.result()


@dataclass
class Usage:
    """Resources that a process used; empty for an inaccessible process.

    Attributes:
      memory_mib: Resident memory in MiB, second by second.
      cpu_seconds: CPU time of all threads, in seconds.
    """

    memory_mib: list[float] = field(default_factory=list)
    cpu_seconds: float | None = None


@contextlib.contextmanager
def usage_of(pid: int | None) -> Iterator[Usage]:
    """Record the resources that a process uses during the block; None is a process on another machine."""
    usage = Usage()
    if pid is None:
        yield usage
        return
    process, ended = psutil.Process(pid), threading.Event()

    def sample() -> None:
        with contextlib.suppress(psutil.Error):  # the process has ended; its caller reports it
            while True:
                usage.memory_mib.append(process.memory_info().rss / 2**20)
                if ended.wait(MEMORY_EVERY):
                    return

    thread = threading.Thread(target=sample, name="ganzoo-memory")
    before = sum(process.cpu_times()[:2])
    thread.start()
    try:
        yield usage
        with contextlib.suppress(psutil.Error):
            usage.cpu_seconds = sum(process.cpu_times()[:2]) - before
    finally:
        ended.set()
        thread.join()


def _work(results: Connection, output: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    for descriptor in (1, 2):
        os.dup2(os.open(output, os.O_WRONLY | os.O_APPEND), descriptor)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # else the first process takes all GPU memory
    threading.Thread(target=_end_with_parent, daemon=True).start()
    results.send(function(*arguments))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
