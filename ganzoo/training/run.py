"""One training run, from a name to pictures: resume, fit, callbacks, export, summary."""

from __future__ import annotations

import dataclasses
import math
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganzoo import figures, images, zoo
from ganzoo.data.pipeline import Pipeline
from ganzoo.data.source import Source, open_source
from ganzoo.errors import RunError
from ganzoo.models.adversarial import AdversarialModel
from ganzoo.models.build import build
from ganzoo.schema import Config
from ganzoo.serving.export import export
from ganzoo.training.callbacks import Interrupt, Reporter, SampleSheets, SaveCheckpoints, StopWhenFooled
from ganzoo.training.checkpoints import Checkpoints
from ganzoo.training.directory import RunDirectory
from ganzoo.training.progress import ProgressBar, clock, stderr_unless

REFERENCE_POINTS = 1000
ANIMATION_FRAMES = 40
# what flags and keyword arguments call a config's key
SHORT_NAMES = {
    "dataset": "dataset.name",
    "steps": "training.steps",
    "batch_size": "training.batch_size",
    "seed": "training.seed",
}


@dataclasses.dataclass
class Run:
    """What a run left: `model` draws from it, `directory` has the files.

    Attributes:
      directory: the work directory.
      config: the resolved config.
      model: the trained model.
      finished: False where it was interrupted (the same command goes on).
      seconds: of this session's training, without start-up; 0 where there was nothing left to do.
      trained: whether this session made any step.
    """

    directory: Path
    config: Config
    model: AdversarialModel
    finished: bool
    seconds: float
    trained: bool

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines of `log.jsonl`, events and all."""
        return RunDirectory(self.directory).read_log()

    @property
    def losses(self) -> list[dict[str, Any]]:
        """The lines of the log that hold losses: `step`, `generator_loss`, …, means since the line before."""
        return RunDirectory(self.directory).read_losses()

    def to_dict(self) -> dict[str, Any]:
        """For machines: where, how far, how fast."""
        losses = self.losses
        return {
            "model": self.config.name,
            "workdir": str(self.directory),
            "step": self.model.step,
            "steps": self.config.training.steps,
            "finished": self.finished,
            "seconds": round(self.seconds, 1),
            "peak_memory_gib": round(peak_memory_gib(), 2),
            "last": losses[-1] if losses else None,
        }

    def summary(self) -> str:
        """For people: where everything is, and what to type next."""
        run = RunDirectory(self.directory)
        name, where = self.config.name, self.directory
        if not self.finished:
            steps = f"step {self.model.step:,} of {self.config.training.steps:,}"
            return f"{name}: stopped at {steps}, saved in {where}; the same command goes on"
        head = (
            f"{name}: {self.model.step:,} steps in {clock(self.seconds)}, peak memory {peak_memory_gib():.2f} GiB"
            if self.trained
            else f"{name}: finished already at step {self.model.step:,} (go on: more --steps; anew: another --workdir)"
        )
        sheets = run.sample_sheets()
        rows = [
            ("samples", f"{run.samples}{'/' + sheets[-1].name if sheets else ''}"),
            ("animation", run.animation),
            ("losses", run.curves),
            ("log", run.log_file),
            ("tensorboard", f"tensorboard --logdir {run.tensorboard}"),
            ("checkpoints", run.checkpoints),
            ("export", run.export),
        ]
        table = "\n".join(f"  {what:<12} {place}" for what, place in rows)
        return f"{head}\n{table}\nnext: ganzoo generate --model {where} --out {name}.png"


def train(
    model: str | Path | Config,
    workdir: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    data_dir: str | Path | None = None,
    skip_broken: bool = False,
    quiet: bool = False,
    profile: bool = False,
    **settings: Any,
) -> Run:
    """Trains a model, or goes on with a run that was stopped.

    Args:
      model: a zoo name, a YAML file, a run directory, or a Config.
      workdir: the run's own directory; by default `runs/NAME`. The same call again resumes.
      overrides: dotted key -> value, as `--set`.
      data_dir: folder of TFDS data sets.
      skip_broken: leave broken images of a folder out, with a warning.
      quiet: no bar and no notes.
      profile: write a TensorBoard profile of some steps, and say whether the run waits for its input.
      settings: `dataset`, `steps`, `batch_size`, `seed`: short for the overrides of those names.

    Returns:
      The run; `run.finished` is False where Ctrl-C or SIGTERM stopped it.

    Raises:
      ConfigError, DataError, RunError: one line each that says what, where and how to mend it.
    """
    config, source = resolve(model, {**settings, **(overrides or {})}, data_dir=data_dir, skip_broken=skip_broken)
    run = RunDirectory(workdir if workdir is not None else Path("runs") / config.name)
    built = build(config)
    run.claim(config)
    checkpoints = Checkpoints(run.checkpoints, config.training.keep_checkpoints)
    resumed_at = checkpoints.restore(built)
    steps = config.training.steps
    if resumed_at is not None and (resumed_at >= steps or _stopped_by_rule(run, resumed_at)):
        return Run(run.path, config, built, True, 0.0, False)
    began = time.monotonic()
    bar = ProgressBar(config.name, steps, config.training.batch_size, stderr_unless(quiet))
    if resumed_at is not None:
        run.rewind(resumed_at)
        run.log({"step": resumed_at, "event": "resumed", "resumed_at_step": resumed_at})
        bar.note(f"{config.name}: going on at step {resumed_at:,} of {steps:,} in {run.path}")
    finished = _fit(built, config, source, run, checkpoints, bar, profile)
    checkpoints.save(built)
    if finished:
        _finish(built, run)
    seconds = time.monotonic() - began
    memory = round(peak_memory_gib(), 3)
    run.log({"step": built.step, "event": "session", "seconds": round(seconds, 1), "peak_memory_gib": memory})
    return Run(run.path, config, built, finished, seconds, True)


def resolve(
    model: str | Path | Config,
    settings: Mapping[str, Any],
    *,
    data_dir: str | Path | None = None,
    skip_broken: bool = False,
) -> tuple[Config, Source]:
    """The config of a run with everything decided, and its data.

    A data set that was asked for brings its own number of classes, if the model is conditional.

    Raises:
      ConfigError, DataError: as `train`.
    """
    config = model if isinstance(model, Config) else zoo.config(model)
    values = {SHORT_NAMES.get(key, key): value for key, value in settings.items() if value is not None}
    config = config.override(values) if values else config
    dataset = config.dataset
    other_data = "dataset.name" in values and "dataset.classes" not in values
    if other_data or not config.conditional:
        dataset = dataset.model_copy(update={"classes": 0})
    source = open_source(dataset, data_dir=data_dir, skip_broken=skip_broken, seed=config.training.seed)
    if other_data and config.conditional:
        config = config.override({"dataset.classes": len(source.class_names)})
    return config, source


def peak_memory_gib() -> float:
    """The largest resident memory of this process so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)


