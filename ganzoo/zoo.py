"""The zoo: a name -> its config, its card, its weights; and what one does with a name: load, train, export.

Nothing here imports TensorFlow before a model is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.errors import ConfigError, UsageError, WeightsError, did_you_mean
from ganzoo.origins import check_imports
from ganzoo.schema import Config, read_yaml
from ganzoo.start import import_quietly
from ganzoo.training.directory import CONFIG_FILE

if TYPE_CHECKING:
    from ganzoo.engine.stepped import SteppedModel
    from ganzoo.evaluation.card import Card
    from ganzoo.models.protocol import Model
    from ganzoo.training.run import Run

WEIGHTS_FILE = "weights.safetensors"  # in a directory of a model that was not trained here
TO_LOAD = "load a run directory, or ask for random ones (in Python: weights='random')"
TO_EXPORT = "export a run directory, or allow random ones (allow_untrained, --allow_untrained)"


def directory() -> Path:
    """Where the zoo's configs are: inside an installed package, beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "zoo_configs"
    return inside if inside.is_dir() else package.parent / "zoo_configs"


def list_models(task: str | None = None, pretrained: bool | None = None) -> list[str]:
    """Names of the zoo's models, sorted.

    Args:
      task: only those of this task (`image_generation`, …).
      pretrained: only those with (True) or without (False) weights.
    """
    return [
        name
        for name, config in _configs().items()
        if (task is None or config.task == task) and (pretrained is None or has_weights(name) == pretrained)
    ]


def config(name: str | Path) -> Config:
    """The config of a zoo model, by name or alias; of a YAML file; or of a run directory.

    Raises:
      ConfigError: there is no such model or file, or it does not fit the schema.
    """
    text = str(name)
    known = _names()
    if text in known:
        return _configs()[known[text]]
    path = Path(text)
    if _is_dir(path):
        if not (path / CONFIG_FILE).is_file():
            raise ConfigError(f"{text}: no run directory ({CONFIG_FILE} is missing)")
        return _read(path / CONFIG_FILE, text)
    if path.suffix in (".yaml", ".yml"):
        return _read(path, text)
    raise ConfigError(f"unknown model '{text}'{did_you_mean(text, known)}; `ganzoo models` lists them")


def _read(path: Path, where: str) -> Config:
    """A config from a file, whose parts are there."""
    found = read_yaml(path)
    check_imports(found, where)
    return found


def card(name: str) -> Card:
    """The card of a zoo model, which prints as Markdown.

    Raises:
      ConfigError: the model is unknown, or it has no card.
    """
    from ganzoo.evaluation.card import read_card

    path = _card_path(config(name).name)
    if not path.is_file():
        raise ConfigError(
            f"{config(name).name}: has no card (only trained models have one: ganzoo.list_models(pretrained=True))"
        )
    return read_card(path)


def has_weights(name: str) -> bool:
    """Whether the zoo ships trained weights for a model."""
    return _weights_path(config(name).name).is_file()


def load(model: str | Path, weights: str | Path = "pretrained", step: str | int = "last") -> Model:
    """A model, ready to draw from or to translate with.

    Args:
      model: a zoo name, a run directory, a directory with config.yaml and weights.safetensors, or a YAML file.
      weights: `pretrained` (the zoo's or the run's), `random` (fresh ones), or the path of a `.safetensors` file.
      step: of a run: `last`, `best` (by the metric that `--eval_every` chose by), or the number of a step that has a
        checkpoint.

    Returns:
      A keras.Model subclass (which one depends on the config's scheme) whose generators hold the trained moving
      averages.

    Raises:
      ConfigError: the model is unknown.
      WeightsError: there are no trained weights, or they are damaged; the message names the ways out.
      UsageError: `step` for something that is not a run; Keras has another backend than TensorFlow.
    """
    import_quietly()
    loaded = _load(model, weights, step)
    from ganzoo.models.translation import TranslationModel

    if isinstance(loaded, TranslationModel):
        loaded.trace()
    return loaded


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
        see `ganzoo.data.in_memory.hold`. The config of the run then has the hash of their content, and a run that goes
        on needs them again.

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
        from ganzoo.data.in_memory import settings_for

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
    given = _load(source, "pretrained", "last")
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


