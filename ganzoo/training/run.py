"""Training run: resume, fit, animation, export."""

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo.core import checkout, figures, files, images
from ganzoo.core.hardware import peak_memory_gib
from ganzoo.engine.stepped import SteppedModel
from ganzoo.errors import DataError
from ganzoo.schema import Config
from ganzoo.training.callbacks import Interrupt
from ganzoo.training.checkpoints import Checkpoints
from ganzoo.training.directory import RunDirectory, best_step
from ganzoo.training.engine import choose
from ganzoo.training.fit import Fit
from ganzoo.training.progress import ProgressBar, stderr_unless
from ganzoo.training.resolve import (
    completed,
    described,
    left_out,
    overridden,
    pipeline_of,
    resolve,
    warn_of_ended_schedules,
    with_ends,
)
from ganzoo.training.result import Run

ANIMATION_FRAMES = 40
Exporter = Callable[[SteppedModel, Path], Any]


def train(
    config: Config,
    workdir: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    *,
    data_dir: str | Path | None = None,
    skip_broken: bool = False,
    quiet: bool = False,
    profile: bool = False,
    strategy: str = "auto",
    logical_devices: int | None = None,
    deterministic: bool = False,
    initialise: Callable[[SteppedModel], str] | None = None,
    export: Exporter | None = None,
) -> Run:
    """Train a model, or resume a run that was stopped.

    Args:
      config: config of the model.
      workdir: run directory; by default `runs/NAME`. Repeat the call to resume.
      settings: dotted key (or short name) -> value to replace in the config.
      data_dir: folder of data sets.
      skip_broken: leave out broken images of a folder, with a warning.
      quiet: print no progress.
      profile: write a TensorBoard profile of some steps, and report whether training waits for its input.
      strategy, logical_devices: see `engine.choose`. Only the chief, worker 0 of TF_CONFIG, reads and writes
        the run directory.
      deterministic: make every operation give the same bits each time, without XLA, until this process ends.
      initialise: function that sets the initial weights of a new model, and returns a description of them.
      export: function called at the end with the model and `RUN/export`.

    Returns:
      The run; `run.finished` is False if Ctrl-C, SIGTERM or SIGHUP stopped it.

    Raises:
      ConfigError, DataError, RunError, UsageError: one line that names the thing, the value and the mend.
      WorkerLostError: the connection to another worker is lost.
    """
    began = time.monotonic()
    settings = completed(config, settings or {})
    asked = overridden(config, settings)
    run = RunDirectory(workdir if workdir is not None else Path("runs") / asked.name)
    asked = run.decided(asked)
    engine = choose(asked, strategy, logical_devices, deterministic=deterministic)  # before the data start TensorFlow
    resolved, source = resolve(config, settings, data_dir=data_dir, skip_broken=skip_broken)
    chosen = {"training.precision": engine.precision, "training.xla": "on" if engine.xla else "off"}
    config = with_ends(run.decided(resolved)).override(chosen)
    warn_of_ended_schedules(resolved, config)
    training = config.training
    pipeline = pipeline_of(config, source)
    with contextlib.ExitStack() as held:
        held.enter_context(engine.watching(run.path))
        engine.check_same(config)
        model = engine.build(config)
        bar = ProgressBar(config.name, training.steps, training.batch_size, stderr_unless(quiet or not engine.is_chief))
        held.callback(bar.close)
        if not engine.is_chief:  # it repeats the chief's work and discards it
            run = RunDirectory(held.enter_context(tempfile.TemporaryDirectory()))
        held.enter_context(run.claim(config))
        interrupt = held.enter_context(Interrupt())
        checkpoints = Checkpoints(run.checkpoints, training.keep_checkpoints, lambda: best_step(run))
        resumed_at = checkpoints.restore(model)
        begun_from = None
        if resumed_at is None and initialise is not None and engine.is_chief:  # the other workers receive its weights
            begun_from = initialise(model)
        (over,) = engine.agree(
            [resumed_at is not None and resumed_at >= training.steps and run.is_finished(training.steps)]
        )
        if over:
            return Run(run.path, config, model, True, engine.index)
        run.write_config(config)
        run.rewind(resumed_at or 0)
        notes = {} if resumed_at is None else checkpoints.notes(resumed_at)
        engine.share(model)
        fit = Fit(model, config, engine, pipeline, run, checkpoints, bar, notes, profile, data_dir)
        (over,) = engine.agree([fit.ended and run.is_finished(model.step)])
        if over:
            return Run(run.path, config, model, True, engine.index)
        if resumed_at is not None:
            run.log({"step": resumed_at, "event": "resumed", "resumed_at_step": resumed_at})
            bar.note(f"{config.name}: resuming at step {resumed_at:,} of {training.steps:,} in {run.path}")
        if begun_from is not None:
            run.log({"step": model.step, "event": "initialised", "from": begun_from})
            bar.note(f"{config.name}: starting with the weights of {begun_from}")
        run.log({"step": model.step, "event": "engine", **engine.to_dict()})
        without = ""
        files.remove(run.path / files.LEFT_OUT)  # that of an earlier session
        if lines := left_out(source):
            without = f"; {len(lines)} left out, see {files.write_left_out(run.path, lines)}"
        trained_on = f"{described(config, source)} of {config.dataset.name}"
        run.log({"step": model.step, "event": "data", "trained_on": trained_on, "commit": checkout.commit()})
        bar.note(f"{config.name}: training on {trained_on}{without}")
        bar.note(f"{config.name}: {engine.describe()}")
        if config.dataset.class_names:
            named = ", ".join(f"{label} {name}" for label, name in enumerate(config.dataset.class_names))
            bar.note(f"{config.name}: labels: {named}")
        bar.note(f"{config.name}: building the training step (the first one takes a few seconds)")
        fit(interrupt)
        images_per_second = fit.reporter.images_per_second
        if engine.is_chief:
            _plot_losses(model, run, fit.reporter.unfinished)
            if fit.ended:
                _finish(model, run, export)
        seconds = time.monotonic() - began
        if fit.evaluate and engine.is_chief:
            fit.evaluate.finish(seconds)
        event = "finished" if fit.ended else "interrupted"
        measured = {"seconds": round(seconds, 1), "peak_memory_gib": peak_memory_gib()}
        run.log({"step": model.step, "event": event, **measured})
        engine.agree([True])  # no worker exits before the chief has written everything, as a restart needs all of them
        return Run(run.path, config, model, fit.ended, engine.index, seconds, images_per_second)


