"""The typed schema of a config: YAML in and out, overrides, one clear line for every mistake.

A config is the whole truth about a model: rebuilding from it needs nothing else. Names of pluggable parts (networks,
losses, penalties, data sets) are plain strings here and are checked where they are registered, so that adding one
never edits this file.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_type_hints

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)

from ganzoo.errors import ConfigError, UsageError
from ganzoo.parsing import assign, check_path, describe, load_yaml, read_scalar

# what flags and keyword arguments call a config's key
SHORT_NAMES = {
    "dataset": "dataset.name",
    "steps": "training.steps",
    "batch_size": "training.batch_size",
    "seed": "training.seed",
    "precision": "training.precision",
    "xla": "training.xla",
    "on_nan": "training.on_nan",
    "eval_every": "evaluation.every",
}


class Section(BaseModel):
    """One mapping of a config: typed, immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class OpenSection(Section):
    """A mapping that names a pluggable part and carries that part's own arguments."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    @property
    def arguments(self) -> dict[str, Any]:
        """The part's own arguments, as written."""
        return dict(self.model_extra or {})


class Licence(Section):
    data: str
    weights: str


class DatasetConfig(Section):
    """Where examples come from and what the model sees of them.

    `name` is a registered source, the name of a TFDS data set, or `folder:PATH`. `size` is the side of the square
    images in pixels; point data has `size: 0` and as many `channels` as columns. `classes` is 0 for data without
    labels. `class_names`, in the order of the labels, is filled in for a data set that is asked for by `--dataset`.
    Translation has two `domains`, the first is what papers call A, in folders `trainA`, `trainB`, `testA`, `testB` or
    in TFDS's `cycle_gan/NAME`; images in folders are refused if smaller than `size`. With a `load_size`, training
    images are resized to that side, and a square of `size` is cut out anew each time an image comes.
    """

    name: str
    split: str = "train"
    size: int = Field(ge=0, le=1024)
    channels: int = Field(ge=1, le=256)
    classes: int = Field(default=0, ge=0)
    class_names: list[str] = Field(default_factory=list)
    domains: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]] = Field(default_factory=list, max_length=2)
    load_size: int | None = Field(default=None, ge=1, le=2048)
    augment: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _two_domains_and_a_crop_that_fits(self) -> DatasetConfig:
        if len(self.domains) == 1 or len(set(self.domains)) < len(self.domains):
            raise ValueError(f"domains: {self.domains} given, two different names wanted (or none)")
        if any(domain.endswith("_ema") for domain in self.domains):
            raise ValueError(f"domains: {self.domains} given, but _ema at the end is kept for moving averages")
        if self.load_size is not None and self.load_size < self.size:
            raise ValueError(
                f"load_size: {self.load_size} is smaller than size, {self.size} (leave it out, or enlarge it)"
            )
        return self

    @property
    def example_shape(self) -> tuple[int, ...]:
        """`(H, W, C)` for images, `(columns,)` for points."""
        return (self.size, self.size, self.channels) if self.size else (self.channels,)


class LatentConfig(Section):
    size: int = Field(ge=1, le=65536)
    prior: Literal["normal", "uniform"] = "normal"


TRANSLATION_SCHEMES = ("cyclegan", "pix2pix")


class ModelConfig(Section):
    scheme: Literal["vanilla", "conditional", "cyclegan", "pix2pix"]
    latent: LatentConfig | None = None
    conditioning: Literal["concatenation", "embedding", "projection"] | None = None


class NetworkConfig(OpenSection):
    network: str


class LossConfig(Section):
    """The adversarial loss, and the weights of what translation adds to the generators' part of it.

    `cycle_weight` (CycleGAN, 10) is the paper's lambda; `identity_weight` (CycleGAN, half of it) may be 0;
    `l1_weight` (Pix2Pix, 100) is that of the distance to the paired target.
    """

    name: str
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=0.5)
    cycle_weight: float | None = Field(default=None, ge=0.0)
    identity_weight: float | None = Field(default=None, ge=0.0)
    l1_weight: float | None = Field(default=None, ge=0.0)


class PenaltyConfig(Section):
    """A penalty on the discriminator, added to its loss at every `every`-th step (then `every` times as strong)."""

    name: str
    weight: float = Field(gt=0.0)
    every: int = Field(default=1, ge=1)


class ScheduleConfig(Section):
    """How a learning rate falls: whole until step `start`, `final` times itself from step `end` on.

    `name` is the shape in between (see `ganzoo.schedules`); `end` is the run's last step where it is not given.
    """

    name: str
    start: int = Field(default=0, ge=0)
    end: int | None = Field(default=None, ge=1)
    final: float = Field(default=0.0, ge=0.0, le=1.0)

    def end_of(self, steps: int) -> int:
        """The step where it ends, in a run of so many steps."""
        return self.end if self.end is not None else max(steps, self.start + 1)

    @field_validator("end")
    @classmethod
    def _after_the_start(cls, end: int | None, info: ValidationInfo) -> int | None:
        if end is not None and end <= info.data.get("start", 0):
            raise ValueError(f"end: {end} is not after start, {info.data['start']}")
        return end