def export(
    model: SteppedModel | str | Path,
    directory: str | Path,
    version: int = 1,
    *,
    name: str | None = None,
    format: str = "savedmodel",
    precision: str = "float32",
    overwrite: bool = False,
    allow_untrained: bool = False,
    quiet: bool = False,
) -> Path:
    """Writes `directory/NAME/VERSION/`, by default a SavedModel that TensorFlow Serving loads as it is.

    `ganzoo.exports.signatures` documents the signatures, `ganzoo.exports.bounds` what is refused.
    `assets.extra/` gets the resolved config, the card (of a zoo model that is given by its name), and warm-up requests
    where tensorflow-serving-api is installed. `ganzoo.exports.formats` documents the other formats' files, beside which
    are the config and the card.

    Args:
      model: a model, or what `load` takes.
      directory: the base directory of all models.
      version: an integer of 1 or more.
      name: that servers call it by; by default the config's, which a run shares with the zoo's model.
      format: `savedmodel`; `onnx` or `litert`, for ONNX Runtime or LiteRT.
      precision: that the networks of a SavedModel compute in: `float32`, which gives Python's bytes, or `bfloat16`,
        which is faster where the processor has it, and some grey levels away.
      overwrite: replace a version that is there.
      allow_untrained: export random weights where a zoo model or a YAML file has no others.
      quiet: no notes on stderr.

    Returns:
      The directory of the version.

    Raises:
      UsageError: there is no such format or precision, or a package for it is missing; the version is no integer of 1
        or more, or is there already, or lies beside another in another format.
      ConfigError: the model is unknown.
      WeightsError: there are no trained weights, or they are damaged.
      RunError: it cannot be converted or written; a version that was there stays.
    """
    import_quietly()
    from ganzoo.exports.versions import base_of, check_version, write_version
    from ganzoo.training.progress import note_unless

    note = note_unless(quiet)
    if not isinstance(model, str | Path):
        named: Any = getattr(model, "config", model)  # a model that was put together by hand has no config
        base = base_of(directory, named.name if name is None else name)
        return write_version(model, base, version, format=format, precision=precision, overwrite=overwrite, note=note)
    resolved = config(model)
    base = base_of(directory, resolved.name if name is None else name)
    check_version(base, version, overwrite, format, precision)
    untrained = has_no_weights(model)
    if not allow_untrained:
        check_trained(model, TO_EXPORT)
    if untrained:
        note(f"{resolved.name}: has no trained weights, random ones are exported")
    loaded = _load(model, "random" if untrained else "pretrained", "last")
    card_file = _card_path(resolved.name)
    card = card_file if str(model) in _names() and card_file.is_file() else None
    return write_version(
        loaded, base, version, format=format, precision=precision, overwrite=overwrite, card=card, note=note
    )


def _load(model: str | Path, weights: str | Path, step: str | int) -> SteppedModel:
    resolved = config(model)
    is_folder = str(model) not in _names() and _is_dir(Path(model))
    file = Path(model) / WEIGHTS_FILE
    is_run = is_folder and ((Path(model) / "checkpoints").is_dir() or not file.is_file())
    if step != "last" and not (is_run and str(weights) == "pretrained"):
        raise UsageError(f"step={step!r}: only the weights of a run directory have steps (leave it out)")
    if str(weights) == "random":
        return _build(resolved)
    if str(weights) != "pretrained":
        return _with_file(resolved, Path(weights), None)
    if is_run:
        return _load_run(resolved, Path(model), step)
    if is_folder:
        return _with_file(resolved, file, None)
    check_trained(model)
    return _with_file(resolved, _weights_path(resolved.name), card(resolved.name).weights.sha256)


def has_no_weights(model: str | Path) -> bool:
    """Whether `load` would find no trained weights for a zoo name or a YAML file; a directory is left to `load`."""
    if str(model) in _names():
        return not has_weights(str(model))
    return not _is_dir(Path(model))


def check_trained(model: str | Path, way: str = TO_LOAD) -> None:
    """Refuse a zoo name or a YAML file without trained weights; a directory is left to `load`. Imports no TensorFlow.

    Args:
      model: what `load` takes.
      way: what to do instead, for the message.

    Raises:
      ConfigError: the model is unknown.
      WeightsError: it has no trained weights; the message names the ways out.
    """
    resolved = config(model)
    if has_no_weights(model):
        ways = f"train it (ganzoo train --model {model}), {way}{_others(resolved)}"
        raise WeightsError(f"{resolved.name}: has no trained weights; {ways}")


def _others(resolved: Config) -> str:
    """The models that have weights for the same task, as the end of a sentence."""
    trained = list_models(task=resolved.task, pretrained=True)
    return f", or take one that has them ({', '.join(trained)})" if trained else ""


def _build(resolved: Config, precision: str = "float32") -> SteppedModel:
    from ganzoo.models.build import build

    return build(resolved, precision=precision)


def _with_file(resolved: Config, path: Path, sha256: str | None) -> SteppedModel:
    from ganzoo import weights as files

    arrays = files.read(path, sha256)
    model = _build(resolved)
    files.place(arrays, model.weights_to_ship(), str(path))
    model.adopt_averages()
    return model


def _load_run(resolved: Config, run: Path, step: str | int) -> SteppedModel:
    from ganzoo.training.checkpoints import Checkpoints
    from ganzoo.training.directory import RunDirectory
    from ganzoo.training.evaluating import asked_step

    # as it was trained: what its checkpoint holds depends on it, what is drawn from it does not
    model = _build(resolved, resolved.training.precision)
    restored = Checkpoints(run / "checkpoints").restore(model, asked_step(RunDirectory(run), step))
    if restored is None:
        raise WeightsError(f"{run}: has no checkpoint yet (let it train to its first, or ask for weights='random')")
    return model


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that no file can have
        return False


def _card_path(name: str) -> Path:
    return directory() / "cards" / f"{name}.yaml"


def _weights_path(name: str) -> Path:
    return directory() / "weights" / f"{name}.safetensors"


@cache
def _configs() -> dict[str, Config]:
    return {path.stem: read_yaml(path) for path in sorted(directory().glob("*.yaml"))}


def _names() -> dict[str, str]:
    """Every name and alias -> the name."""
    return {alias: name for name, config in _configs().items() for alias in (name, *config.aliases)}
