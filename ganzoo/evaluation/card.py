"""Model cards: description of a trained model, its training, and reproducible metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from ganzoo.errors import ConfigError
from ganzoo.evaluation.result import stated
from ganzoo.schema import Licence, Section
from ganzoo.schema.parsing import load_yaml

UNKNOWN = "not recorded"
SHA256 = r"^[0-9a-f]{64}$"


class Stage(Section):
    """One stage of a training; None is for what was not recorded.

    `start` says where its weights came from, `steps` is the step at its end. `average`, if given, is step -> weight,
    for weights that are a mean over several steps. `note` says what else happened.
    """

    command: str | None = None
    commit: str | None = None
    steps: int
    start: str | None = None
    average: dict[int, float] | None = None
    note: str | None = None


class TrainingRecord(Section):
    """Training of the weights, in one or more stages; times in seconds."""

    stages: list[Stage] = Field(min_length=1)
    data: str | None = None
    seeds: list[int]
    hardware: str
    wall_time: float
    images_per_second: float
    peak_memory_gib: float


class HeldOutRecord(Section):
    """Held-out examples, with which `compared` generated and as many real training examples are compared."""

    real: str
    real_count: int
    compared: int


class EvaluationRecord(Section):
    """Evaluation settings, for `ganzoo evaluate` to reproduce the metrics.

    `to` is the target domain of a translation model; `real` are images of it.
    """

    features: str
    features_sha256: str = Field(pattern=SHA256)
    features_trained_on: str | None = None
    real: str
    real_count: int
    num_samples: int
    held_out: HeldOutRecord | None = None
    seed: int
    to: str | None = None


class OverSeeds(Section):
    """Metric over trainings that differ only in their seed."""

    mean: float
    sd: float = Field(ge=0.0)


class Figure(Section):
    """Number, its standard error (by half-sampling) and the tolerance of a recomputed one."""

    value: float
    error: float | None = Field(None, ge=0.0)
    tolerance: float = Field(gt=0.0)


class Metric(Section):
    """One metric of the shipped weights, a `Figure` with a name.

    `name` is the name for `ganzoo evaluate`, without the extractor; `to` selects the evaluation. `held_out` compares
    with held-out examples, `floor` compares as many real training examples with the same.
    """

    name: str
    to: str | None = None
    value: float
    error: float | None = Field(None, ge=0.0)
    tolerance: float = Field(gt=0.0)
    held_out: Figure | None = None
    floor: Figure | None = None
    over_seeds: OverSeeds | None = None


class WeightsRecord(Section):
    sha256: str = Field(pattern=SHA256)
    dtype: str
    parameters: int


class FilesRecord(Section):
    """Image files that the numbers are computed with: their number by folder, and the SHA-256 of their list.

    The list has the names relative to the data set's folder, sorted, one per line. It lies beside the card.
    """

    folders: dict[str, int]
    sha256: str = Field(pattern=SHA256)

    @property
    def count(self) -> int:
        """Return the number of all files."""
        return sum(self.folders.values())


class Card(Section):
    """Card of one model; `str(card)` is Markdown.

    `reverse` is the evaluation of the second direction, if the model translates both ways.
    """

    model_config = ConfigDict(populate_by_name=True)

    schema_version: Literal[2] = Field(2, alias="schema")
    name: str
    summary: str
    source: str
    intended_use: str
    limits: str
    licence: Licence
    training: TrainingRecord
    files: FilesRecord | None = None
    evaluation: EvaluationRecord
    reverse: EvaluationRecord | None = None
    metrics: list[Metric]
    weights: WeightsRecord

    @model_validator(mode="after")
    def _each_metric_was_measured(self) -> Card:
        known = [how.to for how in self.evaluations]
        for metric in self.metrics:
            if metric.to not in known:
                raise ValueError(f"metrics: {metric.name} to '{metric.to}' was not evaluated (known: {known})")
        return self

    def __str__(self) -> str:
        made = self.training
        seeds = "1 seed" if len(made.seeds) == 1 else f"{len(made.seeds)} seeds"
        rows = "\n".join(_row(metric, how) for how in self.evaluations for metric in self.metrics_of(how))
        measured = "\n".join(map(_sentences, self.evaluations))
        stages = "\n".join(f"{number}. {_stage(stage)}" for number, stage in enumerate(made.stages, 1))
        return f"""# {self.name}

{self.summary}

- **Source**: {self.source}
- **Use**: {self.intended_use}
- **Limits**: {self.limits}
- **Licences**: data {self.licence.data}; weights {self.licence.weights}

