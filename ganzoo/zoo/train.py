"""Train a model by its name, or from a run directory or a YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.core.start import import_quietly
from ganzoo.errors import UsageError
from ganzoo.schema import Config
from ganzoo.zoo.catalog import check_trained, config
from ganzoo.zoo.load import open_model

if TYPE_CHECKING:
    from ganzoo.engine.stepped import SteppedModel
    from ganzoo.training.run import Run


def train(
    model: str | Path | Config,
    workdir: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    init_from: str | Path | None = None,
    data_dir: str | Path | None = None,
    skip_broken: bool = False,
    quiet: bool = False,
    profile: bool = False,
    strategy: str = "auto",
    logical_devices: int | None = None,
    deterministic: bool = False,
    **settings: Any,
) -> Run:
    """Trains a model, or goes on with a run that was stopped.

    Args:
      model: a zoo name, a YAML file, a run directory, or a Config.
      workdir: the run's own directory; by default `runs/NAME`. The same call again resumes.
      overrides: dotted key -> value, as `--set` (`{"optimizer.generator.learning_rate": 1e-4}`).
      init_from: what `load` takes: begin with its weights instead of random ones. Moving averages start both the
        averages and the networks themselves. Models that translate ship no discriminators, runs have them. A run that
        goes on has its own.
      data_dir: folder of TFDS data sets.
      skip_broken: leave broken images of a folder out, with a warning.
      quiet: no bar and no notes.
      profile: write a TensorBoard profile of some steps, and say whether the run waits for its input.
      deterministic: make every operation give the same bits each time, without XLA, until this process ends.
      settings: `dataset`, `steps`, `batch_size`, `seed`, `precision`, `xla`, `on_nan`: short for the overrides of those
        names. `dataset` is also data in memory: an array, a tuple (examples, labels), a mapping, or a tf.data.Dataset,
        see `ganzoo.data.sources.in_memory.hold`. The config of the run then has the hash of their content, and a run
        that goes on needs them again.

    Returns:
      The run: `run.model` draws, `run.directory` has the files; `run.finished` is False where Ctrl-C or SIGTERM came.

    Raises:
      ConfigError, DataError, RunError: one line each that says what, where and how to mend it.
      UsageError, WeightsError: `init_from` has other networks, or no weights.
    """
    if init_from is not None:
        check_trained(init_from)
    import_quietly()
    from ganzoo.exports.versions import write_version
    from ganzoo.training.progress import note_unless
    from ganzoo.training.run import train as train_config

    resolved = model if isinstance(model, Config) else config(model)
    if (data := settings.get("dataset")) is not None and not isinstance(data, str):
        from ganzoo.data.sources.in_memory import settings_for

        settings = {key: value for key, value in settings.items() if key != "dataset"} | settings_for(resolved, data)
    return train_config(
        resolved,
        workdir,
        {**settings, **(overrides or {})},
        data_dir=data_dir,
        skip_broken=skip_broken,
        quiet=quiet,
        profile=profile,
        strategy=strategy,
        logical_devices=logical_devices,
        deterministic=deterministic,
        initialise=None if init_from is None else lambda made: _take_over(made, init_from),
        export=lambda trained, place: write_version(trained, place, overwrite=True, note=note_unless(quiet)),
    )


def _take_over(model: SteppedModel, source: str | Path) -> str:
    """Gives a new model the weights of another one; says of which, and of what step."""
    given = open_model(source, "pretrained", "last")
    trained_here = given.step > 0  # then all of it is there, and otherwise what a weights file holds
    roles = set(given.networks) if trained_here else {name.split("/")[0] for name in given.weights_to_ship()}
    for role in sorted(roles):
        theirs = given.averages.get(role, given.networks[role]).get_weights()
        ours = model.networks.get(role)
        if ours is None or [w.shape for w in ours.get_weights()] != [w.shape for w in theirs]:
            raise UsageError(
                f"init_from: {source} has another {role} than {model.name} (its networks must be the same)"
            )
        ours.set_weights(theirs)
        if role in model.averages:
            model.averages[role].set_weights(theirs)
    return f"{source}, step {given.step}" if given.step else str(source)
