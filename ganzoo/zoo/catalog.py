"""What the zoo has: a name -> its config, its card, its weights file. Imports no TensorFlow."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ganzoo.errors import ConfigError, WeightsError, did_you_mean
from ganzoo.schema import Config, read_yaml
from ganzoo.schema.origins import check_imports
from ganzoo.training.directory import CONFIG_FILE

if TYPE_CHECKING:
    from ganzoo.evaluation.card import Card

TO_LOAD = "load a run directory, or ask for random ones (in Python: weights='random')"
TO_EXPORT = "export a run directory, or allow random ones (allow_untrained, --allow_untrained)"


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
    known = names()
    if text in known:
        return _configs()[known[text]]
    path = Path(text)
    if is_directory(path):
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

    path = card_path(config(name).name)
    if not path.is_file():
        raise ConfigError(
            f"{config(name).name}: has no card (only trained models have one: ganzoo.list_models(pretrained=True))"
        )
    return read_card(path)


def has_weights(name: str) -> bool:
    """Whether the zoo ships trained weights for a model."""
    return weights_path(config(name).name).is_file()


def has_no_weights(model: str | Path) -> bool:
    """Whether `load` would find no trained weights for a zoo name or a YAML file; a directory is left to `load`."""
    if str(model) in names():
        return not has_weights(str(model))
    return not is_directory(Path(model))


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


def directory() -> Path:
    """Where the zoo's configs are: inside an installed package, beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "zoo_configs"
    return inside if inside.is_dir() else package.parent / "zoo_configs"


def card_path(name: str) -> Path:
    return directory() / "cards" / f"{name}.yaml"


def weights_path(name: str) -> Path:
    return directory() / "weights" / f"{name}.safetensors"


def is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that no file can have
        return False


@cache
def _configs() -> dict[str, Config]:
    return {path.stem: read_yaml(path) for path in sorted(directory().glob("*.yaml"))}


def names() -> dict[str, str]:
    """Every name and alias -> the name."""
    return {alias: name for name, config in _configs().items() for alias in (name, *config.aliases)}
