"""Evaluate a zoo model, a run, an export, a folder or an array against real examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo.core.start import import_quietly
from ganzoo.data import kinds
from ganzoo.data.open import check_available
from ganzoo.errors import UsageError
from ganzoo.evaluation import exported, folders
from ganzoo.evaluation.evaluate import (
    DEFAULT_METRICS,
    DEFAULT_SAMPLES,
    Evaluator,
    check_metrics,
    default_features,
    needs,
    uncomputable,
)
from ganzoo.evaluation.examples import Examples, from_array, from_model, held_out_of, of_dataset
from ganzoo.evaluation.extractors.extractor import EXTRACTORS
from ganzoo.evaluation.result import Evaluation
from ganzoo.evaluation.translations import Translation, default_metrics, open_translation, translated
from ganzoo.schema import Config, DatasetConfig
from ganzoo.zoo import catalog
from ganzoo.zoo.load import found, load
from ganzoo.zoo.translate import check_domain

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ganzoo.models.generative import GenerativeModel
    from ganzoo.models.translation import TranslationModel


def evaluate(
    model: GenerativeModel | TranslationModel | str | Path | ArrayLike,
    metrics: Iterable[str] | str | None = None,
    num_samples: int | None = None,
    *,
    to: str | None = None,
    real: str | ArrayLike | None = None,
    features: str | None = None,
    step: str | int = "last",
    seed: int = 0,
    truncation: float = 1.0,
    size: int | None = None,
    thorough: bool = False,
    files: Sequence[str] | None = None,
    data_dir: str | Path | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> Evaluation:
    """Measure how close generated examples are to real ones.

    A translation model is evaluated on test images of one domain: their translations are compared with all images of
    the other.

    Args:
      model: a model; a zoo name, run directory, YAML file or export (SavedModel); `folder:PATH`; or examples: uint8
        `[n, H, W, C]`, floats in [-1, 1] of that shape, or points `[n, columns]`; table rows and sequences if `real`
        names a data set of them.
      metrics: metric names, as a list or comma-separated; `ganzoo evaluate --list` lists them. By default
        `DEFAULT_METRICS` that can be computed from so many examples, or `translations.default_metrics` for
        translations.
      num_samples: number of samples and largest number of real examples, 10,000 by default; for translations, the
        largest number of them. Folders are used whole by default, arrays always.
      to: domain to translate to; by default the first that the model makes.
      real: `folder:PATH`, an array, or the name of a data set (of the model's size and channels); by default the
        training data of the model. For translations, a data set with the same domains.
      features: name of the feature extractor; by default one that fits the data.
      step: checkpoint of a run: `last`, `best`, or a number.
      seed: seed of the samples and of the metrics' random draws.
      truncation: as for `generate`.
      size: side to crop and resize the images of folders to; for translations, that of the real images that they are
        compared with (by default the model's size).
      thorough: as for a card: compute standard errors by half-sampling too, and compare with held-out examples of the
        data set, both the generated and as many real training examples (the floor).
      files: for translations, image files to take, relative to the data set's folder, and no others.
      data_dir: folder of the data sets.
      note: receives progress messages.

    Returns:
      Dict of metric name with extractor -> value, with `.spread`, `.held_out`, `.floor`, `.protocol` and `.describe()`.

    Raises:
      ConfigError, DataError, UsageError, WeightsError: one line that names the thing, the value and the mend.
    """
    if num_samples is not None and num_samples < 2:
        raise UsageError(f"num_samples: expected 2 or more, got {num_samples} (use 10,000 for meaningful figures)")
    config = _config_of(model)
    count = num_samples or DEFAULT_SAMPLES
    asked = metrics.split(",") if isinstance(metrics, str) else metrics if metrics is None else list(metrics)
    translates = config is not None and config.offers("translate")
    if asked is not None:
        check_metrics(asked, translates=translates)
    if features is not None:
        EXTRACTORS.check(features)
    if config is not None and translates:
        if truncation != 1.0:
            raise UsageError(f"truncation={truncation}: {config.name} translates and draws nothing (leave it out)")
        check_domain(config, to)
        config = _with_data(config, real)
        _check_there(model, real, config, step, data_dir)
        translator: Any = load(model, step=step) if isinstance(model, str | Path) else model
        to = translator.check_domain(to)
        translation = open_translation(config, to, count, size=size, seed=seed, data_dir=data_dir, files=files)
        return _of_translation(translator, config, asked, translation, features, seed, thorough, note)
    if to is not None and isinstance(model, str | Path) and exported.is_export(model):
        raise UsageError(
            f"to={to}: exports that translate cannot be evaluated, got {model} (name the zoo model or run)"
        )
    if to is not None:
        raise UsageError(f"to={to}: {_name_of(model)} does not translate (leave it out)")
    names = list(DEFAULT_METRICS if asked is None else asked)
    if not all(isinstance(each, str | Path) and _is_folder(each) for each in (model, real)):
        _check_there(model, real, config, step, data_dir)
        import_quietly()
    of_folder = {"size": size, "count": num_samples, "seed": seed}
    real_examples, dataset = _real(real, model, config, count, of_folder, data_dir)
    held_out = None
    if dataset is not None and (thorough or needs(names, "held_out")):
        held_out = held_out_of(dataset, count, seed=seed, data_dir=data_dir)
    drawn, drawer = _fake(model, config, count, real_examples, step, seed, truncation, of_folder)
    if drawer is None:  # a model draws for some metrics itself, in its own mode
        real_examples, drawn = folders.in_one_mode(real_examples, drawn)
    folders.check_alike(real_examples, drawn)  # before the long work
    chosen = features or (default_features(dataset) if dataset else real_examples.kind.default_features())
    fewest = min(real_examples.count, drawn.count)
    left_out = uncomputable(names, fewest) if asked is None else []
    names = [name for name in names if name not in left_out]
    import_quietly()
    evaluator = Evaluator(real_examples, chosen, names, held_out=held_out, seed=seed, thorough=thorough, note=note)
    found = evaluator(drawn, drawer)
    if left_out:
        found.protocol["warnings"].append(f"{', '.join(left_out)}: left out, as they need more than {fewest} examples")
    return found


def _of_translation(
    model: TranslationModel,
    config: Config,
    metrics: Iterable[str] | None,
    translation: Translation,
    features: str | None,
    seed: int,
    thorough: bool,
    note: Callable[[str], None],
) -> Evaluation:
    """Compare translations to one domain with its real images."""
    to, chosen = translation.to, features or default_features(config.dataset, translation.to)
    names = default_metrics(translation) if metrics is None else metrics
    target, given = translation.target, translation.given
    evaluator = Evaluator(target, chosen, names, translation=translation, seed=seed, thorough=thorough, note=note)
    note(f"{model.name}: translating {given.count:,} images of {given.name} to {to}")
    return evaluator(translated(model, given, to), translator=model)


def _with_data(config: Config, real: Any) -> Config:
    """Return the config of a translation model with its data set replaced by `real`, if given."""
    if real is None:
        return config
    if not isinstance(real, str | Path):
        raise UsageError(f"real: expected a data set of two domains for {config.name}, got an array (give folder:PATH)")
    return config.override({"dataset.name": str(real)})


def _name_of(model: Any) -> str:
    return str(model) if isinstance(model, str | Path) else getattr(model, "name", "an array")


def _config_of(model: Any) -> Config | None:
    """Return the config of what is evaluated; None for folders, exports and arrays."""
    if isinstance(model, str | Path):
        return None if _is_folder(model) or exported.is_export(model) else catalog.config(model)
    import_quietly()
    from ganzoo.models.generative import GenerativeModel
    from ganzoo.models.translation import TranslationModel

    if isinstance(model, TranslationModel) and not hasattr(model, "config"):
        raise UsageError(f"{model.name}: has no config that names its data (build it from one, or load it by name)")
    return getattr(model, "config", None) if isinstance(model, GenerativeModel | TranslationModel) else None


def _check_there(model: Any, real: Any, config: Config | None, step: str | int, data_dir: str | Path | None) -> None:
    """Refuse weights and data that are not there, before TensorFlow starts."""
    if isinstance(model, str | Path) and config is not None:
        found(model, step=step)
    if config is None and real is None:
        raise UsageError("real: missing (give real examples to compare with: folder:PATH or a data set's name)")
    if config is not None and (real is None or config.offers("translate")):
        check_available(config.dataset, data_dir=data_dir)
    elif isinstance(real, str | Path) and _is_folder(real):
        folders.listing(str(real))
    elif isinstance(real, str | Path) and config is not None:
        check_available(_named(config, real), data_dir=data_dir)
    elif isinstance(real, str | Path) and not (isinstance(model, str | Path) and exported.is_export(model)):
        raise UsageError(f"real: {real}: a data set by name needs a model that gives its size (give folder:PATH)")


def _named(config: Config, real: str | Path) -> DatasetConfig:
    return config.override({"dataset.name": str(real), "dataset.split": "train"}).dataset


def _real(
    real: Any, model: Any, config: Config | None, count: int, of_folder: dict[str, Any], data_dir: str | Path | None
) -> tuple[Examples, DatasetConfig | None]:
    """Return the real examples, and their data set if they come from one."""
    if real is None:
        assert config is not None, "checked before"
        return of_dataset(config.dataset, count, seed=of_folder["seed"], data_dir=data_dir), config.dataset
    if not isinstance(real, str | Path):
        return from_array("real", real, kinds.of(config.dataset) if config else None), None
    if _is_folder(real):
        own = {"size": of_folder["size"] or config.dataset.size, "channels": config.dataset.channels} if config else {}
        return folders.from_folder(str(real), **(of_folder | own)), None
    dataset = _drawn_by(model, str(real)) if config is None else _named(config, real)
    return of_dataset(dataset, count, seed=of_folder["seed"], data_dir=data_dir), dataset


def _fake(
    model: Any,
    config: Config | None,
    count: int,
    real: Examples,
    step: str | int,
    seed: int,
    truncation: float,
    of_folder: dict[str, Any],
) -> tuple[Examples, GenerativeModel | None]:
    labels = real.labels
    if isinstance(model, str | Path):
        if _is_folder(model):
            return folders.from_folder(str(model), **of_folder), None
        if config is None:
            drawn = exported.from_export(model, count, labels=labels, seed=seed, truncation=truncation)
            return drawn, None
        model = load(model, step=step)
    from ganzoo.models.generative import GenerativeModel

    if isinstance(model, GenerativeModel):
        fitting = labels if labels is not None and model.classes > int(labels.max()) else None
        return from_model(model, count, labels=fitting, seed=seed, truncation=truncation), model
    return from_array("fake", model, real.kind), None


def _drawn_by(export: str | Path, data: str) -> DatasetConfig:
    """Return the config of the data set `data`, with examples of the kind and shape that an export draws."""
    kind = exported.kind_of(export)
    return DatasetConfig.model_validate({"name": data, "kind": kind.name, **kind.sizes})


def _is_folder(name: str | Path) -> bool:
    return str(name).startswith("folder:")
