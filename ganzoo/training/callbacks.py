"""Keras callbacks of a run. A Keras epoch is one reporting interval; every callback reads the model's step.

The reporter must come before the checkpoints, which save the sums of its unfinished line.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo.core import files, images
from ganzoo.training.checkpoints import Checkpoints
from ganzoo.training.directory import RunDirectory
from ganzoo.training.engine import Engine
from ganzoo.training.progress import ProgressBar
from ganzoo.training.sheets import Picture
from ganzoo.training.stopping import StopWhenFooled

FIRST_SHEET = 60.0  # seconds


class Summaries:
    """TensorBoard files of a run.

    Args:
      directory: folder of the files.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._writer = tf.summary.create_file_writer(str(directory))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add scalars. Raises RunError if they cannot be written."""
        with self._reported(), self._writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)

    def image(self, step: int, name: str, picture: np.ndarray) -> None:
        """Add an image, uint8 `[H, W, C]`. Raises RunError if it cannot be written."""
        with self._reported(), self._writer.as_default(step=step):
            tf.summary.image(name, picture[np.newaxis])

    def flush(self) -> None:
        """Write what is buffered."""
        with self._reported():
            self._writer.flush()

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        """Turn TensorFlow's error for a full disk into RunError."""
        try:
            yield
        except (OSError, tf.errors.OpError) as error:
            raise files.cannot_write(self.directory, error) from None


