"""One training run, from a config to pictures: resume, fit, animation, export."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo import figures, files, images
from ganzoo.data.pipeline import Pipeline
from ganzoo.errors import ConfigError
from ganzoo.models.adversarial import AdversarialModel
from ganzoo.models.build import build
from ganzoo.schema import Config
from ganzoo.training.callbacks import Interrupt
from ganzoo.training.checkpoints import Checkpoints
from ganzoo.training.directory import RunDirectory
from ganzoo.training.fit import Fit
from ganzoo.training.progress import ProgressBar, stderr_unless
from ganzoo.training.resolve import resolve
from ganzoo.training.result import Run, peak_memory_gib

ANIMATION_FRAMES = 40
Exporter = Callable[[AdversarialModel, Path], Any]


def train(
    config: Config,
    workdir: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    *,
    data_dir: str | Path | None = None,
    skip_broken: bool = False,
    quiet: bool = False,
    profile: bool = False,
    deterministic: bool = False,
    export: Exporter | None = None,
) -> Run:
    """Trains a model, or goes on with a run that was stopped.

    Args:
      config: of the model.
      workdir: the run's own directory; by default `runs/NAME`. The same call again resumes.
      settings: dotted key (or short name) -> value: what is replaced in the config.
      data_dir: folder of TFDS data sets.
      skip_broken: leave broken images of a folder out, with a warning.
      quiet: no bar and no notes.
      profile: write a TensorBoard profile of some steps, and say whether the run waits for its input.
      deterministic: make every operation give the same bits each time, without XLA, until this process ends.
      export: called at the end with the model and `RUN/export`.

    Returns:
      The run; `run.finished` is False where Ctrl-C or SIGTERM stopped it.

    Raises:
      ConfigError, DataError, RunError: one line each that says what, where and how to mend it.
    """
    began = time.monotonic()
    config, source = resolve(config, settings or {}, data_dir=data_dir, skip_broken=skip_broken)
    if deterministic:
        config = _deterministic(config)
    training = config.training
    pipeline = Pipeline(source, training.batch_size, training.seed, config.dataset.augment)
    model = build(config)
    run = RunDirectory(workdir if workdir is not None else Path("runs") / config.name)
    bar = ProgressBar(config.name, training.steps, training.batch_size, stderr_unless(quiet))
    try:
        with run.claim(config), Interrupt() as interrupt:
            checkpoints = Checkpoints(run.checkpoints, training.keep_checkpoints)
            resumed_at = checkpoints.restore(model)
            if resumed_at is not None and _is_finished(run, resumed_at) and resumed_at >= training.steps:
                return Run(run.path, config, model, True)
            run.write_config(config)
            run.rewind(resumed_at or 0)
            notes = {} if resumed_at is None else checkpoints.notes(resumed_at)
            fit = Fit(model, config, pipeline, run, checkpoints, bar, notes, profile)
            if fit.ended and _is_finished(run, model.step):
                return Run(run.path, config, model, True)
            if resumed_at is not None:
                run.log({"step": resumed_at, "event": "resumed", "resumed_at_step": resumed_at})
                bar.note(f"{config.name}: going on at step {resumed_at:,} of {training.steps:,} in {run.path}")
            if config.dataset.class_names:
                named = ", ".join(f"{label} {name}" for label, name in enumerate(config.dataset.class_names))
                bar.note(f"{config.name}: the labels are {named}")
            bar.note(f"{config.name}: building the training step (the first one takes a few seconds)")
            fit(interrupt)
            images_per_second = fit.reporter.images_per_second
            if fit.ended:
                _finish(model, run, export)
            seconds = time.monotonic() - began
            event = "finished" if fit.ended else "interrupted"
            measured = {"seconds": round(seconds, 1), "peak_memory_gib": peak_memory_gib()}
            run.log({"step": model.step, "event": event, **measured})
            return Run(run.path, config, model, fit.ended, seconds, images_per_second)
    finally:
        bar.close()


def _deterministic(config: Config) -> Config:
    """Makes TensorFlow's operations deterministic; the config without XLA, which TensorFlow then leaves out silently.

    Raises:
      ConfigError: XLA was asked for.
    """
    if config.training.xla == "on":
        raise ConfigError(
            f"{config.name}: training.xla: on, and --deterministic works without XLA only (leave one of them out)"
        )
    tf.config.experimental.enable_op_determinism()
    return config.override({"training.xla": "off"})


def _finish(model: AdversarialModel, run: RunDirectory, export: Exporter | None) -> None:
    """Animation, plot of the losses, export."""
    sheets = run.sample_sheets()
    chosen = [sheets[i] for i in sorted({round(i) for i in np.linspace(0, len(sheets) - 1, ANIMATION_FRAMES)})]
    figures.write_gif(run.animation, [images.read(path, channels=_channels(path)) for path in chosen])
    lines = run.read_losses()
    series = {
        name.replace("_", " "): ([record["step"] for record in lines], [record[name] for record in lines])
        for name in model.log_names
        if name.endswith("loss")
    }
    images.write_png(run.curves, figures.curves(series, title=model.name, y_label="loss"))
    if export is not None:
        try:
            export(model, run.export)
        except (OSError, tf.errors.OpError) as error:
            raise files.cannot_write(run.export, error) from None


def _channels(path: Path) -> int:
    from PIL import Image

    with Image.open(path) as picture:
        return 1 if picture.mode == "L" else 3


def _is_finished(run: RunDirectory, step: int) -> bool:
    """Whether a session came to its very end (animation, export) at that step."""
    return any(record.get("event") == "finished" and record["step"] == step for record in run.read_log())
