"""Contestants of ganzoo itself: `python -m ganzoo.training.contestant JSON`, one process each.

`bare` repeats the compiled step on one batch; `fit` makes whole runs, with pipeline, log, TensorBoard, sample sheets
and checkpoints.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ganzoo.core import plugins
from ganzoo.data.pipeline import Pipeline
from ganzoo.schema import Config, TrainingConfig, parse
from ganzoo.training import turns
from ganzoo.training.contest import Contestant

if TYPE_CHECKING:
    import tensorflow as tf


def entry(kind: str, label: str, config: Config, settings: Mapping[str, Any], engine: Mapping[str, Any]) -> Contestant:
    """Return a contestant of ganzoo. Its process imports the plugins that this one has imported by name.

    Args:
      kind: `bare` or `fit`.
      label: part of the name, to distinguish contestants of one kind.
      config: config of the model.
      settings: dotted key -> value to replace in the config.
      engine: keyword arguments of `train` for the engine (`strategy`, `logical_devices`).
    """
    given = {
        "kind": kind,
        "config": config.to_dict(),
        "settings": dict(settings),
        "engine": dict(engine),
        "imports": plugins.imported(),
    }
    return Contestant(f"ganzoo {kind} ({label})", ("-m", __name__, json.dumps(given)))


def main() -> None:
    """Run the contestant that the command line describes."""
    turns.serve(lambda: _prepare(json.loads(sys.argv[1])))


def _prepare(given: Mapping[str, Any]) -> tuple[turns.Reply, turns.Turn]:
    plugins.import_modules(given["imports"])
    kind = {"bare": bare, "fit": fit}[given["kind"]]
    return kind(parse(given["config"], "config"), given["settings"], given["engine"])


def bare(config: Config, settings: Mapping[str, Any], engine: Mapping[str, Any]) -> tuple[turns.Reply, turns.Turn]:
    """Prepare the model's own train function on one cached batch."""
    from ganzoo.training.engine import choose
    from ganzoo.training.resolve import pipeline_of, resolve

    began = time.monotonic()
    chosen = choose(
        config.override(dict(settings)), **engine
    )  # before the data start TensorFlow, as it may split the CPU
    config, source = resolve(config, settings)
    training = config.training
    model = chosen.build(config)
    batches = iter(chosen.batches(pipeline_of(config, source, OneBatch), 0))
    train_function = model.make_train_function()

    def execute() -> None:
        float(next(iter(train_function(batches).values())))  # waits for the step

    model.steps_per_execution = 1
    execute()
    first_step_seconds = time.monotonic() - began
    model.steps_per_execution = training.steps_per_execution
    about = {
        "first_step_seconds": first_step_seconds,
        "parameters": model.parameters,
        "engine": chosen.to_dict(),
        "made_with": _made_with(),
    }
    return about, lambda steps: turns.timed(execute, steps, training.batch_size, training.steps_per_execution)


def fit(config: Config, settings: Mapping[str, Any], engine: Mapping[str, Any]) -> tuple[turns.Reply, turns.Turn]:
    """Prepare a whole run per turn, in a new directory; time starts at the end of its first execution."""
    from ganzoo.training.resolve import overridden
    from ganzoo.training.run import train

    config = overridden(config, settings)

    def turn(steps: int) -> turns.Reply:
        own = {"training.steps": steps, **_rhythm(config.training, steps)}
        with tempfile.TemporaryDirectory() as workdir:
            run = train(config, workdir, {**settings, **own}, **engine)
            speeds = [line["images_per_second"] for line in run.losses if "images_per_second" in line]
        return {
            "images_per_second": run.images_per_second,
            "step_seconds": [config.training.batch_size / speed for speed in speeds],
        }

    return {"made_with": _made_with()}, turn


class OneBatch(Pipeline):
    """Pipeline that repeats one batch, without other work."""

    def dataset(self, first_batch: int = 0, rows: tuple[int, int] | None = None) -> tf.data.Dataset:
        """See Pipeline."""
        return super().dataset(first_batch, rows).take(1).cache().repeat()


def _rhythm(training: TrainingConfig, steps: int) -> dict[str, int]:
    """Return the intervals of sample sheets and checkpoints: as in the config, at least once per turn."""
    keys = ("sample_every", "checkpoint_every")
    return {f"training.{key}": min(getattr(training, key), steps) for key in keys}


def _made_with() -> dict[str, str]:
    import keras
    import tensorflow as tf

    gpus = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    names = ", ".join(gpu.get("device_name", "unnamed") for gpu in gpus)
    return {"TensorFlow": tf.__version__, "Keras": keras.__version__} | ({"GPU": names} if names else {})


if __name__ == "__main__":
    main()
