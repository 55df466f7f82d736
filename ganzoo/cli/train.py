"""Train a model of the zoo, or your own config, on its data set or on your images.

The run directory gets the log, samples, checkpoints and export. Repeat the command to resume the run.
Set TF_CPP_MIN_LOG_LEVEL=0 in the environment to see TensorFlow's messages, which are hidden by default.
"""

from __future__ import annotations

from typing import Any

import ganzoo
from ganzoo.cli import _flags, _shared
from ganzoo.cli._flags import Given
from ganzoo.cli.base import INTERRUPTED, Answer, Command
from ganzoo.core import start
from ganzoo.errors import UsageError
from ganzoo.schema import SHORT_NAMES, Config
from ganzoo.training.progress import note_unless

FLAGS = {
    "Model and data": (
        _shared.MODEL.required("for example --model cgan_mnist (`ganzoo models` lists all)"),
        _shared.DATASET,
        _shared.DATA_DIR,
        _shared.SKIP_BROKEN,
    ),
    "Training": (
        _flags.text("workdir", "DIR", "Run directory; an existing run is resumed (default: runs/NAME)"),
        _flags.text("init_from", "NAME|RUN", "Zoo model or run to take the initial weights from"),
        _shared.STEPS,
        _shared.BATCH_SIZE,
        _shared.SEED,
        _flags.whole("eval_every", "Number of steps between evaluations; the best checkpoint is kept", at_least=0),
        _flags.choice(
            "on_nan",
            ("stop", "rollback"),
            "Stop at a non-finite value, or return to the last checkpoint and halve the learning rates",
        ),
        _shared.SET,
    ),
    "Where and how to compute": (
        *_shared.ENGINE,
        _flags.switch("deterministic", "Compute the same bits each time, on any device; slower, and without XLA"),
    ),
    "Looking closer": (
        _flags.switch("dry_run", "Run a few steps, print parameters, memory and time, and exit"),
        _flags.switch("profile", "Write a TensorBoard profile, and report whether training waits for its data"),
    ),
}


def work(given: Given) -> Answer:
    """Train, or estimate the cost of training."""
    config, changes = asked_for(given)
    where = given.pick("data_dir", "strategy", "logical_devices")
    if given.dry_run:
        from ganzoo.training.checks import check_run

        check_run(config, **where)
        start.import_quietly()
        from ganzoo.training.estimate import estimate

        costs = estimate(ganzoo.config(given.model), changes, skip_broken=given.skip_broken, **where)
        return Answer(costs.describe(), costs.to_dict(), brief=costs.describe())
    how = given.pick("workdir", "init_from", "skip_broken", "quiet", "profile", "deterministic")
    run = ganzoo.train(given.model, overrides=changes, **how, **where)
    return Answer(run.summary(), run.to_dict(), code=0 if run.finished else INTERRUPTED)


def asked_for(given: Given) -> tuple[Config, dict[str, Any]]:
    """Return the config of a training command with its overrides, and these.

    Raises:
      UsageError, ConfigError: a flag or key is invalid.
    """
    from ganzoo.data.sources import tfds_source

    changes = overrides(given)
    config = ganzoo.config(given.model).override(changes, note_unless(given.quiet))
    tfds_source.show_progress(not given.quiet)
    return config, changes


def overrides(given: Given) -> dict[str, Any]:
    """Return the config values that the flags replace, by dotted key.

    Raises:
      UsageError: a --set has no '=', or a value is given twice.
    """
    flags = vars(given)  # commands have different flags
    asked = [(key, f"--{short}", flags.get(short)) for short, key in SHORT_NAMES.items()]
    asked = [flag for flag in asked if flag[-1] is not None]
    for setting in given.set:
        key, equals, value = setting.partition("=")
        if not key or not equals:
            raise UsageError(
                f"--set: expected KEY=VALUE, got '{setting}' (write, for example, --set training.steps=2000)"
            )
        asked.append((key, f"--set {setting}", value))
    changes: dict[str, Any] = {}
    for key, flag, value in asked:
        if key in changes:
            raise UsageError(f"{flag}: {key} is given twice (give it once)")
        changes[key] = value
    return changes


main = Command("train", __doc__, FLAGS, work).run
