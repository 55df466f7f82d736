"""Start TensorFlow and Keras on the right backend, without the log lines that they print on every machine.

TensorFlow 2.21 prints a dozen lines at its import and first step (oneDNN is on, no CUDA drivers, absl not initialised,
a graph optimiser gave up), some before it reads TF_CPP_MIN_LOG_LEVEL. None needs action from the user; real problems
are raised as exceptions. Python warnings are shown.
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
from contextlib import contextmanager, suppress
from typing import Any

from ganzoo.core.memory import reuse_freed_memory
from ganzoo.errors import UsageError

_LOG_LINE = re.compile(r"[IWE]\d{4} \d\d:\d\d:|WARNING: All log messages before absl::InitializeLog")


def import_quietly() -> None:
    """Import TensorFlow without its log lines; `TF_CPP_MIN_LOG_LEVEL=0` in the environment shows them.

    Raises:
      UsageError: if Keras uses a backend other than TensorFlow.
    """
    check_backend()
    if "tensorflow" not in sys.modules:
        reuse_freed_memory()
    if _is_to_be_quiet():
        with quiet_start():
            import tensorflow  # noqa: F401


@contextmanager
def quiet_start() -> Iterator[None]:
    """Hide TensorFlow's log lines if the code inside imports it; show other output to stderr at the end."""
    if not _is_to_be_quiet():
        yield
        return
    with _sorted_stderr():
        yield
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow and glob.glob("/dev/nvidia[0-9]*") and not tensorflow.config.list_physical_devices("GPU"):
        print(
            "ganzoo: TensorFlow cannot use this machine's GPU and continues on the CPU "
            "(pip install 'tensorflow[and-cuda]' installs CUDA; TF_CPP_MIN_LOG_LEVEL=0 shows the reason)",
            file=sys.stderr,
        )


def check_backend() -> None:
    """Refuse Keras backends other than TensorFlow, without importing Keras.

    Sets KERAS_BACKEND to `tensorflow` if it is not set, which overrides Keras's own settings file
    (`~/.keras/keras.json`).

    Raises:
      UsageError: if Keras is loaded with another backend, or KERAS_BACKEND names one.
    """
    keras = sys.modules.get("keras")
    if keras is not None and hasattr(keras, "config"):
        if (loaded := keras.config.backend()) != "tensorflow":
            raise UsageError(
                f"keras: expected the backend tensorflow, got {loaded} (restart Python with "
                "KERAS_BACKEND=tensorflow, or import ganzoo's models before keras)"
            )
    elif (chosen := os.environ.setdefault("KERAS_BACKEND", "tensorflow")) != "tensorflow":
        raise UsageError(
            f"KERAS_BACKEND: expected tensorflow, got {chosen}: ganzoo's models need Keras on TensorFlow (unset it, or "
            "set KERAS_BACKEND=tensorflow)"
        )


def when_keras_is_imported(action: Callable[[], None]) -> None:
    """Call an action as soon as any code imports Keras, or now if it is imported already.

    The action may import Keras. Its exceptions propagate from the import.
    """
    if hasattr(sys.modules.get("keras"), "saving"):
        action()
    else:
        sys.meta_path.insert(0, _KerasFinder(action))


class _KerasFinder(importlib.abc.MetaPathFinder):
    """Finder that delegates to the other finders and wraps Keras's loader once."""

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
                reuse_freed_memory()  # Keras imports TensorFlow
                execute(module)
                self._action()

            spec.loader.exec_module = executed  # type: ignore[method-assign]
        return spec


def without_log_lines(printed: str) -> str:
    """Return TensorFlow's output without its C++ log lines."""
    return "".join(line for line in printed.splitlines(keepends=True) if not _LOG_LINE.match(line))


def _is_to_be_quiet() -> bool:
    return "tensorflow" not in sys.modules and os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "3"


@contextmanager
def _sorted_stderr() -> Iterator[None]:
    """Hold back file descriptor 2 (C++ does not use sys.stderr), then print every line that is not a log line."""
    try:
        place = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115  closed below
    except OSError:  # there is no folder for it: all lines are shown
        yield
        return
    sys.stderr.flush()
    kept = os.dup(2)
    with place as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            with suppress(OSError):  # stderr cannot be written, for example a full disk
                sys.stderr.write(without_log_lines(held.read()))
