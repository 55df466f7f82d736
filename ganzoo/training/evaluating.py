"""Metrics during training: on the moving average, at a steady rhythm, with the best checkpoint kept beside the last."""

from __future__ import annotations

import math
import time
from typing import Any

import keras
import numpy as np

from ganzoo import figures, images
from ganzoo.data.source import Source
from ganzoo.errors import WeightsError
from ganzoo.evaluation.evaluate import Evaluator, default_features
from ganzoo.evaluation.examples import from_model, from_source
from ganzoo.schema import Config
from ganzoo.training.callbacks import SaveCheckpoints, Summaries
from ganzoo.training.directory import RunDirectory
from ganzoo.training.progress import ProgressBar, clock

EVENT = "evaluated"


class Evaluate(keras.callbacks.Callback):
    """Computes the config's metrics every so many steps; logs them, and keeps the checkpoint of the best step.

    It comes before the checkpoints: what a checkpoint holds has been evaluated and logged.

    Args:
      config: of the run; `evaluation.every` is not 0.
      source: the training data.
      run: whose log gets an event `evaluated` each time.
      checkpoints: writes the best one.
      summaries: TensorBoard.
      bar: told what is going on.

    Raises:
      ConfigError, UsageError, WeightsError: the metrics cannot be computed.
    """

    def __init__(
        self,
        config: Config,
        source: Source,
        run: RunDirectory,
        checkpoints: SaveCheckpoints,
        summaries: Summaries,
        bar: ProgressBar,
    ) -> None:
        super().__init__()
        began = time.monotonic()
        self.asked = config.evaluation
        self.run = run
        self.checkpoints = checkpoints
        self.summaries = summaries
        self.bar = bar
        count = self.asked.num_samples
        real = from_source(source, count if source.length is None else min(count, source.length))
        features = self.asked.features or default_features(config.dataset)
        names = dict.fromkeys([*self.asked.metrics, self.asked.by])
        self.evaluator = Evaluator(real, features, names, note=bar.note)
        self.key = self.evaluator.key(self.asked.by)
        self.seconds = time.monotonic() - began  # that evaluation has taken in this session
        self.keep_best()

    def keep_best(self) -> None:
        """Lets the checkpoints keep the best step that the log knows."""
        best = best_step(self.run)
        self.checkpoints.checkpoints.beside = frozenset() if best is None else frozenset({best})

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.model.step % self.asked.every == 0:
            self.evaluate()

    def evaluate(self) -> None:
        """Evaluates the current step, if that has not been done."""
        step, began = self.model.step, time.monotonic()
        if any(record["step"] == step for record in evaluations(self.run)):
            return
        drawn = from_model(self.model, self.asked.num_samples, labels=self.evaluator.real.examples.labels)
        found = self.evaluator(drawn, self.model)
        taken = time.monotonic() - began
        self.seconds += taken
        record = {"step": step, "event": EVENT, "metrics": dict(found), "spread": found.spread}
        by = {"by": self.key, "better": self.evaluator.better[self.asked.by]}
        self.run.log({**record, **by, "seconds": round(taken, 2)})
        self.summaries.scalars(step, {f"metrics/{name}": value for name, value in found.items()})
        values = ", ".join(f"{name} {value:.4g}" for name, value in found.items())
        self.keep_best()
        best = step in self.checkpoints.checkpoints.beside
        if best:
            self.checkpoints.save()
        self.bar.note(f"step {step:,}: {values}{' (the best so far)' if best else ''}")

    def finish(self, seconds: float) -> None:
        """Draws the curves and says what evaluation has cost of so many seconds."""
        draw_curves(self.run)
        best = best_step(self.run)
        self.bar.note(
            f"evaluation took {clock(self.seconds)} of {clock(seconds)} ({self.seconds / seconds:.0%}); "
            f"best by {self.key}: {'none' if best is None else f'step {best:,}'}"
        )


def evaluations(run: RunDirectory) -> list[dict[str, Any]]:
    """The log's lines of this kind, in order."""
    return [record for record in run.read_log() if record.get("event") == EVENT]


def best_step(run: RunDirectory) -> int | None:
    """The step with the best value of the metric that the run chooses by; None before the first evaluation."""
    records = evaluations(run)
    if not records:
        return None
    key, sign = records[-1]["by"], 1.0 if records[-1]["better"] == "lower" else -1.0
    values = [(sign * record["metrics"][key], record["step"]) for record in records if key in record["metrics"]]
    finite = [value for value in values if math.isfinite(value[0])]
    return min(finite)[1] if finite else None


def asked_step(run: RunDirectory, step: str | int) -> str | int:
    """`best` as the number of a step; anything else as it is.

    Raises:
      WeightsError: the run has not been evaluated.
    """
    if step != "best":
        return step
    best = best_step(run)
    if best is None:
        raise WeightsError(f"{run.path}: has no best step: it was trained without --eval_every (take step='last')")
    return best


def draw_curves(run: RunDirectory) -> None:
    """Draws every metric over the steps into `metrics.png`, one plot below the other."""
    records = evaluations(run)
    names = dict.fromkeys(name for record in records for name in record["metrics"])
    plots = []
    for name in names:
        known = [record for record in records if name in record["metrics"]]
        values = [record["metrics"][name] for record in known]
        plots.append(figures.curves({name: ([record["step"] for record in known], values)}, y_label=name))
    if plots:
        images.write_png(run.metrics, np.concatenate(plots))
