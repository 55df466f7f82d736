"""Training loop of a run: Keras's `fit` from the model's step to the end, with callbacks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ganzoo.data.pipeline import Pipeline
from ganzoo.data.source import Source
from ganzoo.engine.fitting import largest_divisor
from ganzoo.engine.stepped import SteppedModel
from ganzoo.errors import RunError
from ganzoo.schema import Config
from ganzoo.training.callbacks import Interrupt, Reporter, SampleSheets, SaveCheckpoints, Stop
from ganzoo.training.checkpoints import Checkpoints, NotFiniteError
from ganzoo.training.directory import RunDirectory
from ganzoo.training.engine import Engine
from ganzoo.training.evaluating import Evaluate
from ganzoo.training.profile import Profile
from ganzoo.training.progress import ProgressBar
from ganzoo.training.rollback import Rollback
from ganzoo.training.sheets import picture_of
from ganzoo.training.stopping import StopWhenFooled


class Fit:
    """Training to the config's last step, or until a signal or the stop rule ends it.

    Args:
      model: new or restored model.
      config: config of the run.
      engine: engine of the run.
      pipeline: training data.
      run: run directory.
      checkpoints: checkpoints of the run.
      bar: progress bar.
      notes: reporter's notes in the restored checkpoint.
      profile: profile some steps.
      data_dir: folder of the data sets, for evaluation.
    """

    def __init__(
        self,
        model: SteppedModel,
        config: Config,
        engine: Engine,
        pipeline: Pipeline,
        run: RunDirectory,
        checkpoints: Checkpoints,
        bar: ProgressBar,
        notes: Mapping[str, Any],
        profile: bool,
        data_dir: str | Path | None = None,
    ) -> None:
        training = config.training
        self.model = model
        self.training = training
        self.eval_every = config.evaluation.every
        self.engine = engine
        self.pipeline = pipeline
        self.run_directory = run
        self.bar = bar
        self.rule = None
        if training.stop_when and isinstance(pipeline.source, Source):  # GANs have no domains
            self.rule = StopWhenFooled(training.stop_when, model, pipeline.source, bar)
            self.rule.rewind(run.read_losses())
        self.reporter = Reporter(run, bar, training.log_every, training.batch_size, self.rule, notes)
        picture = picture_of(pipeline.source, training.seed)
        drawn = {"seed": str(training.seed)}
        self.sheets = SampleSheets(run, training.sample_every, picture, drawn, self.reporter.summaries, engine.agree)
        self.checkpoints = SaveCheckpoints(
            checkpoints, training.checkpoint_every, training.checkpoint_minutes, self.reporter, agree=engine.agree
        )
        self.evaluate = None
        if config.evaluation.every:
            summaries = self.reporter.summaries
            self.evaluate = Evaluate(config, pipeline.source, run, self.checkpoints, summaries, engine, bar, data_dir)
        self.rollback = Rollback(model, config, engine, run, self.checkpoints, self.rule, bar)
        self.profile = Profile(run, pipeline, bar) if profile else None
        self.stop = Stop(engine, self.rule)

    @property
    def ended(self) -> bool:
        """Whether training is over: all steps are done, or the stop rule applies."""
        return self.model.step >= self.training.steps or self.stop.fooled

    def __call__(self, interrupt: Interrupt) -> None:
        """Train, then write the last log line, sample sheet and checkpoint, unless an error occurs.

        An interrupted session writes its checkpoint, then `samples.png`.

        Raises:
          RunError: a file cannot be written, a value is not finite, or memory is insufficient.
        """
        self.stop.interrupt = interrupt
        parts = (self.reporter, self.sheets, self.evaluate, self.checkpoints, self.rule, self.profile, self.stop)
        callbacks = [part for part in parts if part is not None]
        for callback in callbacks:
            callback.set_model(self.model)  # `fit` would, but may have no step left
        self.rollback.begin()
        if not self.ended:
            self.sheets.prepare()
        while True:
            try:
                if not self.ended:
                    self._train(callbacks)
                self._end()
                return
            except (tf.errors.InvalidArgumentError, NotFiniteError) as error:
                self.rollback(error)
                if self.profile:  # it measures consecutive steps
                    callbacks.remove(self.profile)
                    self.profile.close()
                    self.profile = None

    def _train(self, callbacks: list[keras.callbacks.Callback]) -> None:
        """Run the remaining steps, until a callback stops."""
        interval = self._interval()
        for steps, epochs in segments(self.model.step, self.training.steps, interval):
            self.model.steps_per_execution = execution(steps, interval, self.training.steps_per_execution)
            batches = self.engine.batches(self.pipeline, self.model.step * self.model.batches_a_step)
            try:
                # Keras's own, as the pipeline's batches need no checks
                keras.Model.fit(
                    self.model,
                    batches,
                    epochs=epochs,
                    steps_per_epoch=steps,
                    shuffle=False,
                    callbacks=callbacks,
                    verbose=0,
                )
            except tf.errors.ResourceExhaustedError:
                raise RunError(
                    f"{self.run_directory.path}: a step with batches of {self.training.batch_size} does not fit into "
                    "memory (give a smaller batch_size, --batch_size, or smaller networks)"
                ) from None
            if self.model.stop_training:
                break

    def _end(self) -> None:
        if self.profile:
            self.profile.close()
        if self.ended:
            self.reporter.flush()
            if not self.run_directory.sample_sheet(self.model.step).is_file():
                self.sheets.draw()
            if self.evaluate:
                self.evaluate.evaluate()
        self.checkpoints.save()
        if not self.ended:
            self.sheets.draw_newest()
        self.reporter.summaries.flush()

    def _interval(self) -> int:
        """Return the steps per Keras epoch: the most that cross no log line, sample sheet or checkpoint."""
        training = self.training
        rhythms = [training.log_every, training.sample_every, training.checkpoint_every]
        rhythms += [self.eval_every] if self.eval_every else []
        interval = math.gcd(*rhythms)
        if interval < min(training.steps_per_execution, *rhythms):
            self.bar.note(
                f"log_every, sample_every, checkpoint_every (and eval_every) {rhythms} have a small common divisor: "
                f"only {interval} steps run at a time, which is slow for small networks (use multiples of one number)"
            )
        return interval


def segments(start: int, end: int, interval: int) -> list[tuple[int, int]]:
    """Return (steps per epoch, epochs): up to a multiple of the interval, whole intervals, the rest."""
    first = min(-start % interval, end - start)
    whole, rest = divmod(end - start - first, interval)
    return [(steps, epochs) for steps, epochs in ((first, 1), (interval, whole), (rest, 1)) if steps and epochs]


def execution(steps: int, interval: int, limit: int) -> int:
    """Return the number of steps per execution: as for a whole interval, if that divides the segment.

    A run that resumes inside an interval then sums its logged means in the same parts.
    """
    usual = largest_divisor(interval, limit)
    return usual if steps % usual == 0 else largest_divisor(steps, limit)
