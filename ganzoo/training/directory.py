"""Run directory: files, lock and log."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ganzoo.core import files
from ganzoo.errors import ConfigError, RunError, WeightsError
from ganzoo.schema import Config, read_yaml

CONFIG_FILE = "config.yaml"
LOCK_FILE = ".lock"
SHEET = re.compile(r"step_[0-9]+\.png")
EVALUATED = "evaluated"  # event in the log
LONGEST_NAME = 200  # characters of a metric's
LEFT_BY_A_KILL = ".ganzoo-*.tmp"  # from files.write_bytes
# Keys that may change when a run resumes: length, reports, handling of non-finite values, compiler; never what a step
# computes.
CHANGEABLE = frozenset({"evaluation"}) | frozenset(
    f"training.{key}"
    for key in (
        "steps",
        "log_every",
        "sample_every",
        "checkpoint_every",
        "checkpoint_minutes",
        "keep_checkpoints",
        "steps_per_execution",
        "stop_when",
        "on_nan",
        "xla",
    )
)

_log = logging.getLogger(__name__)


class RunDirectory:
    """Paths and files of one run.

    Args:
      path: the directory; `claim` creates it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config_file = self.path / CONFIG_FILE
        self.log_file = self.path / "log.jsonl"
        self.samples = self.path / "samples"
        self.newest_samples = self.path / "samples.png"
        self.checkpoints = self.path / "checkpoints"
        self.tensorboard = self.path / "tensorboard"
        self.export = self.path / "export"
        self.animation = self.path / "samples.gif"
        self.curves = self.path / "losses.png"
        self.metrics = self.path / "metrics.png"

    @contextlib.contextmanager
    def claim(self, config: Config) -> Iterator[None]:
        """Create the directory, or check that it holds this run and is not in use, and lock it for this process.

        Removes temporary files that a killed process has left.

        Raises:
          RunError: it cannot be written, has other contents, belongs to another config or is in use; nothing changes.
        """
        with contextlib.ExitStack() as held:
            try:
                if self.config_file.is_file():
                    if self.checkpoints.is_dir() or self.read_losses():  # else the run never started
                        self._check_same(config)
                else:
                    self.check_empty()
                self.path.mkdir(parents=True, exist_ok=True)
                lock = held.enter_context(open(self.path / LOCK_FILE, "w", encoding="utf-8"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for half in filter(Path.is_file, self.path.rglob(LEFT_BY_A_KILL)):
                    half.unlink()
            except BlockingIOError:
                raise RunError(
                    f"{self.path}: in use by another process that trains; choose another workdir, --workdir"
                ) from None
            except OSError as error:
                raise RunError(
                    f"{self.path}: cannot be written ({error.strerror}); choose another workdir, --workdir"
                ) from None
            yield

    def check_empty(self) -> None:
        """Refuse a folder that is neither empty nor a run.

        Raises:
          RunError: it has other files.
          OSError: it cannot be read.
        """
        if self.config_file.is_file() or not self.path.is_dir():
            return
        if {path.name for path in self.path.iterdir()} - {LOCK_FILE}:
            raise RunError(
                f"{self.path}: expected an empty folder or a run, got other files; choose another workdir, --workdir"
            )

    def decided(self, config: Config) -> Config:
        """Return the config with the choices that an existing run made at its start.

        These are precision and XLA if `auto`, and the end of a schedule, which must not move with the steps.
        """
        try:
            there = read_yaml(self.config_file)
        except ConfigError:  # no run yet, or one that `claim` refuses
            return config
        found: dict[str, Any] = {}
        for key in ("precision", "xla"):
            if getattr(config.training, key) == "auto":
                found[f"training.{key}"] = getattr(there.training, key)
        before = there.schedules
        for key, schedule in config.schedules.items():
            end = before[key].end if key in before else None
            if schedule.end is None and end is not None:
                found[f"{key}.end"] = end
        return config.override(found) if found else config

    def is_finished(self, step: int) -> bool:
        """Return whether a session finished (animation and export included) at this step or later."""
        return any(r.get("event") == "finished" and r["step"] >= step for r in self.read_log())

    def write_config(self, config: Config) -> None:
        """Write the resolved config, from which the run can be rebuilt.

        Raises:
          RunError: the file cannot be written.
        """
        files.write_text(self.config_file, config.to_yaml())

    def log(self, record: dict[str, Any]) -> None:
        """Append one line to `log.jsonl`.

        Raises:
          RunError: the file cannot be written.
        """
        try:
            with open(self.log_file, "a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise files.cannot_write(self.log_file, error) from None

    def read_log(self) -> list[dict[str, Any]]:
        """Return the records of `log.jsonl`, without damaged lines, such as a last one that a kill has truncated."""
        return [record for record in self._lines() if record is not None]

    def read_losses(self) -> list[dict[str, Any]]:
        """Return the log records with losses, without events."""
        return [record for record in self.read_log() if "event" not in record]

    def rewind(self, step: int) -> None:
        """Remove log lines and samples after a step, so that both have one timeline.

        TensorBoard's files only grow; TensorBoard shows the latest values.
        """
        if self.log_file.is_file():
            lines = self._lines()
            if damaged := lines[:-1].count(None):  # a kill truncates the last line
                _log.warning("%s: left out %d damaged line(s)", self.log_file, damaged)
            kept = [record for record in lines if record is not None and record["step"] <= step]
            files.write_text(self.log_file, "".join(json.dumps(record) + "\n" for record in kept))
        for path in self.sample_sheets():
            if int(path.stem.removeprefix("step_")) > step:
                path.unlink()

    def sample_sheet(self, step: int) -> Path:
        """Return the path of the sample sheet of a step."""
        return self.samples / f"step_{step:08d}.png"

    def sample_sheets(self) -> list[Path]:
        """Return the paths of the sample sheets, in order."""
        return sorted(path for path in self.samples.glob("step_*.png") if SHEET.fullmatch(path.name) and path.is_file())

    def _lines(self) -> list[dict[str, Any] | None]:
        """Return the lines of `log.jsonl`, None for a damaged one."""
        return [_record(line) for line in self.log_file.read_bytes().splitlines()] if self.log_file.is_file() else []

    def _check_same(self, config: Config) -> None:
        try:
            there = read_yaml(self.config_file)
        except ConfigError as error:
            raise RunError(f"{error}; choose another workdir, --workdir, or remove this one") from None
        old, new = _flat(there.to_dict()), _flat(config.to_dict())
        for key in sorted(old.keys() | new.keys()):
            changeable = any(key == name or key.startswith(f"{name}.") for name in CHANGEABLE)
            if old.get(key) not in (new.get(key), "auto") and not changeable:
                raise RunError(
                    f"{self.path}: belongs to a run with another config ({key}: expected {old.get(key)!r}, got "
                    f"{new.get(key)!r}); choose another workdir, --workdir, or repeat the command that started the run"
                )


def evaluations(run: RunDirectory) -> list[dict[str, Any]]:
    """Return the `evaluated` records of the log, in order."""
    return [record for record in run.read_log() if record.get("event") == EVALUATED]


def best_step(run: RunDirectory) -> int | None:
    """Return the best step so far; None before the first evaluation."""
    return next((record["step"] for record in reversed(evaluations(run)) if record["best"]), None)


def asked_step(run: RunDirectory, step: str | int) -> str | int:
    """Return the number of the step `best`, and anything else unchanged.

    Raises:
      WeightsError: the run has not been evaluated.
    """
    if step != "best":
        return step
    best = best_step(run)
    if best is None:
        raise WeightsError(
            f"{run.path}: has no best step, as it was trained without eval_every, --eval_every (use step='last')"
        )
    return best


def _record(line: bytes) -> dict[str, Any] | None:
    """Parse a line of the log; None if it is damaged: not JSON, without a step, or with fields of another type."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return None
    if not isinstance(record, dict) or not _is_whole(record.get("step")) or record["step"] < 0:
        return None
    if "event" not in record:
        return record if all(map(_is_number, record.values())) else None
    needed = {"by", "num_samples", "best", "metrics"} if record["event"] == EVALUATED else set()
    fits = needed <= record.keys() and all(_FIELDS[name](record[name]) for name in _FIELDS.keys() & record.keys())
    return record if fits else None


def _is_whole(value: Any) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63


def _is_number(value: Any) -> bool:
    return type(value) is float or _is_whole(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_FIELDS: dict[str, Callable[[Any], bool]] = {  # of events, as far as they are read
    "event": _is_text,
    "by": _is_text,
    "num_samples": _is_whole,
    "best": lambda value: isinstance(value, bool),
    "metrics": lambda value: (
        isinstance(value, dict)
        and all(name.isprintable() and len(name) <= LONGEST_NAME for name in value)
        and all(each is None or _is_number(each) for each in value.values())
    ),
    "seconds": _is_number,
    "peak_memory_gib": _is_number,
    "from": _is_text,
    "trained_on": _is_text,
    "commit": lambda value: value is None or _is_text(value),
}


def _flat(data: Any, prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings to dotted keys."""
    if not isinstance(data, dict):
        return {prefix: data}
    return {k: v for key, value in data.items() for k, v in _flat(value, f"{prefix}.{key}".lstrip(".")).items()}
