"""The run directory: who owns it, what it holds, how its log is kept."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ganzoo.errors import ConfigError, RunError
from ganzoo.schema import Config, read_yaml

CONFIG_FILE = "config.yaml"
# what may change between two starts of one run: it decides how long and how often, never what is computed at a step
CHANGEABLE = {
    "steps",
    "log_every",
    "sample_every",
    "checkpoint_every",
    "keep_checkpoints",
    "steps_per_execution",
    "stop_when",
}


class RunDirectory:
    """Paths and files of one run.

    Args:
      path: the directory; made by `claim`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config_file = self.path / CONFIG_FILE
        self.log_file = self.path / "log.jsonl"
        self.samples = self.path / "samples"
        self.checkpoints = self.path / "checkpoints"
        self.tensorboard = self.path / "tensorboard"
        self.export = self.path / "export"
        self.animation = self.path / "samples.gif"
        self.curves = self.path / "losses.png"

    def claim(self, config: Config) -> None:
        """Makes the directory and writes the config, or finds that it holds this very run.

        Raises:
          RunError: it cannot be written, holds something else, or belongs to another config; nothing is changed then.
        """
        try:
            if self.config_file.is_file():
                self._check_same(config)
            elif self.path.is_dir() and any(self.path.iterdir()):
                raise RunError(f"{self.path}: is not empty and holds no run; choose another --workdir")
            self.path.mkdir(parents=True, exist_ok=True)
            self.samples.mkdir(exist_ok=True)
            replace_text(self.config_file, config.to_yaml())
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written ({error.strerror}); choose another --workdir") from None

    def _check_same(self, config: Config) -> None:
        try:
            there = read_yaml(self.config_file)
        except ConfigError as error:
            raise RunError(f"{error}; choose another --workdir, or remove this one") from None
        old, new = _flat(there.to_dict()), _flat(config.to_dict())
        changeable = {f"training.{key}" for key in CHANGEABLE}
        for key in sorted(old.keys() | new.keys()):
            if old.get(key) != new.get(key) and not any(
                key == name or key.startswith(f"{name}.") for name in changeable
            ):
                raise RunError(
                    f"{self.path}: belongs to a run with another config "
                    f"({key}: {old.get(key)!r} there, {new.get(key)!r} asked for); "
                    "choose another --workdir, or give the command that began it"
                )

    def log(self, record: dict[str, Any]) -> None:
        """Appends one line to `log.jsonl`.

        Raises:
          RunError: it cannot be written.
        """
        try:
            with open(self.log_file, "a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise RunError(
                f"{self.log_file}: cannot be written ({error.strerror}); free some room and give the command again"
            ) from None

    def read_log(self) -> list[dict[str, Any]]:
        """The lines of `log.jsonl`; a last line that a kill cut short is left out."""
        if not self.log_file.is_file():
            return []
        records = []
        for line in self.log_file.read_text(encoding="utf-8").splitlines():
            try:
                records.append(json.loads(line))
            except ValueError:
                break
        return records

    def read_losses(self) -> list[dict[str, Any]]:
        """The lines of the log that hold losses, without the events."""
        return [record for record in self.read_log() if "event" not in record]

    def rewind(self, step: int) -> None:
        """Takes back what was logged and drawn after a step, so that a resumed run leaves one timeline."""
        if self.log_file.is_file():
            kept = [record for record in self.read_log() if record["step"] <= step]
            replace_text(self.log_file, "".join(json.dumps(record) + "\n" for record in kept))
        for path in self.sample_sheets():
            if int(path.stem.removeprefix("step_")) > step:
                path.unlink()

    def sample_sheet(self, step: int) -> Path:
        """Where the sample sheet of a step is."""
        return self.samples / f"step_{step:08d}.png"

    def sample_sheets(self) -> list[Path]:
        """The sample sheets, in order."""
        return sorted(self.samples.glob("step_*.png"))


def replace_text(path: Path, text: str) -> None:
    """Writes a text file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _flat(data: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(data, dict):
        return {
            k: v
            for key, value in data.items()
            for k, v in _flat(value, f"{prefix}.{key}" if prefix else str(key)).items()
        }
    return {prefix: data}
