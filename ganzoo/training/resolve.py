"""Resolve a config and overrides to the config of a run and its data."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganzoo.data.domains import Domains, open_data
from ganzoo.data.pipeline import Pipeline
from ganzoo.data.source import Source
from ganzoo.data.sources.folder import root_of, sizes_of
from ganzoo.data.sources.in_memory import StreamSource
from ganzoo.data.streaming import StreamPipeline
from ganzoo.errors import ConfigError, DataError
from ganzoo.schema import SHORT_NAMES, Config
from ganzoo.schema.origins import modules_of

FOLDER = "folder:"

_log = logging.getLogger(__name__)


def resolve(
    config: Config,
    settings: Mapping[str, Any],
    *,
    data_dir: str | Path | None = None,
    skip_broken: bool = False,
) -> tuple[Config, Source | Domains]:
    """Return the fully resolved config of a run, and its data.

    A data set in `settings` brings its own licence and, if the model is conditional, its classes; the domains stay the
    config's. Values that the data kind learns from examples (the scales of a table) always come from the data.

    Args:
      config: config of the model.
      settings: dotted keys or short names -> values; None means not given.
      data_dir, skip_broken: as in `train`.

    Raises:
      ConfigError, DataError: as `train`.
    """
    from ganzoo.models.build import scheme_of

    values = completed(config, settings)
    config = config.override(values) if values else config
    other_data = "dataset.name" in values
    dataset = config.dataset
    conditional = scheme_of(config).batch == "labelled"
    _check_stop_rule(config)
    if not conditional or (other_data and "dataset.classes" not in values):
        dataset = dataset.model_copy(update={"classes": 0})  # skips the check
    source = open_data(
        dataset,
        data_dir=data_dir,
        skip_broken=skip_broken,
        seed=config.training.seed,
    )
    found = {f"dataset.{key}": value for key, value in _learned(source).items()}
    found |= {"imports": imports} if (imports := modules_of(config)) != config.imports else {}
    if other_data:
        found |= {"licence.data": f"that of {dataset.name}", "licence.weights": f"depends on {dataset.name}"}
        if conditional and isinstance(source, Source):  # a conditional model has no domains
            found |= _classes(config, source, "dataset.classes" in values)
    return (config.override(found) if found else config), source


def pipeline_of(config: Config, source: Source | Domains, kind: type[Pipeline] = Pipeline) -> Pipeline:
    """Return the pipeline of a config's data; for a stream always a `StreamPipeline`."""
    kind = StreamPipeline if isinstance(source, StreamSource) else kind
    training, dataset = config.training, config.dataset
    size = dataset.size if dataset.domains else None
    return kind(source, training.batch_size, training.seed, dataset.augment, size)


def _check_stop_rule(config: Config) -> None:
    """Refuse a stop rule with a loss that has no equilibrium value. Models trained so by an older ganzoo still load.

    Raises:
      ConfigError: if that is the case.
    """
    if config.training.stop_when is None or config.loss is None:
        return
    from ganzoo.objectives import parts  # imports TensorFlow

    if getattr(parts.loss(config.loss.model_dump()), "equilibrium", None) is None:
        raise ConfigError(
            f"{config.name}: training.stop_when: expected a loss with one equilibrium value, got {config.loss.name} "
            "(use minimax, non_saturating or least_squares, or remove stop_when)"
        )


def overridden(config: Config, settings: Mapping[str, Any]) -> Config:
    """Return the config with the overrides, before its data are opened.

    Raises:
      ConfigError: as `Config.override`.
    """
    values = completed(config, settings)
    return config.override(values) if values else config


def completed(config: Config, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the overrides by dotted key, with those that follow from them; of a complete one, itself.

    A folder of images brings its size and channels, from their headers, and its name; a model for folders, such as
    `own_64` or a run on one, keeps its size.
    """
    values = long_names(settings)
    if str(values.get("dataset.name", "")).startswith(FOLDER) and not config.dataset.domains:
        values = _own_folder(config, values)
    if config.dataset.fields and values.keys() & {"dataset.name", "dataset.columns"}:
        values = {"dataset.fields": [], **values}  # drops those of the replaced data
    return values


def _own_folder(config: Config, values: dict[str, Any]) -> dict[str, Any]:
    """Complete the overrides for a folder: size and channels of its images, unless given, and a name (`dcgan_pets`)."""
    dataset = config.dataset.model_copy(update={"name": str(values["dataset.name"])})
    slug = re.sub(r"[^a-z0-9]+", "_", root_of(dataset).resolve().name.lower()).strip("_")
    found: dict[str, Any] = {"name": f"{(config.aliases or [config.name])[0]}_{slug}"} if slug else {}
    made_for_folders = config.dataset.name.startswith(FOLDER)
    if dataset.kind == "image" and not made_for_folders and not {"dataset.size", "dataset.channels"} <= values.keys():
        found |= {f"dataset.{key}": value for key, value in sizes_of(dataset).items()}
    return found | values


def described(config: Config, source: Source | Domains) -> str:
    """Describe the training data: `64x64x3, 5 classes, 1,500 images`."""
    shape = "x".join(map(str, config.dataset.example_shape))
    if isinstance(source, Domains):
        counts = ", ".join(f"{one.length or 0:,} of {domain}" for domain, one in source.sources.items())
        return f"{shape}, images: {counts}"
    classes = [f"{len(source.class_names)} classes"] if source.class_names else []
    number = "endless" if source.length is None else f"{source.length:,}"
    return ", ".join([shape, *classes, f"{number} {source.kind.plural}"])


def left_out(source: Source | Domains) -> list[str]:
    """Return a line for each file that is left out of the data."""
    sources = source.sources.values() if isinstance(source, Domains) else [source]
    return [line for one in sources for line in one.left_out]


def long_names(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings by dotted key, without None."""
    return {SHORT_NAMES.get(key, key): value for key, value in settings.items() if value is not None}


def with_ends(config: Config) -> Config:
    """Return the config with the end of each schedule, which must not move with the steps on a resume."""
    ends = {
        f"{key}.end": schedule.end_of(config.training.steps)
        for key, schedule in config.schedules.items()
        if schedule.end is None
    }
    return config.override(ends) if ends else config


def warn_of_ended_schedules(asked: Config, decided: Config) -> None:
    """Log which schedules, whose end was not asked for, ended before the last step because a run began shorter."""
    steps = decided.training.steps
    for key, schedule in decided.schedules.items():
        if asked.schedules[key].end is None and schedule.end is not None and schedule.end < steps:
            _log.warning(
                "%s: %s ended at step %d, the run's last one when it began (for a schedule of %d steps begin again in "
                "another folder, --workdir)",
                decided.name,
                key,
                schedule.end,
                steps,
            )


def _learned(source: Source | Domains) -> dict[str, Any]:
    """Return the values that the data kind learns from the examples, as keys of `dataset`."""
    return source.kind.learned if isinstance(source, Source) else {}


def _classes(config: Config, source: Source, given: bool) -> dict[str, Any]:
    """Return the classes of the requested data set, as overrides.

    Raises:
      DataError: a conditional model has fewer than two.
    """
    names = source.class_names
    if len(names) < 2:
        raise DataError(
            f"{source.name}: expected two or more classes for {config.name}, got {len(names) or 'none'} "
            "(each subfolder with images is one; or train a model without labels: --model dcgan)"
        )
    return {"dataset.class_names": list(names)} | ({} if given else {"dataset.classes": len(names)})
