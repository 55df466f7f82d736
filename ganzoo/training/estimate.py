"""Estimate of a run's cost: parameters, memory and time from a few real steps; no run directory is created."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganzoo.core.hardware import peak_memory_gib
from ganzoo.data.domains import Domains
from ganzoo.data.source import Source
from ganzoo.schema import Config
from ganzoo.training.engine import choose
from ganzoo.training.progress import clock
from ganzoo.training.resolve import completed, described, overridden, pipeline_of, resolve

WARM_UP_EXECUTIONS = 2
MEASURED_SECONDS = 4.0


@dataclasses.dataclass(frozen=True)
class Estimate:
    """Estimated cost of a run.

    Attributes:
      name: name of the model.
      engine: description of the engine, with the reason for each choice.
      parameters: update -> number of trainable parameters; `to_dict` has `generator_parameters` and so on.
      data: human-readable shape, classes and number of examples.
      examples: number of examples in the data set; None for an endless source.
      steps: number of steps of the whole run.
      first_step_seconds: time of the first step, with tracing and compiling.
      step_seconds: measured time of one step.
      images_per_second: real examples in a second.
      training_seconds: time of the whole run, first step included.
      peak_memory_gib: peak memory of this process after the measured steps.
    """

    name: str
    engine: str
    parameters: dict[str, int]
    data: str
    examples: int | None
    steps: int
    first_step_seconds: float
    step_seconds: float
    images_per_second: float
    training_seconds: float
    peak_memory_gib: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        flat = dataclasses.asdict(self)
        of_updates = {f"{update}_parameters": number for update, number in flat.pop("parameters").items()}
        return {key: flat.pop(key) for key in ("name", "engine")} | of_updates | flat

    def describe(self) -> str:
        """Format the estimate as text."""
        pace = f"{1000 * self.step_seconds:.1f} ms per step, {self.images_per_second:,.0f} images/s"
        rows = {
            "computed": self.engine,
            "parameters": ", ".join(f"{update} {number:,}" for update, number in self.parameters.items()),
            "data": self.data,
            "time": f"{clock(self.training_seconds)} for {self.steps:,} steps ({pace}, "
            f"first step {self.first_step_seconds:.0f} s)",
            "memory": f"{self.peak_memory_gib:.2f} GiB at its peak",
        }
        table = "\n".join(f"  {what:<12} {told}" for what, told in rows.items())
        return f"{self.name}: estimated cost of a run (none was made)\n{table}"


def estimate(
    config: Config,
    settings: Mapping[str, Any] | None = None,
    *,
    data_dir: str | Path | None = None,
    skip_broken: bool = False,
    strategy: str = "auto",
    logical_devices: int | None = None,
) -> Estimate:
    """Run a few training steps and extrapolate.

    Args:
      config, settings, data_dir, skip_broken, strategy, logical_devices: as in `training.run.train`.

    Raises:
      ConfigError, DataError, UsageError: as in `training.run.train`.
    """
    settings = completed(config, settings or {})
    engine = choose(overridden(config, settings), strategy, logical_devices)
    config, source = resolve(config, settings, data_dir=data_dir, skip_broken=skip_broken)
    built = engine.build(config)
    training = config.training
    pipeline = pipeline_of(config, source)
    began = time.monotonic()
    batches = iter(engine.batches(pipeline, 0))
    built.steps_per_execution = 1
    execute = built.make_train_function()
    _wait(execute(batches))
    first = time.monotonic() - began
    for _ in range(WARM_UP_EXECUTIONS):
        _wait(execute(batches))
    built.steps_per_execution = training.steps_per_execution
    before, began = built.step, time.monotonic()
    while engine.agree([time.monotonic() - began < MEASURED_SECONDS])[0]:
        _wait(execute(batches))
    step_seconds = (time.monotonic() - began) / (built.step - before)
    return Estimate(
        name=config.name,
        engine=engine.describe(),
        parameters=built.parameters,
        data=described(config, source),
        examples=_count(source),
        steps=training.steps,
        first_step_seconds=first,
        step_seconds=step_seconds,
        images_per_second=training.batch_size / step_seconds,
        training_seconds=first + step_seconds * training.steps,
        peak_memory_gib=peak_memory_gib(),
    )


def _count(source: Source | Domains) -> int | None:
    """Return the number of examples, of both domains together; None for an endless source."""
    if isinstance(source, Source):
        return source.length
    return sum(one.length or 0 for one in source.sources.values())


def _wait(logs: dict[str, Any]) -> None:
    for value in logs.values():
        value.numpy()
