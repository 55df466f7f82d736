"""Load a model by name, or from a run, a directory or a YAML file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ganzoo.core import weights as files
from ganzoo.core.start import import_quietly
from ganzoo.errors import UsageError, WeightsError
from ganzoo.schema import Config
from ganzoo.schema.origins import check_names
from ganzoo.training.checkpoints import STATE, Checkpoints
from ganzoo.training.directory import RunDirectory, asked_step
from ganzoo.zoo.catalog import card, check_trained, config, is_directory, names, weights_path

if TYPE_CHECKING:
    from ganzoo.engine.stepped import SteppedModel
    from ganzoo.models.protocol import Model

WEIGHTS_FILE = "weights.safetensors"  # in the directory of an imported model
# A config may have this many numbers in its networks, plus this many times those of the weights file.
MOST_UNSHIPPED, MOST_TIMES = 2**26, 10


def load(model: str | Path, weights: str | Path = "pretrained", step: str | int = "last") -> Model:
    """Return a model, ready to generate or translate.

    Args:
      model: a zoo name, a run directory, a directory with config.yaml and weights.safetensors, or a YAML file.
      weights: `pretrained` (the zoo's or the run's), `random`, or the path of a `.safetensors` file.
      step: checkpoint of a run: `last`, `best` (by the metric that `--eval_every` monitored), or its step.

    Returns:
      A keras.Model subclass (which one depends on the config's scheme). Its generators hold the moving averages of the
      trained weights.

    Raises:
      ConfigError: the model is unknown.
      WeightsError: there are no trained weights, or they are damaged; the message lists the alternatives.
      UsageError: `step` is given for something other than a run; Keras has another backend than TensorFlow.
    """
    build = found(model, weights, step)
    import_quietly()
    loaded = build()
    from ganzoo.models.translation import TranslationModel

    if isinstance(loaded, TranslationModel):
        loaded.trace()
    return loaded


def found(
    model: str | Path, weights: str | Path = "pretrained", step: str | int = "last"
) -> Callable[[], SteppedModel]:
    """Find a model without TensorFlow; return a function that builds it. Arguments and errors are those of `load`."""
    resolved = config(model)
    check_names(resolved)
    is_folder = str(model) not in names() and is_directory(Path(model))
    file = Path(model) / WEIGHTS_FILE
    is_run = is_folder and ((Path(model) / "checkpoints").is_dir() or not file.is_file())
    if step != "last" and not (is_run and str(weights) == "pretrained"):
        raise UsageError(f"step={step!r}: expected a run directory, got {model} (leave step out)")
    if str(weights) == "random":
        return partial(_build, resolved)
    if str(weights) == "pretrained" and is_run:
        return _run_found(resolved, Path(model), step)
    if str(weights) == "pretrained" and not is_folder:
        check_trained(model)
        path = weights_path(resolved.name)
        return partial(_with, resolved, files.read(path, card(resolved.name).weights.sha256), path)
    path = file if str(weights) == "pretrained" else Path(weights)
    return partial(_with, resolved, files.read(path), path, foreign=True)


def _build(resolved: Config, precision: str = "float32") -> SteppedModel:
    from ganzoo.models.build import build
    from ganzoo.models.compositions import warned

    with warned():
        return build(resolved, precision=precision)


def _with(resolved: Config, arrays: Mapping[str, np.ndarray], path: Path, *, foreign: bool = False) -> SteppedModel:
    if foreign:  # its config may ask for more memory than its weights
        from ganzoo.models.build import outlined

        outline = outlined(resolved)
        shapes = {name: array.shape for name, array in arrays.items()}
        files.check_shapes(shapes, outline.weights_to_ship(), str(path))
        _check_size(shapes, outline, path)
    model = _build(resolved)
    files.place(arrays, model.weights_to_ship(), str(path))
    model.adopt_averages()
    return model


def _check_state(resolved: Config, paths: Iterable[Path]) -> None:
    """Refuse a run whose config has other networks than the first whole file of these, before building them."""
    from ganzoo.models.build import outlined

    shapes, path = {}, Path()
    for path in paths:
        try:
            shapes = files.shapes(path)
            break
        except WeightsError:
            continue  # absent or damaged: restoring says so
    outline = outlined(resolved)
    shared = {name: variable for name, variable in outline.state().items() if name in shapes}
    files.check_shapes({name: shapes[name] for name in shared}, shared, str(path))
    _check_size(shapes, outline, path)


def _check_size(shapes: Mapping[str, tuple[int, ...]], outline: SteppedModel, path: Path) -> None:
    """Refuse a config whose networks in all are far larger than the file, which may lack some (a discriminator)."""
    there = sum(map(math.prod, shapes.values()))
    wanted = sum(math.prod(variable.shape) for variable in outline.state().values())
    if wanted > MOST_UNSHIPPED + MOST_TIMES * there:
        raise WeightsError(
            f"{path}: made for other networks (those of the config have {wanted:,} numbers, the file {there:,})"
        )


def _run_found(resolved: Config, run: Path, step: str | int) -> Callable[[], SteppedModel]:
    checkpoints, asked = Checkpoints(run / "checkpoints"), asked_step(RunDirectory(run), step)
    if not checkpoints.steps():
        raise WeightsError(f"{run}: has no checkpoint yet (train to the first one, or pass weights='random')")
    if asked != "last":
        checkpoints.check_there(asked)
    return partial(_of_run, resolved, checkpoints, asked)


def _of_run(resolved: Config, checkpoints: Checkpoints, asked: str | int) -> SteppedModel:
    steps = [asked] if isinstance(asked, int) else sorted(checkpoints.steps(), reverse=True)
    _check_state(resolved, [checkpoints.path(number) / STATE for number in steps])
    # with the run's precision, which its checkpoint depends on
    model = _build(resolved, resolved.training.precision)
    checkpoints.restore(model, asked)
    return model
