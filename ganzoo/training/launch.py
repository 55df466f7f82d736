"""Start the workers of a training: all of them on this machine, or the one of this pod of a Kubernetes job."""

from __future__ import annotations

import contextlib
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, NoReturn, TextIO

from ganzoo.errors import UsageError
from ganzoo.training.cluster import indexed_job_cluster, tf_config

POLL_SECONDS = 0.05
DRAIN_SECONDS = 5.0  # for the last lines; a daemon left by a worker may hold its pipe forever

# Signal of this process -> signal for the workers. A command that ignores SIGHUP (nohup) gets SIGTERM.
_PASSED_ON: dict[int, int] = {
    signal.SIGINT: signal.SIGINT,
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGHUP: signal.SIGTERM,
}

# Reads process groups until this process ends, even by SIGKILL, then ends the remaining ones.
_GUARD = """
while read -r group; do groups="$groups -$group"; done
kill -s TERM -- $groups
seconds=$1
for group in $groups; do
  while [ "$seconds" -gt 0 ] && kill -s 0 -- "$group"; do sleep 1; seconds=$((seconds - 1)); done
  kill -s KILL -- "$group"
done
"""


def launch(command: Sequence[str], workers: int, *, grace: float = 30.0) -> int:
    """Run a command once for each worker of a cluster on this machine, and wait for all of them.

    Each worker has its own TF_CONFIG and process group. Its output is printed as `[worker 0] …`, on stdout or stderr as
    it came. When a worker fails, or the output is closed, the others get SIGTERM.
    The first SIGINT, SIGTERM or SIGHUP of this process is passed on (SIGHUP as SIGTERM), and this function waits for
    the workers; a second signal kills them. No process of the groups remains, even if this one is killed.

    Args:
      command: the program and its arguments.
      workers: number of workers.
      grace: seconds from SIGTERM, or the end of the first worker, until a worker is killed.

    Returns:
      0 if all workers exit with 0, or the exit code of the first that failed; 128 + n if signal n killed it.

    Raises:
      UsageError: the command is missing or cannot be started, or there are no workers.
    """
    if workers < 1:
        raise UsageError(f"workers: expected an integer of at least 1, got {workers}")
    out, err = _Output(sys.stdout), _Output(sys.stderr)
    started: list[_Worker] = []
    with _caught() as signals, _guarded(grace) as guard, _addresses(workers) as addresses:
        try:
            for index in range(workers):
                with _starting(command):
                    started.append(_Worker(index, command, tf_config(addresses, index), out, err))
                guard(started[-1].process.pid)
            return _supervise(started, signals, out, err, grace)
        finally:
            for worker in started:
                worker.close()


def join_job(command: Sequence[str]) -> NoReturn:
    """Replace this process by a command, with the TF_CONFIG of the Kubernetes job's pod that it runs in.

    Args:
      command: the program and its arguments.

    Raises:
      UsageError: the command is missing or cannot be started, or `indexed_job_cluster` refuses the environment.
    """
    cluster = indexed_job_cluster(os.environ)
    with _starting(command):
        sys.stdout.flush()
        sys.stderr.flush()
        os.execvpe(command[0], list(command), {**os.environ, "TF_CONFIG": tf_config(cluster.workers, cluster.index)})


