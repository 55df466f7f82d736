"""Model cards: description of a trained model, its training, and reproducible metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from ganzoo.errors import ConfigError
from ganzoo.schema import Licence, Section
from ganzoo.schema.parsing import load_yaml


class TrainingRecord(Section):
    """Training of the weights; times in seconds.

    `average`, if given, is step -> weight, for weights that are a mean over several steps.
    """

    command: str
    commit: str
    steps: int
    average: dict[int, float] | None = None
    seeds: list[int]
    hardware: str
    wall_time: float
    images_per_second: float
    peak_memory_gib: float


class EvaluationRecord(Section):
    """Evaluation settings, for `ganzoo evaluate` to reproduce the metrics.

    `to` is the target domain of a translation model; `real` are images of it.
    """

    features: str
    features_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    real: str
    real_count: int
    num_samples: int
    seed: int
    to: str | None = None


class OverSeeds(Section):
    """Metric over trainings that differ only in their seed."""

    mean: float
    sd: float = Field(ge=0.0)


class Metric(Section):
    """One metric of the shipped weights, and the tolerance of a recomputed one.

    `name` is the name for `ganzoo evaluate`, without the extractor; `to` selects the evaluation.
    """

    name: str
    to: str | None = None
    value: float
    tolerance: float = Field(gt=0.0)
    over_seeds: OverSeeds | None = None


class WeightsRecord(Section):
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    dtype: str
    parameters: int


class Card(Section):
    """Card of one model; `str(card)` is Markdown.

    `reverse` is the evaluation of the second direction, if the model translates both ways.
    """

    name: str
    summary: str
    source: str
    intended_use: str
    limits: str
    licence: Licence
    training: TrainingRecord
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
        measured = "\n".join(map(_sentence, self.evaluations))
        parts = ", ".join(f"{step:,} ({part:g})" for step, part in (made.average or {}).items())
        mean = f", the mean of those at steps {parts}" if parts else ""
        return f"""# {self.name}

{self.summary}

- **Source**: {self.source}
- **Use**: {self.intended_use}
- **Limits**: {self.limits}
- **Licences**: data {self.licence.data}; weights {self.licence.weights}

| metric | value | over {seeds} | recomputed within |
|---|---|---|---|
{rows}

{measured}
`ganzoo verify_card {self.name}` computes them again.

## Training

    {made.command}

- {made.steps:,} steps, seed {made.seeds[0]} (over seeds: {", ".join(map(str, made.seeds))}), at commit {made.commit}
- {made.wall_time:.0f} s on {made.hardware}: {made.images_per_second:.0f} images/s, peak {made.peak_memory_gib:.2f} GiB
- weights: {self.weights.parameters:,} parameters in {self.weights.dtype}, SHA-256 `{self.weights.sha256}`{mean}
"""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for `read_card`, without absent fields."""
        return self.model_dump(exclude_none=True)

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
    """Read and validates a card.

    Raises:
      ConfigError: the file does not fit the schema.
    """
    data: Any = load_yaml(Path(path).read_text(encoding="utf-8"), str(path))
    try:
        return Card.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _sentence(how: EvaluationRecord) -> str:
    what = "samples" if how.to is None else f"translations to {how.to}"
    return (
        f"{how.num_samples:,} {what} of seed {how.seed} against {how.real_count:,} examples of {how.real}; features of "
        f"{how.features} (`{how.features_sha256[:12]}`)."
    )


def _row(metric: Metric, how: EvaluationRecord) -> str:
    over = metric.over_seeds
    name = f"{metric.name}_{how.features}" + (f", to {how.to}" if how.to else "")
    spread = f"{over.mean:.4g} ± {over.sd:.2g}" if over else "–"
    return f"| {name} | {metric.value:.4g} | {spread} | ± {metric.tolerance:.2g} |"
