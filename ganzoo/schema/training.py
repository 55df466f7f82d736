"""Training sections of a config: optimizers, schedules, steps, evaluation."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from ganzoo.schema.section import Section, check_further


class ScheduleConfig(Section):
    """Schedule of a learning rate or weight: factor 1 until step `start`, factor `final` from step `end` on.

    `name` is the shape in between (see `ganzoo.engine.schedules`); `end` defaults to the run's last step.
    """

    name: str
    start: int = Field(default=0, ge=0)
    end: int | None = Field(default=None, ge=1)
    final: float = Field(default=0.0, ge=0.0, le=1.0)

    def end_of(self, steps: int) -> int:
        """Return the step where the schedule ends, in a run of `steps` steps."""
        return self.end if self.end is not None else max(steps, self.start + 1)

    @field_validator("end")
    @classmethod
    def _after_the_start(cls, end: int | None, info: ValidationInfo) -> int | None:
        if end is not None and end <= info.data.get("start", 0):
            raise ValueError(f"end: expected a step after start, {info.data['start']}, got {end}")
        return end


class OptimizerConfig(Section):
    """An optimizer; only fields of the named optimizer may be set, the others stay null."""

    name: Literal["adam", "sgd", "rmsprop"]
    learning_rate: float = Field(gt=0.0)
    beta_1: float | None = Field(default=None, ge=0.0, lt=1.0)
    beta_2: float | None = Field(default=None, ge=0.0, lt=1.0)
    momentum: float | None = Field(default=None, ge=0.0, lt=1.0)
    nesterov: bool | None = None
    rho: float | None = Field(default=None, ge=0.0, lt=1.0)
    epsilon: float | None = Field(default=None, gt=0.0)
    schedule: ScheduleConfig | None = None

    accepted: ClassVar[dict[str, frozenset[str]]] = {
        "adam": frozenset({"beta_1", "beta_2", "epsilon"}),
        "sgd": frozenset({"momentum", "nesterov"}),
        "rmsprop": frozenset({"rho", "momentum", "epsilon"}),
    }

    @model_validator(mode="after")
    def _only_its_own_fields(self) -> OptimizerConfig:
        for key in self.arguments:
            if key not in self.accepted[self.name]:
                raise ValueError(
                    f"{self.name} has no '{key}' (it takes: {', '.join(sorted(self.accepted[self.name]))})"
                )
        return self

    @property
    def arguments(self) -> dict[str, Any]:
        """Fields that are set, except name, learning rate and schedule."""
        general = {"name", "learning_rate", "schedule"}
        return {k: v for k, v in self.model_dump(exclude=general).items() if v is not None}


class OptimizersConfig(Section):
    """One optimizer per update of the scheme, by the update's name (`generator`, `discriminator`).

    `clip_norm` bounds the global norm of each update's gradient after the sum over all replicas.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    __pydantic_extra__: dict[str, OptimizerConfig] = Field(init=False)
    further: ClassVar[type[Section]] = OptimizerConfig

    clip_norm: float | None = Field(default=None, gt=0.0)

    @model_validator(mode="before")
    @classmethod
    def _optimizers_are_mappings(cls, data: Any) -> Any:
        check_further(cls, data, "an optimizer", "name")
        return data

    @property
    def updates(self) -> dict[str, OptimizerConfig]:
        """Optimizers by update."""
        return dict(self.__pydantic_extra__)


class StopRule(Section):
    """Rule to stop once the discriminator cannot tell samples from data, for `steps` consecutive steps.

    `band` is the tolerance of its mean outputs, in the loss's own terms, and of its AUC; see `training.stopping`.
    """

    name: Literal["discriminator_fooled"]
    band: float = Field(default=0.05, gt=0.0, lt=0.5)
    steps: int = Field(default=500, ge=1)


class TrainingConfig(Section):
    """Length and conditions of training. A step is one round of the scheme's updates; `batch_size` is global.

    `accumulate` computes each update's gradient in that many sequential parts of the batch, to save memory; batch
    normalisation then sees one part at a time. `checkpoint_minutes` adds checkpoints by wall-clock time.
    """

    steps: int = Field(ge=1)
    batch_size: int = Field(ge=1, le=65536)
    accumulate: int = Field(default=1, ge=1, le=64)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    xla: Literal["auto", "on", "off"] = "auto"
    ema_decay: float = Field(default=0.0, ge=0.0, lt=1.0)
    log_every: int = Field(default=50, ge=1)
    sample_every: int = Field(default=500, ge=1)
    checkpoint_every: int = Field(default=500, ge=1)
    checkpoint_minutes: float | None = Field(default=None, gt=0.0)
    keep_checkpoints: int = Field(default=2, ge=1)
    steps_per_execution: int = Field(default=10, ge=1)
    seed: int = Field(default=0, ge=0, lt=2**31)
    stop_when: StopRule | None = None
    on_nan: Literal["stop", "rollback"] = "stop"

    @field_validator("xla", mode="before")
    @classmethod
    def _yaml_reads_on_as_true(cls, value: Any) -> Any:
        return {True: "on", False: "off"}[value] if isinstance(value, bool) else value

    @field_validator("stop_when", mode="before")
    @classmethod
    def _rule_by_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class EvaluationConfig(Section):
    """Metrics during training: every `every` steps (0: never), on `num_samples` samples of the moving average.

    `features` is the extractor, by default one that fits the data. The checkpoint of the best step by metric `by` is
    kept.
    """

    every: int = Field(default=0, ge=0)
    metrics: list[str] = Field(default_factory=lambda: ["fid", "kid"])
    by: str = "kid"
    features: str | None = None
    num_samples: int = Field(default=2000, ge=2)