def _fit(
    model: AdversarialModel,
    config: Config,
    source: Source,
    run: RunDirectory,
    checkpoints: Checkpoints,
    bar: ProgressBar,
    profile: bool,
) -> bool:
    """Runs Keras's fit from the model's step to the end; False where a signal stopped it."""
    training = config.training
    pipeline = Pipeline(source, training.batch_size, training.seed, config.dataset.augment)
    callbacks: list[Any] = []
    rule = StopWhenFooled(training.stop_when, bar) if training.stop_when else None
    reporter = Reporter(run, bar, training.log_every, training.batch_size, rule.seen if rule else lambda _: None)
    sheets = SampleSheets(run, training.sample_every, training.seed, _reference_points(source), reporter.writer)
    interrupt = Interrupt()
    callbacks = [reporter, sheets, SaveCheckpoints(checkpoints, training.checkpoint_every), interrupt]
    callbacks += [rule] if rule else []
    if profile:
        from ganzoo.training.profile import Profile

        callbacks.append(Profile(run, pipeline, bar))
    bar.note(f"{config.name}: building the training step (the first one takes a few seconds)")
    with interrupt:
        for steps, epochs in _segments(model.step, training.steps, _interval(config)):
            model.steps_per_execution = _largest_divisor(steps, training.steps_per_execution)
            batches = pipeline.dataset(model.step * training.critic_steps)
            model.fit(batches, epochs=epochs, steps_per_epoch=steps, shuffle=False, callbacks=callbacks, verbose=0)
            if model.stop_training:
                break
    stopped_by_signal = interrupt.signal is not None and model.step < training.steps
    if not stopped_by_signal:
        reporter.flush()
        sheets.draw()
        if rule and rule.fooled:
            run.log({"step": model.step, "event": "stopped", "rule": rule.rule.name})
    return not stopped_by_signal


def _finish(model: AdversarialModel, run: RunDirectory) -> None:
    """Animation, plot of the losses, export."""
    sheets = run.sample_sheets()
    chosen = [sheets[i] for i in sorted({round(i) for i in np.linspace(0, len(sheets) - 1, ANIMATION_FRAMES)})]
    frames = [images.read(path, channels=_channels(path)) for path in chosen]
    figures.write_gif(run.animation, frames)
    lines = run.read_losses()
    series = {
        name.replace("_", " "): ([r["step"] for r in lines], [r[name] for r in lines])
        for name in model.log_names
        if name.endswith("loss")
    }
    images.write_png(run.curves, figures.curves(series, title=model.name, y_label="loss"))
    try:
        export(model, run.export, version=1, overwrite=True)
    except (OSError, tf.errors.OpError) as error:
        raise RunError(f"{run.export}: cannot be written ({error})") from None


def _channels(path: Path) -> int:
    from PIL import Image

    with Image.open(path) as picture:
        return 1 if picture.mode == "L" else 3


def _reference_points(source: Source) -> np.ndarray | None:
    """Real points to draw generated ones over; None for images."""
    if len(source.example_shape) == 3:
        return None
    return source.fetch(tf.range(REFERENCE_POINTS, dtype=tf.int64))["images"].numpy()


def _interval(config: Config) -> int:
    """Steps a Keras epoch: the longest stretch that crosses no log line, sample sheet or checkpoint."""
    training = config.training
    return math.gcd(training.log_every, training.sample_every, training.checkpoint_every)


def _segments(start: int, end: int, interval: int) -> list[tuple[int, int]]:
    """(steps an epoch, epochs) from start to end: to the next multiple of the interval, whole intervals, the rest."""
    first = min(-start % interval, end - start)
    whole, rest = divmod(end - start - first, interval)
    return [(steps, epochs) for steps, epochs in ((first, 1), (interval, whole), (rest, 1)) if steps and epochs]


def _largest_divisor(number: int, limit: int) -> int:
    return next(d for d in range(min(number, limit), 0, -1) if number % d == 0)


def _stopped_by_rule(run: RunDirectory, step: int) -> bool:
    return any(record.get("event") == "stopped" and record["step"] == step for record in run.read_log())
