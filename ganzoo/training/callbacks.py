"""Keras callbacks of a run. One Keras epoch is one reporting interval; every callback looks at the model's own step.

Order matters: the log is written before a checkpoint, so a checkpoint's step is always in the log.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo import figures, images
from ganzoo.errors import RunError
from ganzoo.schema import StopRule
from ganzoo.training.checkpoints import Checkpoints
from ganzoo.training.directory import RunDirectory
from ganzoo.training.progress import ProgressBar


class Reporter(keras.callbacks.Callback):
    """Bar, `log.jsonl` and TensorBoard; the logged losses are means over the steps since the line before.

    The logged images/s count everything between two lines (samples and checkpoints too), but not the first execution.

    Args:
      run: where the log is.
      bar: the progress bar.
      every: steps between two log lines.
      batch_size: examples a step, for images/s.
      on_record: called with every log line.
    """

    def __init__(
        self,
        run: RunDirectory,
        bar: ProgressBar,
        every: int,
        batch_size: int,
        on_record: Callable[[dict[str, Any]], None],
    ) -> None:
        super().__init__()
        self.run = run
        self.bar = bar
        self.every = every
        self.batch_size = batch_size
        self.on_record = on_record
        self.sums: dict[str, float] = {}
        self.count = 0
        self.mark: tuple[int, float] | None = None  # step and time that the speed is measured from
        self.writer = tf.summary.create_file_writer(str(run.tensorboard))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        steps = self.model.steps_per_execution
        values = {name: float(value) for name, value in (logs or {}).items()}
        if self.mark is None:  # the first execution is mostly tracing and compiling
            self.mark = (self.model.step, time.monotonic())
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + steps * value
        self.count += steps
        short = {
            name[0].upper(): value for name, value in values.items() if name in ("generator_loss", "discriminator_loss")
        }
        self.bar.update(self.model.step, short)
        bad = [name for name, value in values.items() if not math.isfinite(value)]
        if bad:
            raise RunError(
                f"{self.run.path}: {bad[0]} is not finite at step {self.model.step}; the last checkpoint is untouched: "
                "try a lower learning rate (--set optimizer.discriminator.learning_rate=…) or a penalty, "
                "in another --workdir"
            )
        if self.model.step % self.every == 0:
            self.flush()

    def on_train_end(self, logs: Any = None) -> None:
        self.writer.flush()

    def flush(self) -> None:
        """Writes the line of the current step, if there is anything since the last one."""
        if not self.count:
            return
        step = self.model.step
        record = {"step": step, **{name: total / self.count for name, total in self.sums.items()}}
        since_step, since = self.mark or (step, 0.0)
        if step > since_step:
            record["images_per_second"] = round((step - since_step) * self.batch_size / (time.monotonic() - since), 1)
        self.mark = (step, time.monotonic())
        self.run.log(record)
        with self.writer.as_default(step=step):
            for name, value in record.items():
                if name != "step":
                    tf.summary.scalar(name, value)
        self.sums, self.count = {}, 0
        self.on_record(record)


class StopWhenFooled(keras.callbacks.Callback):
    """Ends the run once the discriminator has been at a loss for long enough; `seen` is fed with the log's lines."""

    def __init__(self, rule: StopRule, bar: ProgressBar) -> None:
        super().__init__()
        self.rule = rule
        self.bar = bar
        self.since: int | None = None  # the last step at which the accuracy was outside the band
        self.fooled = False

    def seen(self, record: dict[str, Any]) -> None:
        """Looks at one line of the log."""
        inside = abs(record["discriminator_accuracy"] - 0.5) <= self.rule.band
        if not inside or self.since is None:
            self.since = record["step"]
        self.fooled = inside and record["step"] - self.since >= self.rule.steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.fooled:
            self.bar.note(
                f"stopping at step {self.model.step}: the discriminator's accuracy stayed within 0.5 ± {self.rule.band}"
            )
            self.model.stop_training = True


class SampleSheets(keras.callbacks.Callback):
    """Draws the same latents at a steady rhythm, as `samples/step_*.png` and in TensorBoard."""

    def __init__(self, run: RunDirectory, every: int, seed: int, reference: np.ndarray | None, writer: Any) -> None:
        super().__init__()
        self.run = run
        self.every = every
        self.seed = seed
        self.reference = reference
        self.writer = writer

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.model.step % self.every == 0:
            self.draw()

    def draw(self) -> None:
        """Draws the sheet of the current step."""
        step = self.model.step
        picture = sample_sheet(self.model, self.seed, self.reference, f"step {step:,}")
        images.write_png(self.run.sample_sheet(step), picture, {"step": str(step), "seed": str(self.seed)})
        with self.writer.as_default(step=step):
            tf.summary.image("samples", picture[np.newaxis])


class SaveCheckpoints(keras.callbacks.Callback):
    """Writes a checkpoint every so many steps."""

    def __init__(self, checkpoints: Checkpoints, every: int) -> None:
        super().__init__()
        self.checkpoints = checkpoints
        self.every = every

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.model.step % self.every == 0:
            self.checkpoints.save(self.model)


class Interrupt(keras.callbacks.Callback):
    """Turns Ctrl-C and SIGTERM into a clean stop after the current step; a second Ctrl-C ends at once."""

    def __init__(self) -> None:
        super().__init__()
        self.signal: int | None = None
        self.previous: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self.previous[number] = signal.signal(number, self._received)
            except ValueError:  # not the main thread: signals stay with the program that called
                break
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _received(self, number: int, _: Any) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.signal is not None:
            self.model.stop_training = True


def sample_sheet(model: Any, seed: int, reference: np.ndarray | None, title: str) -> np.ndarray:
    """A picture uint8 `[H, W, C]` of fixed samples: a grid with a column a class, or points over real ones.

    Args:
      model: has `generate`.
      seed: of the samples.
      reference: real points float32 `[N, D]`, for point models.
      title: of a plot of points.
    """
    if reference is not None:
        return figures.scatter(model.generate(len(reference), seed=seed), reference, title=title)
    columns = min(model.classes or 10, 20)
    return figures.sheet(model.generate(10 * columns, seed=seed), columns=columns)
