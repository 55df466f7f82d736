"""Result of a run, as text and as plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganzoo.core.hardware import peak_memory_gib
from ganzoo.engine.stepped import SteppedModel
from ganzoo.schema import Config
from ganzoo.training.directory import RunDirectory
from ganzoo.training.progress import clock


@dataclasses.dataclass
class Run:
    """Result of a run: the trained model, and the directory with its files.

    Attributes:
      directory: run directory.
      config: resolved config.
      model: trained model.
      finished: False if the run was interrupted (the same command resumes it).
      worker: index of this worker; the chief, worker 0, writes the directory.
      seconds: duration of this session, start-up included; 0 if there was nothing left to do.
      images_per_second: training speed of this session, including samples, log and checkpoints, without the first
        execution, animation and export; None after only one execution.
    """

    directory: Path
    config: Config
    model: SteppedModel
    finished: bool
    worker: int = 0
    seconds: float = 0.0
    images_per_second: float | None = None

    @property
    def log(self) -> list[dict[str, Any]]:
        """Records of `log.jsonl`, events included."""
        return RunDirectory(self.directory).read_log()

    @property
    def losses(self) -> list[dict[str, Any]]:
        """Records of the log with losses: `step`, `generator_loss`, …, as means since the previous record."""
        return RunDirectory(self.directory).read_losses()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: directory, progress, speed."""
        losses = self.losses
        return {
            "model": self.config.name,
            "workdir": str(self.directory),
            "step": self.model.step,
            "steps": self.config.training.steps,
            "finished": self.finished,
            "seconds": round(self.seconds, 1),
            "images_per_second": self.images_per_second,
            "peak_memory_gib": peak_memory_gib(),
            "last": losses[-1] if losses else None,
        }

    def _repr_markdown_(self) -> str:
        return f"```text\n{self.summary()}\n```"

    def summary(self) -> str:
        """Format the locations of all files, and the next command."""
        run = RunDirectory(self.directory)
        name, where, step = self.config.name, self.directory, f"{self.model.step:,}"
        if self.worker:
            return f"{name}: worker {self.worker} is at step {step}; the chief (worker 0) wrote the run directory"
        if not self.finished:
            of = f"{self.config.training.steps:,}"
            head = f"{name}: stopped at step {step} of {of}, saved in {where}; the same command resumes"
            rows: dict[str, Any] = {"samples": run.newest_samples, "losses": run.curves}
            return "\n".join([head, *_table(rows), self._next()])
        if self.seconds:
            head = f"{name}: {step} steps; this session took {clock(self.seconds)}, peak memory {peak_memory_gib()} GiB"
        else:
            head = f"{name}: already finished at step {step} (give more steps, --steps, or another workdir, --workdir)"
        sheets = run.sample_sheets()
        rows = {
            "samples": sheets[-1] if sheets else run.samples,
            "animation": run.animation,
            "losses": run.curves,
            "metrics": run.metrics,
            "log": run.log_file,
            "tensorboard": f"tensorboard --logdir {run.tensorboard}",
            "checkpoints": run.checkpoints,
            "export": run.export,
        }
        return "\n".join([head, *_table(rows), self._next()])

    def _next(self) -> str:
        """Return the line with the command that uses the model."""
        command, what = (
            ("translate", "photo.png")
            if self.config.offers("translate")
            else ("generate", f"--out {self.config.name}.png")
        )
        imports = "".join(f"--import {module} " for module in self.config.imports)
        return f"next: ganzoo {command} --model {self.directory} {imports}{what}"


def _table(rows: Mapping[str, Any]) -> list[str]:
    """Format the files that exist, and what is no file."""
    return [f"  {what:<12} {place}" for what, place in rows.items() if not isinstance(place, Path) or place.exists()]
