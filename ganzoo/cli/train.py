"""Train a model of the zoo, or your own config, on its data set or on your images.

The work directory takes everything: log, samples, checkpoints, export. The same command again resumes it.
TF_CPP_MIN_LOG_LEVEL=0 in the environment shows TensorFlow's messages, errors among them, which are hidden otherwise.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ganzoo import zoo
from ganzoo.cli import _flags, _tensorflow
from ganzoo.cli.base import INTERRUPTED, Answer, Command
from ganzoo.errors import UsageError
from ganzoo.schema import SHORT_NAMES

ENGINE = (
    _flags.text(
        "strategy",
        "NAME",
        "auto, none, mirrored (all GPUs; or mirrored:GPU:0,GPU:2), multiworker (as TF_CONFIG says), tpu (not tried)",
        "auto",
    ),
    _flags.whole("logical_devices", "cut the CPU into so many devices, to try mirrored without GPUs", at_least=1),
    _flags.choice("precision", ("auto", "float32", "bfloat16", "float16"), "what the networks compute in"),
    _flags.choice("xla", ("auto", "on", "off"), "whether XLA compiles the training step"),
)
FLAGS = {
    "Model and data": (
        _flags.text("model", "NAME|FILE", "a model of the zoo (`ganzoo models` lists them) or a YAML config"),
        _flags.text("dataset", "NAME|folder:PATH", "train on this data set instead of the config's"),
        _flags.text(
            "data_dir",
            "DIR",
            "where data sets are: TFDS's copies, or folders trainA, trainB, testA, testB",
        ),
        _flags.switch("skip_broken", "leave out images that cannot be read instead of stopping at the first"),
    ),
    "Training": (
        _flags.text("workdir", "DIR", "the run's directory (default: runs/NAME); an existing run is resumed"),
        _flags.text("init_from", "NAME|RUN", "begin with the weights of a zoo model or a run instead of random ones"),
        _flags.whole("steps", "steps to train: updates of the generator", at_least=1),
        _flags.whole("batch_size", "images in a step, over all devices", at_least=1),
        _flags.whole("seed", "of every random draw", at_least=0),
        _flags.whole("eval_every", "compute metrics every so many steps, and keep the best checkpoint", at_least=0),
        _flags.choice(
            "on_nan",
            ("stop", "rollback"),
            "where something is not finite, stop, or go on from the last checkpoint at half the learning rates",
        ),
        _flags.texts("set", "KEY=VALUE", "replace one value of the config, as in --set training.log_every=20"),
    ),
    "Where and how to compute": (
        *ENGINE,
        _flags.switch("deterministic", "the same bits each time, on any device; without XLA, and slower"),
    ),
    "Looking closer": (
        _flags.switch("dry_run", "print parameters, memory and time, and train nothing"),
        _flags.switch("profile", "write a TensorBoard profile, and say when the run waits for its data"),
    ),
}


def main(argv: list[str] | None = None) -> int:
    """Runs the command and gives its exit code."""
    return COMMAND.run(argv)


def work(given: SimpleNamespace) -> Answer:
    """Trains, or estimates what training would take."""
    changes = asked_for(given, given.data_dir)
    _tensorflow.import_quietly()
    if given.dry_run:
        return _estimate(given, changes)
    run = zoo.train(
        given.model,
        workdir=given.workdir,
        overrides=changes,
        init_from=given.init_from,
        data_dir=given.data_dir,
        skip_broken=given.skip_broken,
        quiet=given.quiet,
        profile=given.profile,
        strategy=given.strategy,
        logical_devices=given.logical_devices,
        deterministic=given.deterministic,
    )
    return Answer(run.summary(), run.to_dict(), code=0 if run.finished else INTERRUPTED)


def _estimate(given: SimpleNamespace, changes: dict[str, Any]) -> Answer:
    from ganzoo.training.estimate import estimate

    costs = estimate(
        zoo.config(given.model),
        changes,
        data_dir=given.data_dir,
        skip_broken=given.skip_broken,
        strategy=given.strategy,
        logical_devices=given.logical_devices,
    )
    return Answer(costs.describe(), costs.to_dict(), brief=costs.describe())


def asked_for(given: SimpleNamespace, data_dir: str | None = None) -> dict[str, Any]:
    """The overrides of a command that trains, checked with the model and its data before TensorFlow's start.

    Raises:
      UsageError, ConfigError, DataError: a slip of the pen, or data that cannot be had.
    """
    if given.model is None:
        raise UsageError("--model is missing: for example --model cgan (`ganzoo models` lists what there is)")
    from ganzoo.data import source, tfds_source

    changes = overrides(given)
    config = zoo.config(given.model).override(changes)
    source.check_available(config.dataset, data_dir=data_dir)
    tfds_source.show_progress(not given.quiet)
    return changes


def overrides(given: SimpleNamespace) -> dict[str, Any]:
    """The config's values that the flags replace, by dotted key.

    Raises:
      UsageError: a --set without '=', or a value that is given twice.
    """
    flags = vars(given)  # not every command has all of them
    asked = [(key, f"--{short}", flags.get(short)) for short, key in SHORT_NAMES.items()]
    asked = [flag for flag in asked if flag[-1] is not None]
    for setting in given.set:
        key, equals, value = setting.partition("=")
        if not key or not equals:
            raise UsageError(f"--set {setting}: no KEY=VALUE (for example --set training.steps=2000)")
        asked.append((key, f"--set {setting}", value))
    changes: dict[str, Any] = {}
    for key, flag, value in asked:
        if key in changes:
            raise UsageError(f"{flag}: {key} is given twice (give it once)")
        changes[key] = value
    return changes


COMMAND = Command(
    name="train",
    about=__doc__,
    usage="--model NAME|FILE [flags]",
    flags=FLAGS,
    work=work,
)
