"""Metrics during training: on the moving average, at a steady rhythm, with the best checkpoint kept beside the last."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ganzoo.core import figures, images
from ganzoo.data.domains import Domains
from ganzoo.data.source import Source
from ganzoo.errors import WeightsError
from ganzoo.evaluation.evaluate import Evaluation, Evaluator, default_features, finite, needs
from ganzoo.evaluation.examples import at_most, from_model, held_out_of
from ganzoo.evaluation.translations import open_translation_in_training, translated
from ganzoo.schema import Config
from ganzoo.training.callbacks import SaveCheckpoints, Summaries
from ganzoo.training.directory import RunDirectory
from ganzoo.training.engine import Engine
from ganzoo.training.progress import ProgressBar, clock

EVENT = "evaluated"


class Evaluate(keras.callbacks.Callback):
    """Computes the config's metrics every so many steps; logs them, and keeps the checkpoint of the best step.

    It comes before the checkpoints: what a checkpoint holds has been evaluated and logged. Of a model that translates,
    the first domain that it makes is judged; see `open_translation_in_training`.

    Args:
      config: of the run; `evaluation.every` is not 0.
      source: the training data.
      run: whose log gets an event `evaluated` each time.
      checkpoints: writes the best one.
      summaries: TensorBoard.
      engine: knows the workers; each of them evaluates, the chief decides what is best.
      bar: told what is going on.
      data_dir: folder of the data sets.

    Raises:
      ConfigError, UsageError, WeightsError: the metrics cannot be computed.
    """

    def __init__(
        self,
        config: Config,
        source: Source | Domains,
        run: RunDirectory,
        checkpoints: SaveCheckpoints,
        summaries: Summaries,
        engine: Engine,
        bar: ProgressBar,
        data_dir: str | Path | None = None,
    ) -> None:
        super().__init__()
        began = time.monotonic()
        self.asked = config.evaluation
        self.run = run
        self.checkpoints = checkpoints
        self.summaries = summaries
        self.engine = engine
        self.bar = bar
        if isinstance(source, Domains):
            self.evaluator = self._of_domains(config, source, data_dir)
        else:
            self.evaluator = self._of_source(config, source, data_dir)
        self.evaluator.note = lambda line: None  # once is enough
        self.key = self.evaluator.key(self.asked.by)
        self.seconds = time.monotonic() - began  # that evaluation has taken in this session

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.model.step % self.asked.every == 0:
            self.evaluate()

    def evaluate(self) -> None:
        """Evaluates the current step, if the chief's log does not have it."""
        step, began = self.model.step, time.monotonic()
        known = any(record["step"] == step for record in evaluations(self.run))
        (known,) = self.engine.agree([known and self.engine.is_chief])
        if known:
            return
        found = self._measure()
        taken = time.monotonic() - began
        self.seconds += taken
        value = found[self.key]
        best = self._is_best(value)
        record = {"step": step, "event": EVENT, "metrics": finite(found), "spread": finite(found.spread)}
        by = {"by": self.key, "num_samples": self.asked.num_samples, "best": best}
        self.run.log({**record, **by, "seconds": round(taken, 2)})
        self.summaries.scalars(step, {f"metrics/{name}": value for name, value in found.items()})
        values = ", ".join(f"{name} {value:.4g}" for name, value in found.items())
        (best,) = self.engine.agree([best and self.engine.is_chief])
        if best:
            self.checkpoints.save()
        self.bar.note(f"step {step:,}: {values}{' (the best so far)' if best else ''}")

    def _of_source(self, config: Config, source: Source, data_dir: str | Path | None) -> Evaluator:
        dataset, count, names = config.dataset, self.asked.num_samples, self._names
        features = self.asked.features or default_features(dataset)
        held_out = held_out_of(dataset, count, data_dir=data_dir) if needs(names, "held_out") else None
        return Evaluator(at_most(source, count), features, names, held_out=held_out, note=self.bar.note)

    def _of_domains(self, config: Config, source: Domains, data_dir: str | Path | None) -> Evaluator:
        count, note = self.asked.num_samples, self.bar.note
        translation = open_translation_in_training(config, source, count, data_dir=data_dir, note=note)
        features = self.asked.features or default_features(config.dataset, translation.to)
        return Evaluator(translation.target, features, self._names, translation=translation, note=note)

    @property
    def _names(self) -> list[str]:
        """The metrics that are asked for, and the one that chooses."""
        return list(dict.fromkeys([*self.asked.metrics, self.asked.by]))

    def _measure(self) -> Evaluation:
        """The metrics of the model as it is."""
        translation = self.evaluator.translation
        if translation:
            made = translated(self.model, translation.given, translation.to)
            return self.evaluator(made, translator=self.model)
        drawn = from_model(self.model, self.asked.num_samples, labels=self.evaluator.real.examples.labels)
        return self.evaluator(drawn, self.model)

    def _is_best(self, value: float) -> bool:
        """Whether no earlier evaluation of the same kind was as good; the first is the best so far."""
        sign = 1.0 if self.evaluator.better[self.asked.by] == "lower" else -1.0
        kind = (self.key, self.asked.num_samples)
        earlier = [
            record["metrics"][self.key]
            for record in evaluations(self.run)
            if record["best"] and (record["by"], record["num_samples"]) == kind
        ]
        return math.isfinite(value) and all(sign * value < sign * other for other in earlier)

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
    """The step that was the best when it was evaluated, and none after it; None before the first evaluation."""
    return next((record["step"] for record in reversed(evaluations(run)) if record["best"]), None)


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
        values = [math.nan if (value := record["metrics"][name]) is None else value for record in known]
        plots.append(figures.curves({name: ([record["step"] for record in known], values)}, y_label=name))
    if plots:
        images.write_png(run.metrics, np.concatenate(plots))
