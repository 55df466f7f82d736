"""Evaluation during training: of the moving average, at fixed intervals, keeping the best checkpoint."""

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
from ganzoo.evaluation.evaluate import Evaluator, default_features, needs
from ganzoo.evaluation.examples import at_most, from_model, held_out_of
from ganzoo.evaluation.result import Evaluation, finite
from ganzoo.evaluation.translations import open_translation_in_training, translated
from ganzoo.models.build import scheme_of
from ganzoo.schema import Config
from ganzoo.training.callbacks import SaveCheckpoints, Summaries
from ganzoo.training.directory import EVALUATED, RunDirectory, best_step, evaluations
from ganzoo.training.engine import Engine
from ganzoo.training.progress import ProgressBar, clock


class Evaluate(keras.callbacks.Callback):
    """Compute and log the config's metrics every `evaluation.every` steps, and keep the best checkpoint.

    It must come before the checkpoints, so that every checkpoint has been evaluated and logged. Translation models are
    evaluated on the first domain that they make; see `open_translation_in_training`.

    Args:
      config: config of the run; `evaluation.every` is not 0.
      source: training data.
      run: run directory, whose log gets an event `evaluated` each time.
      checkpoints: callback that writes the best checkpoint.
      summaries: TensorBoard files.
      engine: engine of the run; every worker evaluates, the chief decides which step is best.
      bar: progress bar that prints the figures.
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
            self.evaluator = self._of_domains(config, source)
        else:
            self.evaluator = self._of_source(config, source, data_dir)
        labelled = scheme_of(config).batch == "labelled"
        self.evaluator.check_generated(config.name, draws=config.offers("generate"), labelled=labelled)
        self.evaluator.note = lambda line: None  # notes of the first evaluation suffice
        self.key = self.evaluator.key(self.asked.by)
        self.seconds = time.monotonic() - began  # spent on evaluation in this session

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.model.step % self.asked.every == 0:
            self.evaluate()

    def evaluate(self) -> None:
        """Evaluate the current step, unless the chief's log has it."""
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
        record = {"step": step, "event": EVALUATED, "metrics": finite(found), "spread": finite(found.spread)}
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

    def _of_domains(self, config: Config, source: Domains) -> Evaluator:
        count, note = self.asked.num_samples, self.bar.note
        translation = open_translation_in_training(config, source, count, note=note)
        features = self.asked.features or default_features(config.dataset, translation.to)
        return Evaluator(translation.target, features, self._names, translation=translation, note=note)

    @property
    def _names(self) -> list[str]:
        """Return the requested metrics and the one that selects the best step."""
        return list(dict.fromkeys([*self.asked.metrics, self.asked.by]))

    def _measure(self) -> Evaluation:
        """Return the metrics of the current model."""
        translation = self.evaluator.translation
        if translation:
            made = translated(self.model, translation.given, translation.to)
            return self.evaluator(made, translator=self.model)
        drawn = from_model(self.model, self.asked.num_samples, labels=self.evaluator.real.examples.labels)
        return self.evaluator(drawn, self.model)

    def _is_best(self, value: float) -> bool:
        """Return whether the value is better than all earlier ones of the same kind; the first one is."""
        sign = 1.0 if self.evaluator.better[self.asked.by] == "lower" else -1.0
        kind = (self.key, self.asked.num_samples)
        earlier = [
            known
            for record in evaluations(self.run)
            if record["best"] and (record["by"], record["num_samples"]) == kind
            if (known := record["metrics"].get(self.key)) is not None
        ]
        return math.isfinite(value) and all(sign * value < sign * other for other in earlier)

    def finish(self, seconds: float) -> None:
        """Draw the curves, and report the share of `seconds` that evaluation took."""
        draw_curves(self.run)
        best = best_step(self.run)
        self.bar.note(
            f"evaluation took {clock(self.seconds)} of {clock(seconds)} ({self.seconds / seconds:.0%}); "
            f"best by {self.key}: {'none' if best is None else f'step {best:,}'}"
        )


def draw_curves(run: RunDirectory) -> None:
    """Plot every metric over the steps in `metrics.png`, one below the other."""
    records = evaluations(run)
    names = dict.fromkeys(name for record in records for name in record["metrics"])
    plots = []
    for name in names:
        known = [record for record in records if name in record["metrics"]]
        values = [math.nan if (value := record["metrics"][name]) is None else value for record in known]
        plots.append(figures.curves({name: ([record["step"] for record in known], values)}, y_label=name))
    if plots:
        images.write_png(run.metrics, np.concatenate(plots))
