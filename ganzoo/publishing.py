"""From a finished run to the zoo: weights in float16 and a card with measured numbers."""

from __future__ import annotations

import platform
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import yaml

from ganzoo import files, weights, zoo
from ganzoo.data.mnist_5k import load_mnist_5k
from ganzoo.errors import UsageError
from ganzoo.evaluation import labelled
from ganzoo.evaluation.card import Card, Metric, TrainingRecord, WeightsRecord
from ganzoo.models.generative import GenerativeModel
from ganzoo.training.directory import RunDirectory

TOLERANCES = {"label_accuracy": 0.015, "class_diversity": 0.01, "class_diversity_least": 0.01}


def publish(run_directory: str | Path, *, command: str, intended_use: str, limits: str, hardware: str) -> Card:
    """Writes `weights/NAME.safetensors` and `cards/NAME.yaml` of a run's model into the zoo.

    The numbers are those of the float16 weights, read back from a file. The time is that of all sessions that ended by
    themselves or by a signal; one that was killed has left none.

    Args:
      run_directory: a finished run of a zoo model.
      command: the command that made it, for the card.
      intended_use, limits, hardware: sentences for the card.

    Raises:
      UsageError: the run's config is not the zoo's, so that the zoo's name would not mean these weights; the run is
        not finished; or there is no metric for such a model. Nothing is written then.
    """
    run = RunDirectory(run_directory)
    config = zoo.config(run.path)
    if run.decided(zoo.config(config.name)) != config:
        raise UsageError(f"{run.path}: was trained with another config than zoo_configs/{config.name}.yaml")
    sessions = [record for record in run.read_log() if "seconds" in record]
    if not sessions or sessions[-1]["event"] != "finished":
        raise UsageError(f"{run.path}: is not finished (give the command that began it again)")
    if not config.conditional or config.dataset.example_shape != (28, 28, 1) or config.dataset.classes != 10:
        raise UsageError(f"{config.name}: there is no metric for it yet (conditional models of 28x28 digits have one)")
    model = zoo.load(run.path)
    arrays = {name: variable.numpy().astype(np.float16) for name, variable in model.weights_to_ship().items()}
    speeds = [record["images_per_second"] for record in run.read_losses() if "images_per_second" in record]
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "draft.safetensors"
        weights.write(draft, arrays, {"name": config.name})
        measured = _measure(zoo.load(config.name, weights=draft))
        content, sha256 = draft.read_bytes(), weights.sha256(draft)
    card = Card(
        name=config.name,
        summary=config.summary,
        source=config.source,
        intended_use=intended_use,
        limits=limits,
        licence=config.licence,
        training=TrainingRecord(
            command=command,
            commit=_commit(),
            steps=model.step or config.training.steps,
            seeds=[config.training.seed],
            hardware=f"{hardware}, {platform.system()}, Python {platform.python_version()}",
            wall_time=round(sum(record["seconds"] for record in sessions), 1),
            images_per_second=round(float(np.median(speeds)), 1),
            peak_memory_gib=max(record["peak_memory_gib"] for record in sessions),
        ),
        metrics=measured,
        weights=WeightsRecord(sha256=sha256, dtype="float16", parameters=sum(int(a.size) for a in arrays.values())),
    )
    text = yaml.safe_dump(card.model_dump(), sort_keys=False, allow_unicode=True, width=120)
    files.write_bytes(zoo.directory() / "weights" / f"{config.name}.safetensors", content)
    files.write_text(zoo.directory() / "cards" / f"{config.name}.yaml", text)
    return card


def _measure(model: GenerativeModel) -> list[Metric]:
    images, labels = load_mnist_5k("train")
    classifier = labelled.train_classifier(images[..., np.newaxis], labels)
    return [
        Metric(name=name, value=round(value, 4), tolerance=TOLERANCES[name], protocol=labelled.DIGIT_PROTOCOL[name])
        for name, value in labelled.digit_metrics(model, classifier).items()
    ]


def _commit() -> str:
    command = ["git", "-C", str(zoo.directory()), "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