class Reporter(keras.callbacks.Callback):
    """Progress bar, `log.jsonl` and TensorBoard; logged losses are means since the previous line.

    Logged images/s include samples and checkpoints, but not the first execution, which is mostly tracing and compiling.

    Args:
      run: run directory with the log.
      bar: the progress bar.
      every: steps between two log lines.
      batch_size: examples in a step, for images/s.
      rule: stop rule, which adds to every line and receives it.
      notes: result of `notes()` at the checkpoint that the run resumes from.
    """

    def __init__(
        self,
        run: RunDirectory,
        bar: ProgressBar,
        every: int,
        batch_size: int,
        rule: StopWhenFooled | None,
        notes: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.run = run
        self.bar = bar
        self.every = every
        self.batch_size = batch_size
        self.rule = rule
        self.sums: dict[str, float] = dict(notes.get("sums", {}))
        self.count: int = notes.get("count", 0)
        self.first: tuple[int, float] | None = None  # step and time at the end of the first execution
        self.mark: tuple[int, float] | None = None  # step and time of the last line
        self.summaries = Summaries(run.tensorboard)

    def rewind(self, notes: Mapping[str, Any]) -> None:
        """Return to a checkpoint with these notes, and measure speeds from there."""
        self.sums, self.count = dict(notes["sums"]), notes["count"]
        self.first = self.mark = None
        self.bar.seen.clear()

    def notes(self) -> dict[str, Any]:
        """Return the sums of the unfinished line, so that a resumed run logs the same as an uninterrupted one."""
        return {"sums": dict(self.sums), "count": self.count}

    @property
    def unfinished(self) -> dict[str, float] | None:
        """Return the current step and the means since the last line; None at a line."""
        if not self.count:
            return None
        return {"step": self.model.step, **{name: total / self.count for name, total in self.sums.items()}}

    @property
    def images_per_second(self) -> float | None:
        """Return the speed since the first execution of this session (or the last rollback); None before."""
        if self.first is None or self.model.step == self.first[0]:
            return None
        (step, since), now = self.first, time.monotonic()
        return round((self.model.step - step) * self.batch_size / (now - since), 1)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        step, steps = self.model.step, self.model.steps_per_execution
        values = {name: float(value) for name, value in (logs or {}).items()}
        if self.first is None:
            self.first = self.mark = (step, time.monotonic())
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + steps * value
        self.count += steps
        losses = {update[0].upper(): f"{update}_loss" for update in sorted(self.model.updates)}
        short = {letter: values[name] for letter, name in losses.items() if name in values}
        self.bar.update(step, short)
        if step % self.every == 0:
            self.flush()

    def flush(self) -> None:
        """Write the line of the current step, if steps were made since the last line."""
        if (record := self.unfinished) is None:
            return
        step, now = self.model.step, time.monotonic()
        if self.mark is not None and step > self.mark[0]:
            record["images_per_second"] = round((step - self.mark[0]) * self.batch_size / (now - self.mark[1]), 1)
        if self.rule is not None:
            record |= self.rule.measure()
        self.mark = (step, now)
        self.run.log(record)
        self.summaries.scalars(step, {name: value for name, value in record.items() if name != "step"})
        self.sums, self.count = {}, 0
        if self.rule is not None:
            self.rule.seen(record)


class SampleSheets(keras.callbacks.Callback):
    """Draw the same samples every `every` steps, as `samples/step_*.png` and in TensorBoard.

    Also draws `samples.png` after 1, 2, 4, … minutes without a sheet, so that a slow model is seen early. That file has
    no part in the sequence of sheets, which does not depend on time.

    Args:
      run: run directory of the sheets.
      every: steps between two sheets.
      picture: function from the model to a sheet.
      metadata: text entries of each file.
      summaries: TensorBoard files.
      agree: `Engine.agree`, since the clocks of workers differ.
      clock: function that returns seconds from any origin.
    """

    def __init__(
        self,
        run: RunDirectory,
        every: int,
        picture: Picture,
        metadata: Mapping[str, str],
        summaries: Summaries,
        agree: Callable[[Sequence[bool]], list[bool]] = list,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.run = run
        self.every = every
        self.picture = picture
        self.metadata = dict(metadata)
        self.summaries = summaries
        self.agree = agree
        self.clock = clock
        self.last = clock()  # time of the last sheet, or of the start of the session
        self.wait = FIRST_SHEET

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.model.step % self.every == 0:
            self.draw()
            return
        (late,) = self.agree([self.clock() - self.last >= self.wait])
        if late:
            self.draw_newest()
            self.wait *= 2

    def prepare(self) -> None:
        """Draw a sheet and discard it: TensorFlow then traces the sampler before training."""
        self.picture(self.model)

    def draw(self) -> None:
        """Draw the sheet of the current step."""
        picture = self._write(self.run.sample_sheet(self.model.step))
        self.summaries.image(self.model.step, "samples", picture)

    def draw_newest(self) -> None:
        """Draw `samples.png`, which is not of the sequence."""
        self._write(self.run.newest_samples)

    def _write(self, path: Path) -> np.ndarray:
        picture = self.picture(self.model)
        images.write_png(path, picture, {"step": str(self.model.step), **self.metadata})
        self.last = self.clock()
        return picture


class SaveCheckpoints(keras.callbacks.Callback):
    """Write a checkpoint every `every` steps, and by the clock, with the reporter's notes.

    Args:
      checkpoints: checkpoints of the run.
      every: steps between two checkpoints.
      minutes: longest time without a checkpoint, checked after every execution; None for no limit.
      reporter: source of the notes.
      clock: function that returns seconds from any origin.
      agree: `Engine.agree`, since the clocks of workers differ.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        every: int,
        minutes: float | None,
        reporter: Reporter,
        clock: Callable[[], float] = time.monotonic,
        agree: Callable[[Sequence[bool]], list[bool]] = list,
    ) -> None:
        super().__init__()
        self.checkpoints = checkpoints
        self.every = every
        self.minutes = minutes
        self.reporter = reporter
        self.clock = clock
        self.agree = agree
        self.last = clock()  # time of the last checkpoint, or of the start of the session

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        late = False
        if self.minutes is not None:
            (late,) = self.agree([self.clock() - self.last >= 60.0 * self.minutes])
        if late or self.model.step % self.every == 0:
            self.save()

    def save(self, *, anew: bool = False) -> None:
        """Write a checkpoint of the current step, if there is none or `anew` is set."""
        self.checkpoints.save(self.model, self.reporter.notes(), anew=anew)
        self.last = self.clock()


class Interrupt:
    """Handler that remembers Ctrl-C, SIGTERM and, unless under nohup, SIGHUP; a second one raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.previous: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:  # nohup
                continue
            try:
                self.previous[number] = signal.signal(number, self._received)
            except ValueError:  # not the main thread: the calling program handles signals
                break
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.previous.items():
            signal.signal(number, handler)

    def _received(self, number: int, _: Any) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number


class Stop(keras.callbacks.Callback):
    """Stop training after the current execution, on all workers together, if one of them must stop.

    Args:
      engine: engine that connects the workers.
      rule: stop rule of the config, or None.
    """

    def __init__(self, engine: Engine, rule: StopWhenFooled | None) -> None:
        super().__init__()
        self.engine = engine
        self.rule = rule
        self.interrupt: Interrupt | None = None
        (self.fooled,) = engine.agree([rule is not None and rule.fooled])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        interrupted = self.interrupt is not None and self.interrupt.signal is not None
        fooled = self.rule is not None and self.rule.fooled
        interrupted, self.fooled = self.engine.agree([interrupted, fooled])
        if interrupted or self.fooled:
            self.model.stop_training = True
