"""How fast a model trains: the bare compiled step against a whole run, in turn, medians."""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganzoo.data.pipeline import Pipeline
from ganzoo.models.build import build
from ganzoo.schema import Config
from ganzoo.training.resolve import resolve
from ganzoo.training.result import peak_memory_gib
from ganzoo.training.run import train


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """What was measured; images/s count real examples.

    Attributes:
      name: of the model.
      batch_size: examples a step.
      steps: steps of each turn.
      bare_images_per_second: one for each turn: compiled steps on one batch again and again.
      fit_images_per_second: one for each turn: `fit` with pipeline, log, TensorBoard, samples and checkpoints.
      peak_memory_gib: of the process.
    """

    name: str
    batch_size: int
    steps: int
    bare_images_per_second: list[float]
    fit_images_per_second: list[float]
    peak_memory_gib: float

    @property
    def ratio(self) -> float:
        """The median speed of a whole run over that of the bare step."""
        return statistics.median(self.fit_images_per_second) / statistics.median(self.bare_images_per_second)

    def to_dict(self) -> dict[str, Any]:
        """For machines."""
        bare, fit = self.bare_images_per_second, self.fit_images_per_second
        medians = {"bare_median": statistics.median(bare), "fit_median": statistics.median(fit), "ratio": self.ratio}
        return {**dataclasses.asdict(self), **medians}

    def describe(self) -> str:
        """For people."""
        lines = [
            f"{self.name}: batches of {self.batch_size}, {len(self.fit_images_per_second)} turns of {self.steps} steps"
        ]
        for what, speeds in (("bare step", self.bare_images_per_second), ("whole run", self.fit_images_per_second)):
            spread = f"{min(speeds):,.0f} to {max(speeds):,.0f}"
            lines.append(f"  {what}  {statistics.median(speeds):8,.0f} images/s (median; {spread})")
        lines.append(f"  ratio      {self.ratio:8.3f}")
        lines.append(f"  memory     {self.peak_memory_gib:8.2f} GiB at its peak")
        return "\n".join(lines)


def benchmark(
    config: Config, settings: Mapping[str, Any] | None = None, *, turns: int = 5, steps: int = 500
) -> Benchmark:
    """Measures, alternating between the two so that a noisy machine hits both.

    Args:
      config, settings: as in `training.run.train`.
      turns: how often each is measured.
      steps: steps of each turn, even; a sample sheet and a checkpoint come halfway and at the end.

    Raises:
      ConfigError, DataError: as in `training.run.train`.
    """
    rhythm = steps // 2
    own = {"training.steps": steps, "training.sample_every": rhythm, "training.checkpoint_every": rhythm}
    config, source = resolve(config, {**(settings or {}), **own})
    bare_model = build(config)
    batch_size = config.training.batch_size
    pipeline = Pipeline(source, batch_size, config.training.seed, config.dataset.augment)
    one_batch = iter(pipeline.dataset().take(1).cache().repeat())
    execute = bare_model.make_train_function()
    execute(one_batch)
    bare, fit = [], []
    for turn in range(turns):
        began, before = time.monotonic(), bare_model.step
        while bare_model.step < before + steps:
            float(execute(one_batch)["generator_loss"])
        bare.append(batch_size * (bare_model.step - before) / (time.monotonic() - began))
        with tempfile.TemporaryDirectory() as workdir:
            run = train(config, Path(workdir) / str(turn), quiet=turn % 2 == 1)
            assert run.images_per_second is not None  # there are at least two executions
            fit.append(run.images_per_second)
    return Benchmark(config.name, batch_size, steps, bare, fit, peak_memory_gib())
