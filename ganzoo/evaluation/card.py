"""Model cards: what a trained model is, how it was made, and numbers that can be recomputed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from ganzoo.errors import ConfigError
from ganzoo.parsing import load_yaml
from ganzoo.schema import Licence, Section


class TrainingRecord(Section):
    """How the weights came about; times in seconds."""

    command: str
    commit: str
    steps: int
    seeds: list[int]
    hardware: str
    wall_time: float
    images_per_second: float
    peak_memory_gib: float


class EvaluationRecord(Section):
    """How the metrics were measured: what `ganzoo evaluate` needs to measure them again."""

    features: str
    features_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    real: str
    real_count: int
    num_samples: int
    seed: int


class OverSeeds(Section):
    """A metric over trainings that differ in their seed alone."""

    mean: float
    sd: float = Field(ge=0.0)


class Metric(Section):
    """One number of the shipped weights, and how far a recomputed one may lie from it.

    `name` is as `ganzoo evaluate` takes it, without the extractor.
    """

    name: str
    value: float
    tolerance: float = Field(gt=0.0)
    over_seeds: OverSeeds | None = None


class WeightsRecord(Section):
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    dtype: str
    parameters: int


class Card(Section):
    """The card of one model; `str(card)` is Markdown."""

    name: str
    summary: str
    source: str
    intended_use: str
    limits: str
    licence: Licence
    training: TrainingRecord
    evaluation: EvaluationRecord
    metrics: list[Metric]
    weights: WeightsRecord

    def __str__(self) -> str:
        made, how = self.training, self.evaluation
        seeds = "1 seed" if len(made.seeds) == 1 else f"{len(made.seeds)} seeds"
        rows = "\n".join(_row(metric, how.features) for metric in self.metrics)
        return f"""# {self.name}

{self.summary}

- **Source**: {self.source}
- **Use**: {self.intended_use}
- **Limits**: {self.limits}
- **Licences**: data {self.licence.data}; weights {self.licence.weights}

| metric | value | over {seeds} | recomputed within |
|---|---|---|---|
{rows}

{how.num_samples:,} samples of seed {how.seed} against {how.real_count:,} examples of {how.real}; features of
{how.features} (`{how.features_sha256[:12]}`). `ganzoo verify_card {self.name}` computes them again.

## Training

    {made.command}

- {made.steps:,} steps, seed {made.seeds[0]} (over seeds: {", ".join(map(str, made.seeds))}), at commit {made.commit}
- {made.wall_time:.0f} s on {made.hardware}: {made.images_per_second:.0f} images/s, peak {made.peak_memory_gib:.2f} GiB
- weights: {self.weights.parameters:,} parameters in {self.weights.dtype}, SHA-256 `{self.weights.sha256}`
"""

    def __repr__(self) -> str:
        return str(self)

    def metric(self, name: str) -> Metric:
        """The metric of that name.

        Raises:
          KeyError: the card has none.
        """
        return {metric.name: metric for metric in self.metrics}[name]


def read_card(path: str | Path) -> Card:
    """Reads and validates a card.

    Raises:
      ConfigError: it does not fit the schema.
    """
    data: Any = load_yaml(Path(path).read_text(encoding="utf-8"), str(path))
    try:
        return Card.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _row(metric: Metric, features: str) -> str:
    over = metric.over_seeds
    spread = f"{over.mean:.4g} ± {over.sd:.2g}" if over else "–"
    return f"| {metric.name}_{features} | {metric.value:.4g} | {spread} | ± {metric.tolerance:.2g} |"