| metric | value | held out | real/real | over {seeds} | recomputed within |
|---|---|---|---|---|---|
{rows}

{measured}
± is a standard error by half-sampling, and over seeds a standard deviation.{_files(self.files)}
`ganzoo verify_card {self.name}` computes the numbers again.

## Training

- Data: {made.data or UNKNOWN}
- Seed {made.seeds[0]} (over seeds: {", ".join(map(str, made.seeds))})
- {made.wall_time:.0f} s on {made.hardware}: {made.images_per_second:.0f} images/s, peak {made.peak_memory_gib:.2f} GiB
- Weights: {self.weights.parameters:,} parameters in {self.weights.dtype}, SHA-256 `{self.weights.sha256}`

Stages:

{stages}
"""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for `read_card`, without absent fields."""
        return self.model_dump(by_alias=True, exclude_none=True)

    def __repr__(self) -> str:
        return str(self)

    def _repr_markdown_(self) -> str:
        return str(self)

    @property
    def evaluations(self) -> list[EvaluationRecord]:
        """One evaluation, or two for a model that translates both ways."""
        return [self.evaluation, *([self.reverse] if self.reverse else [])]

    def metrics_of(self, how: EvaluationRecord) -> list[Metric]:
        """Return the metrics of one of the evaluations."""
        return [metric for metric in self.metrics if metric.to == how.to]

    def metric(self, name: str, to: str | None = None) -> Metric:
        """Return a metric by name and target domain.

        Raises:
          KeyError: the card has no such metric.
        """
        return {(metric.name, metric.to): metric for metric in self.metrics}[name, to]


def read_card(path: str | Path) -> Card:
    """Read and validate a card; one of schema 1, which has no key `schema`, becomes a card of one stage.

    Raises:
      ConfigError: the file does not fit the schema.
    """
    data: Any = load_yaml(Path(path).read_text(encoding="utf-8"), str(path))
    try:
        return Card.model_validate(_today(data))
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _today(data: Any) -> Any:
    """Return a card's data in the current schema."""
    if not isinstance(data, dict) or "schema" in data or not isinstance(data.get("training"), dict):
        return data
    moved = ("command", "commit", "steps", "average")
    stage = {key: value for key, value in data["training"].items() if key in moved}
    others = {key: value for key, value in data["training"].items() if key not in moved}
    return {**data, "schema": 2, "training": {"stages": [stage], **others}}


def _stage(stage: Stage) -> str:
    parts = ", ".join(f"{step:,} ({part:g})" for step, part in (stage.average or {}).items())
    return "; ".join(
        [
            f"`{stage.command}`" if stage.command else f"command {UNKNOWN}",
            f"to step {stage.steps:,} at commit {stage.commit or UNKNOWN}",
            f"starting with {stage.start}" if stage.start else f"start {UNKNOWN}",
            *([f"the mean of the weights at steps {parts}"] if parts else []),
            *([stage.note] if stage.note else []),
        ]
    )


def _sentences(how: EvaluationRecord) -> str:
    what = "samples" if how.to is None else f"translations to {how.to}"
    trained = f", trained on {how.features_trained_on}" if how.features_trained_on else ""
    text = (
        f"{how.num_samples:,} {what} of seed {how.seed} against {how.real_count:,} examples of {how.real}; features of "
        f"{how.features} (`{how.features_sha256[:12]}`{trained})."
    )
    if (unseen := how.held_out) is None:
        return text
    return (
        f"{text} Held out: {unseen.compared:,} of the {what} against {unseen.real_count:,} examples of {unseen.real}; "
        f"real/real: {unseen.compared:,} real training examples against the same, what a perfect model would reach."
    )


def _files(files: FilesRecord | None) -> str:
    if files is None:
        return ""
    folders = ", ".join(f"{count:,} in {folder}" for folder, count in files.folders.items())
    return f"\nThe real images are {files.count:,} files ({folders}), SHA-256 of their list `{files.sha256}`."


def _row(metric: Metric, how: EvaluationRecord) -> str:
    over = metric.over_seeds
    name = f"{metric.name}_{how.features}" + (f", to {how.to}" if how.to else "")
    figures = (stated(each.value, each.error) if each else "–" for each in (metric, metric.held_out, metric.floor))
    spread = f"{over.mean:.4g} ± {over.sd:.2g}" if over else "–"
    return f"| {name} | {' | '.join(figures)} | {spread} | ± {metric.tolerance:.2g} |"
