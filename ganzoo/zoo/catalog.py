"""Catalog of the zoo: configs, cards and weights files by model name. Imports no TensorFlow."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.errors import ConfigError, UsageError, WeightsError, did_you_mean
from ganzoo.schema import TASKS, TRANSLATION, Config, read_yaml
from ganzoo.schema.origins import check_imports
from ganzoo.training.directory import CONFIG_FILE

if TYPE_CHECKING:
    from ganzoo.evaluation.card import Card

TO_LOAD = "load a run directory, or ask for random ones (in Python: weights='random')"
TO_EXPORT = "export a run directory, or allow random ones (allow_untrained, --allow_untrained)"


def list_models(task: str | None = None, pretrained: bool | None = None) -> list[str]:
    """Return the names of the zoo's models, sorted.

    Args:
      task: task of the models to list (`image_generation`, …); None lists all.
      pretrained: True lists only models with weights, False only those without; None lists all.

    Raises:
      UsageError: there is no such task.
    """
    tasks = [*TASKS.values(), TRANSLATION]
    if task is not None and task not in tasks:
        raise UsageError(f"task: unknown task '{task}'{did_you_mean(str(task), tasks)}")
    return [
        name
        for name, config in _configs().items()
        if (task is None or config.task == task) and (pretrained is None or has_weights(name) == pretrained)
    ]


def config(name: str | Path) -> Config:
    """Return the config of a zoo model (by name or alias), a YAML file or a run directory.

    Raises:
      ConfigError: no such model or file exists, or it does not fit the schema.
    """
    text = str(name)
    known = names()
    if text in known:
        return _configs()[known[text]]
    path = Path(text)
    if is_directory(path):
        if not (path / CONFIG_FILE).is_file():
            raise ConfigError(f"{text}: not a run directory ({CONFIG_FILE} is missing)")
        return _read(path / CONFIG_FILE, text)
    if path.suffix in (".yaml", ".yml"):
        return _read(path, text)
    raise ConfigError(f"unknown model '{text}'{did_you_mean(text, known)}; `ganzoo models` lists them")


def _read(path: Path, where: str) -> Config:
    """Read a config from a file and check that its parts are registered."""
    found = read_yaml(path)
    check_imports(found, where)
    return found


def card(name: str) -> Card:
    """Return the card of a zoo model; it prints as Markdown.

    Raises:
      ConfigError: the model is unknown, or it has no card.
    """
    from ganzoo.evaluation.card import read_card

    path = card_path(config(name).name)
    if not path.is_file():
        raise ConfigError(
            f"{config(name).name}: has no card (only trained models have one: ganzoo.list_models(pretrained=True))"
        )
    return read_card(path)


def has_weights(name: str) -> bool:
    """Return whether the zoo ships trained weights for a model."""
    return weights_path(config(name).name).is_file()


def has_no_weights(model: str | Path) -> bool:
    """Return whether a zoo name or YAML file lacks trained weights; `load` checks directories itself."""
    if str(model) in names():
        return not has_weights(str(model))
    return not is_directory(Path(model))


def check_trained(model: str | Path, way: str = TO_LOAD) -> None:
    """Refuse a zoo name or YAML file without trained weights; `load` checks directories. Imports no TensorFlow.

    Args:
      model: zoo name, YAML file or directory, as for `load`.
      way: alternative to training, for the error message.

    Raises:
      ConfigError: the model is unknown.
      WeightsError: it has no trained weights; the message lists the alternatives.
    """
    resolved = config(model)
    if has_no_weights(model):
        data = " --dataset folder:PATH" if resolved.dataset.name == "folder:" else ""
        ways = f"train it (ganzoo train --model {model}{data}), {way}{_others(resolved)}"
        raise WeightsError(f"{resolved.name}: has no trained weights; {ways}")


def _others(resolved: Config) -> str:
    """Return the models with weights for the same task, as the end of a sentence."""
    trained = list_models(task=resolved.task, pretrained=True)
    return f", or take one that has them ({', '.join(trained)})" if trained else ""


def directory() -> Path:
    """Return the folder of the zoo's configs: inside an installed package, beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "zoo_configs"
    return inside if inside.is_dir() else package.parent / "zoo_configs"


def card_path(name: str) -> Path:
    return directory() / "cards" / f"{name}.yaml"


def files_path(name: str) -> Path:
    """Return the list of image files that a card's numbers are computed with."""
    return directory() / "cards" / f"{name}.txt"


def weights_path(name: str) -> Path:
    return directory() / "weights" / f"{name}.safetensors"


def is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # not a valid file name
        return False


@cache
def _configs() -> dict[str, Config]:
    return {path.stem: read_yaml(path) for path in sorted(directory().glob("*.yaml"))}


def names() -> dict[str, str]:
    """Return every name and alias -> name."""
    return {alias: name for name, config in _configs().items() for alias in (name, *config.aliases)}