def _plot_losses(model: SteppedModel, run: RunDirectory, unfinished: dict[str, Any] | None) -> None:
    """Plot the losses of the log and of the line that a stopped run has begun, if there are any."""
    if not (lines := [*run.read_losses(), *filter(None, [unfinished])]):
        return
    series = {
        name.replace("_", " "): ([record["step"] for record in lines], [record.get(name, math.nan) for record in lines])
        for name in model.log_names
        if name.endswith("loss")
    }
    images.write_png(run.curves, figures.curves(series, title=model.name, y_label="loss"))


def _finish(model: SteppedModel, run: RunDirectory, export: Exporter | None) -> None:
    """Write animation and export."""
    files.remove(run.newest_samples)  # the last sheet is newer
    figures.write_gif(run.animation, _frames(run.sample_sheets()))
    if export is not None:
        try:
            export(model, run.export)
        except (OSError, tf.errors.OpError) as error:
            raise files.cannot_write(run.export, error) from None


def _frames(sheets: list[Path]) -> list[np.ndarray]:
    """Read evenly spaced sheets, without damaged ones and those of another size, which an older ganzoo may draw."""
    chosen = [sheets[i] for i in sorted({round(i) for i in np.linspace(0, len(sheets) - 1, ANIMATION_FRAMES)})]
    frames = []
    for path in chosen:
        with contextlib.suppress(DataError, OSError):  # Pillow's errors for damaged files are OSErrors
            frames.append(images.read(path, channels=_channels(path)))
    return [frame for frame in frames if frame.shape == frames[-1].shape]


def _channels(path: Path) -> int:
    from PIL import Image

    with Image.open(path) as picture:
        return 1 if picture.mode == "L" else 3
