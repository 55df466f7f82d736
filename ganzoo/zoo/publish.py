"""Publish finished runs in the zoo: weights in float16 and a card with measured numbers."""

from __future__ import annotations

import platform
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ganzoo.core import files, weights
from ganzoo.data.domains import list_hash
from ganzoo.data.open import check_available
from ganzoo.errors import UsageError
from ganzoo.evaluation.card import (
    Card,
    EvaluationRecord,
    Figure,
    FilesRecord,
    HeldOutRecord,
    Metric,
    OverSeeds,
    Stage,
    TrainingRecord,
    WeightsRecord,
)
from ganzoo.evaluation.evaluate import default_features
from ganzoo.evaluation.metrics.metric import Value
from ganzoo.evaluation.result import Evaluation
from ganzoo.schema import Config
from ganzoo.training.directory import RunDirectory
from ganzoo.zoo import catalog
from ganzoo.zoo.evaluate import evaluate
from ganzoo.zoo.load import load
from ganzoo.zoo.verify import real_name

METRICS = ("fid", "kid", "precision", "recall", "density", "coverage", "memorisation", "copies")
OF_CLASSES = ("inception_score", "mode_coverage")  # for extractors that classify
OF_LABELS = ("label_accuracy", "class_diversity", "class_diversity_least")  # for conditional models too
SAMPLES = 10_000
# How far a figure may differ on another machine, whose rounding changes some pixels: relative, and at least.
TOLERANCE = 0.02
LEAST_TOLERANCE = {"kid": 5e-4, "fid": 0.02, "copies": 0.001, "cycle_error": 5e-4, "translation_error": 5e-4}
LEAST_TOLERANCE |= dict.fromkeys(("taken_for_target", "untouched_taken", "classifier_accuracy"), 0.02)  # 1 image of 60
LEAST_TOLERANCE_ELSE = 0.005

Measured = dict[str | None, Evaluation]  # by target domain; None for a model that draws


def publish(
    run_directory: str | Path,
    *,
    command: str,
    intended_use: str,
    limits: str,
    hardware: str,
    others: Sequence[str | Path] = (),
    average: Mapping[int, float] | None = None,
    data_dir: str | Path | None = None,
) -> Card:
    """Write `weights/NAME.safetensors` and `cards/NAME.yaml` of a run's model into the zoo.

    Image files that the numbers are measured with are listed in `cards/NAME.txt`. The numbers are measured with the
    float16 weights, read back from a file. The training time covers all sessions that ended by themselves or by a
    signal; a killed session is not recorded.

    Args:
      run_directory: finished run of a zoo model.
      command: command that started the run, for the card.
      intended_use, limits, hardware: sentences for the card.
      others: finished runs of the same config with other seeds; the card gives mean and deviation over all runs.
      average: step -> weight, to ship the weighted mean of these checkpoints, which every run must have, instead of the
        last one. Source: Izmailov et al. 2018, arXiv:1803.05407.
      data_dir: folder of the data sets, for data that are not embedded.

    Raises:
      DataError: the data for the numbers are not available.
      UsageError: the run's config is not the zoo's; a run is not finished; another run differs in more than its seed;
        or `average` is given for a network with batch normalisation. Nothing is written.
    """
    run = RunDirectory(run_directory)
    config = catalog.config(run.path)
    if not _same(run.decided(catalog.config(config.name)), config):
        raise UsageError(f"{run.path}: expected the config of zoo_configs/{config.name}.yaml, got another one")
    check_available(config.dataset, data_dir=data_dir)
    sessions = _sessions(run)
    seeds = [config.training.seed, *(_seed_of(RunDirectory(other), config) for other in others)]
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"{config.name}: expected runs of different seeds, got {seeds}")
    speeds = [record["images_per_second"] for record in run.read_losses() if "images_per_second" in record]
    with tempfile.TemporaryDirectory() as folder:
        drafts = [
            _draft(path, Path(folder) / f"{i}.safetensors", average) for i, path in enumerate([run.path, *others])
        ]
        measured = [
            measure(load(config.name, weights=draft), data_dir, thorough=draft == drafts[0]) for draft in drafts
        ]
        content, sha256 = drafts[0].read_bytes(), weights.sha256(drafts[0])
        parameters = sum(int(array.size) for array in weights.read(drafts[0]).values())
    log = run.read_log()
    begun = next((record["from"] for record in log if record.get("event") == "initialised"), "random weights")
    trained_on = dict.fromkeys(record["trained_on"] for record in log if record.get("event") == "data")
    commits = [record["commit"] for record in log if record.get("event") == "data" and record.get("commit")]
    stage = Stage(
        command=command,
        commit=commits[-1] if commits else None,
        steps=sessions[-1]["step"],
        start=begun,
        average=dict(average) if average else None,
    )
    card = Card(
        name=config.name,
        summary=config.summary,
        source=config.source,
        intended_use=intended_use,
        limits=limits,
        licence=config.licence,
        training=TrainingRecord(
            stages=[stage],
            data="; ".join(trained_on) or None,
            seeds=seeds,
            hardware=f"{hardware}, {platform.system()}, Python {platform.python_version()}",
            wall_time=round(sum(record["seconds"] for record in sessions), 1),
            images_per_second=round(float(np.median(speeds)), 1),
            peak_memory_gib=max(record["peak_memory_gib"] for record in sessions),
        ),
        **numbers_of(measured),
        weights=WeightsRecord(sha256=sha256, dtype="float16", parameters=parameters),
    )
    files.write_bytes(catalog.weights_path(config.name), content)
    write_card(card, measured[0])
    return card