class OptimizerConfig(Section):
    """One optimizer; only the fields of the named one may be given, the others stay null."""

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
        """The fields that were given, beyond name, learning rate and schedule."""
        general = {"name", "learning_rate", "schedule"}
        return {k: v for k, v in self.model_dump(exclude=general).items() if v is not None}


class OptimizersConfig(Section):
    """`clip_norm` bounds the global norm of each network's gradient, after it has been summed over all replicas."""

    generator: OptimizerConfig
    discriminator: OptimizerConfig
    clip_norm: float | None = Field(default=None, gt=0.0)


class StopRule(Section):
    """Stop once the discriminator's accuracy has stayed within 0.5 ± `band` for `steps` steps on end."""

    name: Literal["discriminator_fooled"]
    band: float = Field(default=0.05, gt=0.0, lt=0.5)
    steps: int = Field(default=500, ge=1)


class TrainingConfig(Section):
    """A step is one generator update with its `critic_steps` discriminator updates; `batch_size` is global.

    `accumulate` computes each update's gradient in that many parts of the batch, one after another, for less memory;
    batch normalisation then sees a part at a time. `checkpoint_minutes` adds checkpoints by the clock. `pool_size`
    (CycleGAN, 50) is how many generated images of each domain the discriminators are shown again; 0 for none.
    """

    steps: int = Field(ge=1)
    batch_size: int = Field(ge=1, le=65536)
    accumulate: int = Field(default=1, ge=1, le=64)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    xla: Literal["auto", "on", "off"] = "auto"
    critic_steps: int = Field(default=1, ge=1)
    fresh_latents: bool = False
    ema_decay: float = Field(default=0.0, ge=0.0, lt=1.0)
    pool_size: int | None = Field(default=None, ge=0, le=10_000)
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

    `features` is the extractor, by default one that fits the data; the checkpoint of the step that is best by `by` is
    kept.
    """

    every: int = Field(default=0, ge=0)
    metrics: list[str] = Field(default_factory=lambda: ["fid", "kid"])
    by: str = "kid"
    features: str | None = None
    num_samples: int = Field(default=2000, ge=2)


class Config(Section):
    """A whole model: data, networks, loss, optimizers, training. See `zoo_configs/` for examples."""

    schema_version: Literal[1] = Field(alias="schema")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*$")
    aliases: list[str] = Field(default_factory=list)
    task: Literal["image_generation", "point_generation", "image_translation"]
    summary: str
    source: str
    licence: Licence
    dataset: DatasetConfig
    model: ModelConfig
    generator: NetworkConfig
    discriminator: NetworkConfig
    loss: LossConfig
    penalties: list[PenaltyConfig] = Field(default_factory=list)
    optimizer: OptimizersConfig
    training: TrainingConfig
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)

    @model_validator(mode="after")
    def _possible(self) -> Config:
        self._check_translation()
        if self.model.scheme == "conditional" and self.dataset.classes < 2:
            raise ValueError("model.scheme: conditional needs dataset.classes of 2 or more (or use scheme: vanilla)")
        if self.model.scheme == "conditional" and self.model.conditioning is None:
            raise ValueError("model.conditioning: missing (one of concatenation, embedding, projection)")
        if self.model.scheme != "conditional" and self.model.conditioning is not None:
            raise ValueError("model.conditioning: only for scheme: conditional (remove it, or change model.scheme)")
        names = [penalty.name for penalty in self.penalties]
        if len(set(names)) < len(names):
            raise ValueError("penalties: one of them is given twice (give it once, with the sum of the weights)")
        if (self.task == "point_generation") != (self.dataset.size == 0):
            raise ValueError("dataset.size: 0 is for task: point_generation, and that task needs it")
        return self

    def _check_translation(self) -> None:
        scheme = self.model.scheme
        if self.translates != (self.task == "image_translation"):
            raise ValueError(
                f"task: {self.task}, but model.scheme: {scheme} (image_translation goes with cyclegan, pix2pix)"
            )
        if self.translates != bool(self.dataset.domains):
            raise ValueError("dataset.domains: two names for model.scheme: cyclegan and pix2pix, and for these alone")
        if self.translates == (self.model.latent is not None):
            raise ValueError(f"model.latent: {'not for' if self.translates else 'missing, for'} scheme: {scheme}")
        if self.translates and self.dataset.classes:
            raise ValueError(f"dataset.classes: not for model.scheme: {scheme} (remove it)")
        if self.dataset.load_size is not None and not self.translates:
            raise ValueError("dataset.load_size: only for task: image_translation (remove it)")
        only = {"cyclegan": ("cycle_weight", "identity_weight"), "pix2pix": ("l1_weight",)}
        given = {key for key, value in self.loss.model_dump().items() if key.endswith("_weight") and value is not None}
        for key in sorted(given - set(only.get(scheme, ()))):
            raise ValueError(f"loss.{key}: not for model.scheme: {scheme} (remove it)")
        if self.training.pool_size is not None and scheme != "cyclegan":
            raise ValueError(f"training.pool_size: not for model.scheme: {scheme} (remove it)")
        if self.translates and (self.training.critic_steps > 1 or self.training.fresh_latents or self.penalties):
            raise ValueError(f"training.critic_steps, fresh_latents and penalties are not for model.scheme: {scheme}")
        if self.translates and self.training.stop_when is not None:
            raise ValueError(f"training.stop_when: not for model.scheme: {scheme} (remove it)")

    @property
    def conditional(self) -> bool:
        """Whether `generate` takes labels."""
        return self.model.scheme == "conditional"

    @property
    def translates(self) -> bool:
        """Whether the model offers `translate`, between two domains."""
        return self.model.scheme in TRANSLATION_SCHEMES

    @property
    def paired(self) -> bool:
        """Whether example i of one domain has to belong to example i of the other."""
        return self.model.scheme == "pix2pix"

    @property
    def domains_made(self) -> list[str]:
        """The domains that the model can make images of; none where it does not translate."""
        return self.dataset.domains[1:] if self.paired else list(self.dataset.domains)

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `parse` reads back to an equal config."""
        return self.model_dump(by_alias=True, exclude_none=True)

    def _repr_markdown_(self) -> str:
        return f"**{self.name}**: {self.summary}\n\n```yaml\n{self.to_yaml()}```"

    def to_yaml(self) -> str:
        """The resolved config as YAML, keys in the schema's order."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True, width=120)

    def override(self, values: dict[str, Any]) -> Config:
        """A new config with single values replaced.

        Args:
          values: dotted key -> value (`{"training.steps": 100}`); text is read as YAML (`"1e-4"` is a number).

        Raises:
          ConfigError: an unknown key, a wrong type, or an impossible mix, named as `--set KEY=VALUE`.
        """
        data = self.to_dict()
        for key, value in values.items():
            where = f"--set {key}={value}"
            check_path(Config, key, where)
            parsed = read_scalar(value, where) if isinstance(value, str) else value
            assign(data, key.split("."), parsed, where)
        given = ", ".join(f"--set {key}={value}" for key, value in values.items())
        return parse(data, origin=given or self.name)


def parse(data: Any, origin: str) -> Config:
    """A validated config from plain data.

    Args:
      data: what YAML gave.
      origin: named at the start of every message: a file, or the override that was asked for.

    Raises:
      ConfigError: with origin, key and the nearest valid name.
    """
    if not isinstance(data, dict):
        raise ConfigError(f"{origin}: not a config (a YAML mapping with the keys schema, name, dataset, … is wanted)")
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{origin}: {describe(error, Config)}") from None


def choose_domain(name: str, to: str | None, made: Sequence[str]) -> str:
    """The domain that is wanted of a model.

    Args:
      name: of the model.
      to: what was asked for; None for the first.
      made: the domains that it can make.

    Raises:
      UsageError: it cannot make that one.
    """
    if to is None:
        return made[0]
    if to not in made:
        raise UsageError(f"to: {name} cannot make '{to}' (it makes: {', '.join(made)})")
    return to


def other_domain(domains: Sequence[str], domain: str) -> str:
    """The one of two domains that is not this one."""
    first, second = domains
    return second if domain == first else first


def check_arguments(function: Callable[..., Any], arguments: dict[str, Any], key: str) -> dict[str, Any]:
    """Validates a pluggable part's own arguments against the keyword-only parameters of the function that builds it.

    Args:
      function: its keyword-only parameters and their annotations are the schema.
      arguments: as the config gives them.
      key: where they stand in the config (`generator`), for messages.

    Returns:
      The arguments, validated; those not given keep the function's defaults and are not in it.

    Raises:
      ConfigError: an unknown argument, a wrong type or a value out of range.
    """
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters.values()
    fields: dict[str, Any] = {
        p.name: (hints[p.name], p.default) for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY
    }
    section = create_model(function.__name__, __base__=Section, **fields)
    try:
        checked = section.model_validate(arguments)
    except ValidationError as error:
        raise ConfigError(f"{key}.{describe(error, section)}") from None
    return checked.model_dump(exclude_unset=True)


def read_yaml(path: str | Path) -> Config:
    """Reads and validates one YAML config.

    Raises:
      ConfigError: the file is absent, is not YAML, repeats a key or does not fit the schema.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as a config ({error})") from None
    return parse(load_yaml(text, str(path)), origin=str(path))