class _Output:
    """Stream that several threads write whole lines to, until its reader is gone."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        self.lock = threading.Lock()
        self.gone = False

    def line(self, text: str) -> None:
        """Write one line, or nothing after a line that could not be written."""
        with self.lock:
            if self.gone:
                return
            try:
                self.stream.write(text.encode(self.encoding, "replace").decode(self.encoding) + "\n")
                self.stream.flush()
            except OSError:
                self.gone = True


class _Worker:
    """One worker: the leader of a process group, and the threads that forward the group's output."""

    def __init__(self, index: int, command: Sequence[str], config: str, out: _Output, err: _Output) -> None:
        self.index = index
        self.process = subprocess.Popen(
            command,
            bufsize=0,
            env={**os.environ, "TF_CONFIG": config},
            stdin=subprocess.DEVNULL,  # several processes cannot share a terminal's
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.code: int | None = None
        self.asked = self.killed = False
        self.deadline = math.inf
        pipes = ((self.process.stdout, out), (self.process.stderr, err))
        self.readers = [threading.Thread(target=self._read, args=pipe, daemon=True) for pipe in pipes]
        for reader in self.readers:
            reader.start()

    def has_ended(self) -> bool:
        """Return whether the leader has ended since the last call; `code` then holds its exit code."""
        if self.code is not None or (code := self.process.poll()) is None:
            return False
        self.code = code if code >= 0 else 128 - code
        return True

    def is_over(self) -> bool:
        """Return whether the whole group has ended. After a kill only the leader counts, as zombies may remain."""
        return self.code is not None and (self.killed or not self._send(0))

    def ask(self, number: int) -> None:
        """Send the group a signal, once: a second would end `ganzoo train` before it saves."""
        if not self.asked:
            self.asked = True
            self._send(number)

    def limit(self, seconds: float) -> None:
        """Set the deadline to `seconds` from now, unless it is already earlier."""
        self.deadline = min(self.deadline, time.monotonic() + seconds)

    def kill_if_late(self) -> bool:
        """Kill the group, once, after its deadline; return whether this call did."""
        if self.killed or time.monotonic() <= self.deadline:
            return False
        self.killed = True
        return self._send(signal.SIGKILL)

    def close(self) -> None:
        """Kill the rest of the group, and wait until all output is forwarded."""
        if not self.is_over():
            self._send(signal.SIGKILL)
        self.process.wait()
        for reader in self.readers:
            reader.join(DRAIN_SECONDS)

    def _send(self, number: int) -> bool:
        try:
            os.killpg(self.process.pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _read(self, pipe: IO[bytes], output: _Output) -> None:
        with pipe:
            for line in _lines(pipe):
                output.line(f"[worker {self.index}] {line.decode(errors='replace')}")


def _supervise(workers: list[_Worker], signals: list[int], out: _Output, err: _Output, grace: float) -> int:
    """Wait for all workers, stop them if one fails or a signal arrives, and return the exit code."""
    first_failure = 0
    left = workers
    while left:
        for worker in left:
            if signals or out.gone or err.gone:
                worker.ask(signals[0] if signals else signal.SIGTERM)
            if len(signals) > 1:
                worker.limit(0.0)
            if worker.kill_if_late() and worker.code is None and len(signals) < 2:
                err.line(f"[launch] worker {worker.index} did not end within {grace:g} seconds: killed")
        time.sleep(POLL_SECONDS)
        for worker in [worker for worker in left if worker.has_ended()]:
            worker.ask(signal.SIGTERM)  # for processes that it left behind
            worker.limit(grace)
            first_failure = first_failure or worker.code or 0
            if worker.code or signals:
                if not all(other.asked for other in left):
                    err.line(f"[launch] worker {worker.index} ended with exit code {worker.code}: stopping the others")
                for other in left:
                    other.ask(signal.SIGTERM)
                    other.limit(grace)
        left = [worker for worker in left if not worker.is_over()]
    return first_failure


def _lines(pipe: IO[bytes]) -> Iterator[bytes]:
    """Yield complete lines. A carriage return ends a line too, so that each state of a progress bar is one."""
    rest, returned = b"", False
    while chunk := pipe.read(65536):
        *pieces, rest = re.split(rb"([\r\n])", rest + chunk)
        for line, end in zip(pieces[::2], pieces[1::2], strict=True):
            if line or (end == b"\n" and not returned):
                yield line
            returned = end == b"\r"
    if rest:
        yield rest


@contextlib.contextmanager
def _starting(command: Sequence[str]) -> Iterator[None]:
    """Turn the system's error for a failed start into UsageError."""
    if not command:
        raise UsageError("command: expected a program and its arguments, got none")
    try:
        yield
    except OSError as error:
        raise UsageError(f"{command[0]}: cannot be started ({error.strerror}): check its name and PATH") from None


@contextlib.contextmanager
def _caught() -> Iterator[list[int]]:
    """Collect the signals for the workers, in order of arrival."""
    caught: list[int] = []
    previous: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # in others the calling program handles signals
        for number in _PASSED_ON:
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup
                previous[number] = signal.signal(number, lambda number, _: caught.append(_PASSED_ON[number]))
    try:
        yield caught
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _guarded(grace: float) -> Iterator[Callable[[int], None]]:
    """Yield a function that registers process groups to end with this process, whatever ends it."""
    with subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, "guard", str(math.ceil(grace))],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as guard:
        assert guard.stdin is not None
        pipe = guard.stdin

        def take(group: int) -> None:
            pipe.write(b"%d\n" % group)

        try:
            yield take
        finally:
            guard.kill()  # before its pipe closes, which would trigger it


@contextlib.contextmanager
def _addresses(count: int) -> Iterator[list[str]]:
    """Yield free addresses on this machine, with each port reserved by a socket.

    TensorFlow binds the port with SO_REUSEADDR, which works as long as the socket here does not listen.
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for held in sockets:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(("127.0.0.1", 0))
        yield [f"127.0.0.1:{held.getsockname()[1]}" for held in sockets]
