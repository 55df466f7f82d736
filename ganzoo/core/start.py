"""Start of TensorFlow and Keras: on the right backend, and without the lines that they print on every machine.

TensorFlow 2.21 prints a dozen lines while it is imported and makes its first step (oneDNN is on, no CUDA drivers, absl
is not initialised yet, a graph optimiser gave up), some of them before it reads TF_CPP_MIN_LOG_LEVEL. The user need not
act on any of them; a real problem is raised as an exception. Python's own warnings are shown.
"""

from __future__ import annotations

import glob
import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ganzoo.core.memory import reuse_freed_memory
from ganzoo.errors import UsageError

_LOG_LINE = re.compile(r"[IWE]\d{4} \d\d:\d\d:|WARNING: All log messages before absl::InitializeLog")


def import_quietly() -> None:
    """Import TensorFlow; `TF_CPP_MIN_LOG_LEVEL=0` in the environment shows all of its lines.

    Raises:
      UsageError: Keras has another backend than TensorFlow.
    """
    check_backend()
    if "tensorflow" not in sys.modules:
        reuse_freed_memory()
    if _is_to_be_quiet():
        with quiet_start():
            import tensorflow  # noqa: F401


@contextmanager
def quiet_start() -> Iterator[None]:
    """Hide TensorFlow's lines where what runs inside imports it; other output to stderr is shown at the end."""
    if not _is_to_be_quiet():
        yield
        return
    with _sorted_stderr():
        yield
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow and glob.glob("/dev/nvidia[0-9]*") and not tensorflow.config.list_physical_devices("GPU"):
        print(
            "ganzoo: TensorFlow cannot use this machine's GPU and goes on without "
            "(pip install 'tensorflow[and-cuda]' brings CUDA; TF_CPP_MIN_LOG_LEVEL=0 shows why)",
            file=sys.stderr,
        )


def check_backend() -> None:
    """Refuse another backend of Keras than TensorFlow; does not import Keras.

    Where KERAS_BACKEND is not set, it is set to `tensorflow`, so that a backend in Keras's own settings file
    (`~/.keras/keras.json`) does not matter.

    Raises:
      UsageError: Keras is loaded with another backend, or KERAS_BACKEND names one.
    """
    keras = sys.modules.get("keras")
    if keras is not None and hasattr(keras, "config"):
        if (loaded := keras.config.backend()) != "tensorflow":
            raise UsageError(
                f"keras: expected the backend tensorflow, got {loaded}: start Python again with "
                "KERAS_BACKEND=tensorflow, or import ganzoo's models before keras"
            )
    elif (chosen := os.environ.setdefault("KERAS_BACKEND", "tensorflow")) != "tensorflow":
        raise UsageError(
            f"KERAS_BACKEND: expected tensorflow, got {chosen}: ganzoo's models need Keras on TensorFlow (unset it, or "
            "set KERAS_BACKEND=tensorflow)"
        )


def when_keras_is_imported(action: Callable[[], None]) -> None:
    """Has an action called as soon as Keras is imported, by whomever; now, if it is already.

    The action may import Keras; what it raises is raised by the import.
    """
    if hasattr(sys.modules.get("keras"), "saving"):
        action()
    else:
        sys.meta_path.insert(0, _KerasFinder(action))


class _KerasFinder(importlib.abc.MetaPathFinder):
    """Finds Keras as the other finders do, and wraps its loader once."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def executed(module: Any) -> None:
                execute(module)
                self._action()

            spec.loader.exec_module = executed  # type: ignore[method-assign]
        return spec


def without_log_lines(printed: str) -> str:
    """Return TensorFlow's output without the lines of its C++ log."""
    return "".join(line for line in printed.splitlines(keepends=True) if not _LOG_LINE.match(line))


def _is_to_be_quiet() -> bool:
    return "tensorflow" not in sys.modules and os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3"


@contextmanager
def _sorted_stderr() -> Iterator[None]:
    """Hold back what goes to file descriptor 2 (C++ does not know sys.stderr), then print what is not a log line."""
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
