"""Train a model by name, or from a run directory or a YAML file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.core.start import import_quietly
from ganzoo.errors import UsageError
from ganzoo.schema import Config
from ganzoo.training.checkpoints import Checkpoints
from ganzoo.training.checks import check_run
from ganzoo.training.directory import RunDirectory
from ganzoo.training.progress import note_unless
from ganzoo.training.resolve import completed, overridden
from ganzoo.zoo.catalog import config
from ganzoo.zoo.load import found

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
    """Train a model, or resume a stopped run.

    Args:
      model: a zoo name, a YAML file, a run directory, or a Config.
      workdir: run directory, by default `runs/NAME`. Repeat the call to resume.
      overrides: dotted key -> value, as for `--set` (`{"optimizer.generator.learning_rate": 1e-4}`).
      init_from: zoo model or run to take the initial weights from, as for `load`; its moving averages initialise both
        the averages and the networks. Zoo weights of translation models have no discriminators; runs have them. A
        resumed run ignores it.
      data_dir: folder of TFDS data sets.
      skip_broken: leave out broken images of a folder, with a warning.
      quiet: no progress bar and no notes.
      profile: write a TensorBoard profile of some steps, and report whether training waits for its input.
      deterministic: make every operation give the same bits each time, without XLA, until this process ends.
      settings: `dataset`, `steps`, `batch_size`, `seed`, `precision`, `xla`, `on_nan`: short names of overrides.
        `dataset` may also be data in memory: an array, a tuple (examples, labels), a mapping, or a tf.data.Dataset; see
        `ganzoo.data.sources.in_memory.hold`. The run's config then holds a hash of the data, and a resumed run needs
        them again.

    Returns:
      The run: `run.model` generates, `run.directory` holds the files, `run.finished` is False after a
      signal.

    Raises:
      ConfigError, DataError, RunError: one line that names the thing, the value and the mend.
      UsageError, WeightsError: `init_from` has other networks, or no weights; `workdir` is not a path.
    """
    if isinstance(workdir, Mapping):
        raise UsageError("workdir: expected a path, got a mapping (name it: ganzoo.train(model, overrides={…}))")
    resolved = model if isinstance(model, Config) else config(model)
    if (data := settings.get("dataset")) is not None and not isinstance(data, str):
        from ganzoo.data.sources.in_memory import settings_for

        settings = {key: value for key, value in settings.items() if key != "dataset"} | settings_for(resolved, data)
    changes = completed(resolved, {**settings, **(overrides or {})})
    asked = overridden(resolved, changes)
    run = RunDirectory(workdir if workdir is not None else Path("runs") / asked.name)
    with contextlib.suppress(OSError):  # `claim` says what is wrong with it
        run.check_empty()
    resumes = bool(Checkpoints(run.checkpoints).steps())
    source = None if init_from is None or resumes else found(init_from)
    where: dict[str, Any] = {"data_dir": data_dir, "strategy": strategy, "logical_devices": logical_devices}
    check_run(asked, deterministic=deterministic, **where)
    import_quietly()
    from ganzoo.exports.versions import write_version
    from ganzoo.training.run import train as train_config

    return train_config(
        resolved,
        run.path,
        changes,
        skip_broken=skip_broken,
        quiet=quiet,
        profile=profile,
        deterministic=deterministic,
        **where,
        initialise=source and (lambda made: _take_over(made, source, str(init_from))),
        export=lambda trained, place: write_version(trained, place, overwrite=True, note=note_unless(quiet)),
    )


def _take_over(model: SteppedModel, source: Callable[[], SteppedModel], name: str) -> str:
    """Copy another model's weights into a new model, and return a description of the source and its step."""
    given = source()
    trained_here = given.step > 0  # a run has all weights, a weights file only some
    roles = set(given.networks) if trained_here else {key.split("/")[0] for key in given.weights_to_ship()}
    for role in sorted(roles):
        theirs = given.averages.get(role, given.networks[role]).get_weights()
        ours = model.networks.get(role)
        if ours is None or [w.shape for w in ours.get_weights()] != [w.shape for w in theirs]:
            raise UsageError(f"init_from: {name} has another {role} than {model.name} (its networks must be the same)")
        ours.set_weights(theirs)
        if role in model.averages:
            model.averages[role].set_weights(theirs)
    return f"{name}, step {given.step}" if given.step else name