def write_card(card: Card, measured: Measured) -> None:
    """Write a card into the zoo, with the list of image files that it was measured with, if there are any."""
    text = yaml.safe_dump(card.to_dict(), sort_keys=False, allow_unicode=True, width=120)
    files.write_text(catalog.card_path(card.name), text)
    if listed := _files(measured):
        files.write_text(catalog.files_path(card.name), "".join(f"{name}\n" for name in listed))


def _sessions(run: RunDirectory) -> list[dict[str, Any]]:
    """Return the log entries that end the sessions of a finished run."""
    sessions = [record for record in run.read_log() if "seconds" in record and "peak_memory_gib" in record]
    if not sessions or sessions[-1]["event"] != "finished":
        raise UsageError(f"{run.path}: expected a finished run (repeat its command to resume it)")
    return sessions


def _seed_of(run: RunDirectory, config: Config) -> int:
    """Return the seed of another run, which must differ in nothing else."""
    _sessions(run)
    other = catalog.config(run.path)
    if not _same(other.override({"training.seed": config.training.seed}), config):
        raise UsageError(f"{run.path}: differs from the first run in more than its seed")
    return other.training.seed


def _same(one: Config, other: Config) -> bool:
    """Return whether two configs train the same model, however often they evaluate."""
    return one == other.model_copy(update={"evaluation": one.evaluation})


def _draft(run: str | Path, path: Path, average: Mapping[int, float] | None) -> Path:
    """Write the run's weights as they would be shipped, and return the file."""
    parts: Mapping[Any, float] = average or {"last": 1.0}
    models: list[Any] = [load(run, step=step) for step in parts]
    first, *others = shipped = [model.weights_to_ship() for model in models]
    statistics = [name for name in first if "/moving_" in name]
    if statistics and others:
        raise UsageError(f"average: expected a network without batch statistics, got {statistics[0]} (leave it out)")
    shares = np.array(list(parts.values())) / sum(parts.values())
    arrays = {}
    for name in first:
        values = [np.float64(variables[name].numpy()) for variables in shipped]
        arrays[name] = np.tensordot(shares, values, axes=1).astype(np.float16)
    weights.write(path, arrays, {"name": models[0].name})
    return path


def measure(model: Any, data_dir: str | Path | None, *, thorough: bool = True) -> Measured:
    """Compute the numbers of a model's card."""
    config, measured = model.config, partial(evaluate, model, data_dir=data_dir, thorough=thorough)
    if config.offers("translate"):
        return {to: measured(None, SAMPLES, to=to) for to in model.translators}
    features = default_features(config.dataset)
    judged = features in ("mnist_cnn", "fashion_cnn")  # these classify the classes of the data
    metrics = METRICS + (OF_CLASSES if judged else ()) + (OF_LABELS if judged and model.classes else ())
    return {None: measured(metrics, SAMPLES, features=features)}


def numbers_of(measured: Sequence[Measured]) -> dict[str, Any]:
    """Return the parts of a card that are measured: of the first model, with mean and deviation over all."""
    first, listed = measured[0], _files(measured[0])
    evaluation, *reverse = (_record(to, found) for to, found in first.items())
    folders = Counter(name.partition("/")[0] for name in listed)
    return {
        "files": FilesRecord(folders=dict(folders), sha256=list_hash(listed)) if listed else None,
        "evaluation": evaluation,
        "reverse": reverse[0] if reverse else None,
        "metrics": [_metric(to, key, [each[to] for each in measured]) for to, found in first.items() for key in found],
    }


def _files(measured: Measured) -> tuple[str, ...]:
    return next(iter(measured.values())).files


def _record(to: str | None, found: Evaluation) -> EvaluationRecord:
    protocol = found.protocol
    unseen = protocol["held_out"]
    held_out = HeldOutRecord(real=real_name(unseen), real_count=unseen["count"], compared=unseen["compared"])
    return EvaluationRecord(
        features=protocol["features"],
        features_sha256=protocol["features_sha256"],
        features_trained_on=protocol.get("features_trained_on"),
        real=real_name(protocol["real"]),
        real_count=protocol["real"]["count"],
        num_samples=protocol["fake"]["count"],
        held_out=held_out,
        seed=protocol["seed"],
        to=to,
    )


def _metric(to: str | None, key: str, measured: Sequence[Evaluation]) -> Metric:
    """Return one number of the card: the first evaluation's, with mean and deviation over the seeds."""
    first = measured[0]
    name = key.removesuffix(f"_{first.protocol['features']}")
    values = [evaluation[key] for evaluation in measured]
    over_seeds = None
    if len(values) > 1:
        over_seeds = OverSeeds(mean=_rounded(np.mean(values)), sd=_rounded(np.std(values, ddof=1)))
    held_out, floor = (_figure(name, each[key]) if key in each else None for each in (first.held_out, first.floor))
    whole = _figure(name, Value(first[key], first.spread.get(key)))
    return Metric(name=name, to=to, **dict(whole), held_out=held_out, floor=floor, over_seeds=over_seeds)


def _figure(name: str, found: Value) -> Figure:
    tolerance = max(TOLERANCE * abs(found.value), LEAST_TOLERANCE.get(name, LEAST_TOLERANCE_ELSE))
    error = None if found.spread is None else _rounded(found.spread)
    return Figure(value=_rounded(found.value), error=error, tolerance=_rounded(tolerance))


def _rounded(value: float | np.floating) -> float:
    """Round to five significant digits."""
    return float(f"{value:.5g}")
