"""What a run left, for people and for machines."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ganzoo.engine.stepped import SteppedModel
from ganzoo.hardware import peak_memory_gib
from ganzoo.schema import Config
from ganzoo.training.directory import RunDirectory
from ganzoo.training.progress import clock


@dataclasses.dataclass
class Run:
    """What a run left: `model` draws from it, `directory` has the files.

    Attributes:
      directory: the work directory.
      config: the resolved config.
      model: the trained model.
      finished: False where it was interrupted (the same command goes on).
      worker: number of this worker; the directory is the chief's, number 0.
      seconds: of this session, start-up included; 0 where there was nothing left to do.
      images_per_second: of this session's training, samples, log and checkpoints included, without the first execution
        and what comes at the end (animation, export); None if there was no other.
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
        """The lines of `log.jsonl`, events and all."""
        return RunDirectory(self.directory).read_log()

    @property
    def losses(self) -> list[dict[str, Any]]:
        """The lines of the log that hold losses: `step`, `generator_loss`, …, means since the line before."""
        return RunDirectory(self.directory).read_losses()

    def to_dict(self) -> dict[str, Any]:
        """For machines: where, how far, how fast."""
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

    def summary(self) -> str:
        """For people: where everything is, and what to type next."""
        run = RunDirectory(self.directory)
        name, where, step = self.config.name, self.directory, f"{self.model.step:,}"
        if self.worker:
            return f"{name}: worker {self.worker} is at step {step}; the chief (worker 0) has written the run"
        if not self.finished:
            of = f"{self.config.training.steps:,}"
            return f"{name}: stopped at step {step} of {of}, saved in {where}; the same command goes on"
        if self.seconds:
            head = f"{name}: {step} steps; this session took {clock(self.seconds)}, {peak_memory_gib()} GiB at its peak"
        else:
            head = f"{name}: finished already at step {step} (go on: more --steps; anew: another --workdir)"
        sheets = run.sample_sheets()
        rows = {
            "samples": sheets[-1] if sheets else run.samples,
            "animation": run.animation,
            "losses": run.curves,
            **({"metrics": run.metrics} if run.metrics.is_file() else {}),
            "log": run.log_file,
            "tensorboard": f"tensorboard --logdir {run.tensorboard}",
            "checkpoints": run.checkpoints,
            "export": run.export,
        }
        table = "\n".join(f"  {what:<12} {place}" for what, place in rows.items())
        command, what = (
            ("translate", "photo.png") if self.config.offers("translate") else ("generate", f"--out {name}.png")
        )
        return f"{head}\n{table}\nnext: ganzoo {command} --model {where} {what}"
