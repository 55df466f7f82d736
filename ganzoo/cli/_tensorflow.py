"""TensorFlow's start without the lines that it prints on every machine.

TensorFlow 2.21 writes a dozen lines while it is imported and makes its first step (oneDNN is on, no CUDA drivers, absl
is not initialised yet, a graph optimiser gave up), some of them before it looks at TF_CPP_MIN_LOG_LEVEL. None asks for
anything of the user; real trouble is raised as an exception. Python's own warnings pass.
"""

from __future__ import annotations

import glob
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_LOG_LINE = re.compile(r"[IWE]\d{4} \d\d:\d\d:|WARNING: All log messages before absl::InitializeLog")


def import_quietly() -> None:
    """Imports TensorFlow; `TF_CPP_MIN_LOG_LEVEL=0` in the environment lets all of its lines through."""
    if "tensorflow" in sys.modules or os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") != "3":
        return
    with _sorted_stderr():
        import tensorflow
    if glob.glob("/dev/nvidia[0-9]*") and not tensorflow.config.list_physical_devices("GPU"):
        print(
            "ganzoo: TensorFlow cannot use this machine's GPU and goes on without "
            "(pip install 'tensorflow[and-cuda]' brings CUDA; TF_CPP_MIN_LOG_LEVEL=0 shows why)",
            file=sys.stderr,
        )


def without_log_lines(printed: str) -> str:
    """What remains of TensorFlow's output: what is not a line of its C++ log."""
    return "".join(line for line in printed.splitlines(keepends=True) if not _LOG_LINE.match(line))


@contextmanager
def _sorted_stderr() -> Iterator[None]:
    """Holds back what goes to file descriptor 2 (C++ does not know sys.stderr), then prints what is no log line."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile("w+", errors="replace") as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            sys.stderr.write(without_log_lines(held.read()))
