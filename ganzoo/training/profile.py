"""TensorBoard profile of some steps (`--profile`), and a check whether training waits for its input."""

from __future__ import annotations

import time
from typing import Any

import keras
import tensorflow as tf

from ganzoo.data.pipeline import Pipeline
from ganzoo.training.directory import RunDirectory
from ganzoo.training.progress import ProgressBar

SKIPPED_EXECUTIONS = 2
PROFILED_EXECUTIONS = 4
INPUT_BATCHES = 200
INPUT_SECONDS = 3.0
INPUT_BOUND_SHARE = 0.8


class Profile(keras.callbacks.Callback):
    """Profile a few executions after the first ones, then compare the input pipeline's speed with that of training.

    The pipeline prefetches, so a run is input-bound if a batch takes at least 80% of the time of a step.

    Args:
      run: run directory; the profile goes to `tensorboard/`, the verdict to the log.
      pipeline: input of the run.
      bar: progress bar that prints the verdict.
    """

    def __init__(self, run: RunDirectory, pipeline: Pipeline, bar: ProgressBar) -> None:
        super().__init__()
        self.run = run
        self.pipeline = pipeline
        self.bar = bar
        self.running = False
        self.executions = 0
        self.steps = 0
        self.began = 0.0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.executions += 1  # the logs have been read, so the execution is over
        if self.executions == SKIPPED_EXECUTIONS:
            tf.profiler.experimental.start(str(self.run.tensorboard))
            self.running = True
            self.steps, self.began = self.model.step, time.monotonic()
        elif self.executions == SKIPPED_EXECUTIONS + PROFILED_EXECUTIONS:
            step_seconds = (time.monotonic() - self.began) / (self.model.step - self.steps)
            self._stop()
            self._report(step_seconds)

    def close(self) -> None:
        """End the profile if the run was too short for it."""
        self._stop()
        needed = SKIPPED_EXECUTIONS + PROFILED_EXECUTIONS
        if self.executions < needed:
            self.bar.note(
                f"profile: expected at least {needed} executions, got {self.executions}; use more steps, --steps"
            )

    def _stop(self) -> None:
        if self.running:
            tf.profiler.experimental.stop()
            self.running = False

    def _report(self, step_seconds: float) -> None:
        share = input_seconds(self.pipeline) * self.model.batches_a_step / step_seconds
        bound = share >= INPUT_BOUND_SHARE
        verdict = (
            "input-bound: cache the data set or use fewer augmentations"
            if bound
            else "not input-bound: the networks take the time"
        )
        self.bar.note(
            f"profile: the input of a step takes {100 * share:.0f}% of its time ({verdict}); "
            f"see it with: tensorboard --logdir {self.run.tensorboard} (needs tensorboard-plugin-profile)"
        )
        self.run.log(
            {"step": self.model.step, "event": "profile", "input_share": round(share, 4), "input_bound": bound}
        )


def input_seconds(pipeline: Pipeline) -> float:
    """Return the pipeline's seconds per batch when nothing else runs."""
    batches = iter(pipeline.dataset())
    next(batches)
    began, count = time.monotonic(), 0
    while count < INPUT_BATCHES and time.monotonic() - began < INPUT_SECONDS:
        next(batches)
        count += 1
    return (time.monotonic() - began) / count
