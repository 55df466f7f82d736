"""The typed schema of a config: YAML in and out, overrides, one clear line for every mistake.

A config is the whole truth about a model: rebuilding from it needs nothing else. Names of pluggable parts (networks,
losses, penalties, data sets) are plain strings here and are checked where they are registered, so that adding one
never edits this file.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
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

from ganzoo import migration
from ganzoo.errors import ConfigError, UsageError, did_you_mean
from ganzoo.parsing import assign, check_path, describe, load_yaml, read_scalar
from ganzoo.registry import options_of

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


class ColumnConfig(Section):
    """A column of a table: how the networks see its numbers, and how they are given back.

    The networks see `(x - mean) / deviation`. A number that is given back is rounded to `decimals`, if there are any.
    """

    name: str
    mean: float = 0.0
    deviation: float = Field(default=1.0, gt=0.0)
    decimals: int | None = Field(default=None, ge=0, le=9)


# The shape of an example of each kind: the keys of `dataset` that give it, in the order of the axes.
SHAPE_KEYS = {
    "image": ("size", "channels"),
    "points": ("columns",),
    "table": ("columns",),
    "sequence": ("length", "columns"),
}


class DatasetConfig(Section):
    """Where examples come from and what the model sees of them.

    `name` is a registered source, the name of a TFDS data set, or `folder:PATH`. `kind` says what an example is and
    which keys give its shape: an `image` has `size`, the side of the square in pixels, and `channels`; `points` and the
    rows of a `table` have `columns`; a `sequence` has `length` (time steps) and `columns`. `fields` describes the
    columns of a table; training fills it in from the data. `classes` is 0 for data without labels. `class_names`, in
    the order of the labels, is filled in for a data set that is asked for by `--dataset`.

    Translation has two `domains`, the first is what papers call A, in folders `trainA`, `trainB`, `testA`, `testB` or
    in TFDS's `cycle_gan/NAME`; images in folders are refused if smaller than `size`. With `paired`, example i of one
    domain belongs to example i of the other. With a `load_size`, training images are resized to that side, and a square
    of `size` is cut out anew each time an image comes.

    A config of schema 1 writes points as `size: 0` with as many `channels` as columns; it is read as `kind: points`.
    """

    name: str
    kind: Literal["image", "points", "table", "sequence"] = "image"
    split: str = "train"
    size: int | None = Field(default=None, ge=1, le=1024, validate_default=True)
    channels: int | None = Field(default=None, ge=1, le=256, validate_default=True)
    length: int | None = Field(default=None, ge=1, le=65536, validate_default=True)
    columns: int | None = Field(default=None, ge=1, le=65536, validate_default=True)
    fields: list[ColumnConfig] = Field(default_factory=list)
    classes: int = Field(default=0, ge=0)
    class_names: list[str] = Field(default_factory=list)
    domains: list[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]] = Field(default_factory=list, max_length=2)
    paired: bool = False
    load_size: int | None = Field(default=None, ge=1, le=2048)
    augment: list[str] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _points_of_schema_1(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "kind" in data or isinstance(data.get("size"), bool) or data.get("size") != 0:
            return data
        others = {key: value for key, value in data.items() if key not in ("size", "channels")}
        return {**others, "kind": "points", "columns": data.get("channels")}

    @field_validator("size", "channels", "length", "columns")
    @classmethod
    def _shape_of_its_kind(cls, value: int | None, info: ValidationInfo) -> int | None:
        kind = info.data.get("kind")
        if kind is None:  # it is wrong itself, and that is said
            return value
        wanted = info.field_name in SHAPE_KEYS[kind]
        if wanted and value is None:
            raise ValueError("missing")
        if not wanted and value is not None:
            keys = " and ".join(SHAPE_KEYS[kind])
            raise ValueError(f"not for kind: {kind}, whose shape is given by {keys} (remove it, or change the kind)")
        return value

    @model_validator(mode="after")
    def _only_what_its_kind_has(self) -> DatasetConfig:
        of_images = {"domains": self.domains, "load_size": self.load_size, "augment": self.augment}
        for key, value in of_images.items():
            if value and self.kind != "image":
                raise ValueError(f"{key}: only for kind: image, not for kind: {self.kind} (remove it)")
        if self.fields and self.kind != "table":
            raise ValueError(f"fields: only for kind: table, not for kind: {self.kind} (remove it)")
        if self.fields and len(self.fields) != self.columns:
            raise ValueError(f"fields: expected {self.columns}, one for each of the columns, got {len(self.fields)}")
        if self.paired and not self.domains:
            raise ValueError("paired: only for data with two domains (remove it, or name the domains)")
        return self

    @model_validator(mode="after")
    def _two_domains_and_a_crop_that_fits(self) -> DatasetConfig:
        if len(self.domains) == 1 or len(set(self.domains)) < len(self.domains):
            raise ValueError(f"domains: expected two different names (or none), got {self.domains}")
        if any(domain.endswith("_ema") for domain in self.domains):
            raise ValueError(f"domains: got {self.domains}, but names that end in _ema are kept for moving averages")
        if self.load_size is not None and self.size is not None and self.load_size < self.size:
            raise ValueError(
                f"load_size: {self.load_size} is smaller than size, {self.size} (leave it out, or enlarge it)"
            )
        return self

    @property
    def example_shape(self) -> tuple[int, ...]:
        """`(H, W, C)` of images, `(columns,)` of points and rows of a table, `(length, columns)` of sequences."""
        if self.kind == "image":
            return self.image_shape
        return tuple(getattr(self, key) for key in SHAPE_KEYS[self.kind])

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """`(H, W, C)`; of kind image only."""
        assert self.size is not None and self.channels is not None, f"{self.name} has no images"  # noqa: PT018
        return (self.size, self.size, self.channels)


class ModelConfig(OpenSection):
    """The training scheme by its registered name, and the scheme's own options (`latent`, `critic_steps`, …)."""

    scheme: str


class NetworkConfig(OpenSection):
    """A network by its registered name, and its own options."""

    network: str


class LossConfig(OpenSection):
    """The adversarial loss by its registered name, and its own options (`label_smoothing`, `margin`, …)."""

    name: str


class PenaltyConfig(OpenSection):
    """A penalty by its registered name, and its own options.

    It is added, times `weight`, to the loss of the update that it joins, at every `every`-th step (then `every` times
    as strong).
    """

    name: str
    weight: float = Field(gt=0.0)
    every: int = Field(default=1, ge=1)


class PartConfig(OpenSection):
    """A constraint or an augmentation by its registered name, and its own options."""

    name: str


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
    """An optimizer for each update of the scheme, by the update's name (`generator`, `discriminator`).

    `clip_norm` bounds the global norm of each update's gradient, after it has been summed over all replicas.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    __pydantic_extra__: dict[str, OptimizerConfig] = Field(init=False)
    further: ClassVar[type[Section]] = OptimizerConfig

    clip_norm: float | None = Field(default=None, gt=0.0)

    @model_validator(mode="before")
    @classmethod
    def _optimizers_are_mappings(cls, data: Any) -> Any:
        _check_further(cls, data, "an optimizer", "name")
        return data

    @property
    def updates(self) -> dict[str, OptimizerConfig]:
        """The optimizers by update."""
        return dict(self.__pydantic_extra__)


class StopRule(Section):
    """Stop once the discriminator's accuracy has stayed within 0.5 ± `band` for `steps` steps on end."""

    name: Literal["discriminator_fooled"]
    band: float = Field(default=0.05, gt=0.0, lt=0.5)
    steps: int = Field(default=500, ge=1)


class TrainingConfig(Section):
    """How long and on what a model is trained. A step is one round of the scheme's updates; `batch_size` is global.

    `accumulate` computes each update's gradient in that many parts of the batch, one after another, for less memory;
    batch normalisation then sees a part at a time. `checkpoint_minutes` adds checkpoints by the clock.
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

    `features` is the extractor, by default one that fits the data; the checkpoint of the step that is best by `by` is
    kept.
    """

    every: int = Field(default=0, ge=0)
    metrics: list[str] = Field(default_factory=lambda: ["fid", "kid"])
    by: str = "kid"
    features: str | None = None
    num_samples: int = Field(default=2000, ge=2)


# What a model of a kind of data is for; two domains make it a translation.
TASKS = {
    "image": "image_generation",
    "points": "point_generation",
    "table": "table_generation",
    "sequence": "sequence_generation",
}
TRANSLATION = "image_translation"


class Config(Section):
    """A whole model: data, scheme, networks, objectives, optimizers, training. See `zoo_configs/` for examples.

    Beside the fields listed here there is one mapping for each network, under the name of its role in the scheme:
    `generator`, `discriminator`, `encoder`. `imports` are the modules, not ganzoo's, that registered parts of it.
    """

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    __pydantic_extra__: dict[str, NetworkConfig] = Field(init=False)
    further: ClassVar[type[Section]] = NetworkConfig

    schema_version: Literal[2] = Field(alias="schema")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*$")
    aliases: list[str] = Field(default_factory=list)
    imports: list[str] = Field(default_factory=list)
    task: Literal[
        "image_generation", "point_generation", "table_generation", "sequence_generation", "image_translation"
    ]
    summary: str
    source: str
    licence: Licence
    dataset: DatasetConfig
    model: ModelConfig
    loss: LossConfig | None = None
    penalties: list[PenaltyConfig] = Field(default_factory=list)
    constraints: list[PartConfig] = Field(default_factory=list)
    augmentations: list[PartConfig] = Field(default_factory=list)
    optimizer: OptimizersConfig
    training: TrainingConfig
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)

    @model_validator(mode="before")
    @classmethod
    def _networks_are_mappings(cls, data: Any) -> Any:
        _check_further(cls, data, "a network", "network")
        return data

    @model_validator(mode="after")
    def _possible(self) -> Config:
        for parts, what in ((self.penalties, "penalties"), (self.constraints, "constraints")):
            names = [part.name for part in parts]
            if len(set(names)) < len(names):
                twice = "the sum of the weights" if what == "penalties" else "the options that are meant"
                raise ValueError(f"{what}: one of them is given twice (give it once, with {twice})")
        fitting = TRANSLATION if self.dataset.domains else TASKS[self.dataset.kind]
        if self.task != fitting:
            data = (
                f"two dataset.domains make it {TRANSLATION}"
                if self.dataset.domains
                else (f"dataset.kind: {self.dataset.kind} without dataset.domains makes it {fitting}")
            )
            raise ValueError(f"task: expected {fitting}, got {self.task} ({data})")
        return self

    @property
    def networks(self) -> dict[str, NetworkConfig]:
        """The networks by role."""
        return dict(self.__pydantic_extra__)

    def offers(self, verb: str) -> bool:
        """Whether models of the config's task can `generate` or `translate`; the scheme's class knows the rest."""
        return verb == ("translate" if self.task == TRANSLATION else "generate")

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `parse` reads back to an equal config."""
        data = self.model_dump(by_alias=True, exclude_none=True)
        roles = {role: data.pop(role) for role in self.networks}
        ordered: dict[str, Any] = {}
        for key, value in data.items():
            if value or key not in ("aliases", "imports", "constraints", "augmentations"):
                ordered[key] = value
            if key == "model":
                ordered |= roles
        return ordered

    def _repr_markdown_(self) -> str:
        return f"**{self.name}**: {self.summary}\n\n```yaml\n{self.to_yaml()}```"

    def to_yaml(self) -> str:
        """The resolved config as YAML, keys in the schema's order."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True, width=120)

    def override(self, values: dict[str, Any], note: Callable[[str], None] | None = None) -> Config:
        """A new config with single values replaced.

        A part that is replaced by name (`loss.name`, `generator.network`) loses the options of the old one.

        Args:
          values: dotted key -> value (`{"training.steps": 100}`); text is read as YAML (`"1e-4"` is a number).
          note: told which options were dropped.

        Raises:
          ConfigError: an unknown key, a wrong type, or an impossible mix, named as `--set KEY=VALUE`.
        """
        data = self.to_dict()
        moved = {migration.MOVED.get(key, key): value for key, value in values.items()}
        for key, value in moved.items():
            where = f"--set {key}={value}"
            self._check_path(key, where, moved)
            parsed = read_scalar(value, where) if isinstance(value, str) else value
            keys = key.split(".")
            if dropped := _drop_options(data, keys, parsed, moved):
                told = (
                    f"{'.'.join(keys[:-1])}: {parsed} replaces a part whose options go with it ({', '.join(dropped)})"
                )
                (note or (lambda _: None))(told)
            assign(data, keys, parsed, where)
        given = ", ".join(f"--set {key}={value}" for key, value in moved.items())
        return parse(data, origin=given or self.name)

    def _check_path(self, dotted: str, where: str, asked: Mapping[str, Any]) -> None:
        """Refuses a dotted key that neither the schema nor a role or an update of the config has."""
        first, _, rest = dotted.partition(".")
        if first in self.networks or f"{first}.network" in asked:
            return  # its options are checked by the part itself
        if first == "optimizer" and (update := rest.partition(".")[0]) not in OptimizersConfig.model_fields:
            known = self.optimizer.updates
            if update and update not in known and f"optimizer.{update}.name" not in asked and update != rest:
                raise ConfigError(f"{where}: unknown key{did_you_mean(update, known, 'optimizer.')}")
            if update != rest:
                check_path(OptimizerConfig, rest.removeprefix(f"{update}."), where, f"optimizer.{update}.")
        elif rest or first in Config.model_fields:
            check_path(Config, dotted, where, more=[*self.networks])


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
        return Config.model_validate(migration.today(data))
    except ValidationError as error:
        raise ConfigError(f"{origin}: {describe(error, Config)}") from None


def _say_nothing(_: str) -> None:
    pass


def _check_further(section: type[BaseModel], data: Any, what: str, names_it: str) -> None:
    """Refuses further keys of a section that are no mappings naming a part, which is what they are there for."""
    if not isinstance(data, dict):
        return
    known = {field.alias or name for name, field in section.model_fields.items()}
    for key, value in data.items():
        given = isinstance(value, dict | BaseModel)
        if key not in known and not (given and (isinstance(value, BaseModel) or names_it in value)):
            near = did_you_mean(str(key), known)
            if given and "did you mean" not in near:
                near = f" ({what} is a mapping with the key '{names_it}')"
            raise ValueError(f"{key}: unknown key{near}")


# what names a part in a section; replacing it drops the part's options
_NAMING = ("name", "network", "scheme")
_GENERAL = {"learning_rate", "schedule", "weight", "every"}  # of any optimizer, of any penalty


def _drop_options(data: dict[str, Any], keys: list[str], value: Any, asked: Mapping[str, Any]) -> list[str]:
    """Takes the options of a part that is replaced by name out of its section; their names."""
    if len(keys) < 2 or keys[-1] not in _NAMING:
        return []
    section: Any = data
    for key in keys[:-1]:
        section = section[int(key)] if isinstance(section, list) and key.isdigit() else section[key]
        if not isinstance(section, dict | list):
            return []
    if not isinstance(section, dict) or section.get(keys[-1]) in (None, value) or keys[0] in _CLOSED:
        return []
    prefix = ".".join(keys[:-1])
    options = [key for key in section if key != keys[-1] and key not in _GENERAL and f"{prefix}.{key}" not in asked]
    for option in options:
        del section[option]
    return sorted(options)


_CLOSED = ("dataset", "evaluation", "licence", "training")


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


def check_arguments(
    part: Callable[..., Any], arguments: Mapping[str, Any], key: str, general: Sequence[str] = ()
) -> dict[str, Any]:
    """Validates a part's options against the parameters that are its options (see `registry.options_of`).

    Args:
      part: the registered class or function; its parameters and their annotations are the schema.
      arguments: as the config gives them.
      key: where they stand in the config (`generator`), for messages.
      general: further keys that may stand there, for the nearest name of an unknown one.

    Returns:
      The arguments, validated; those not given keep the part's defaults and are not in it.

    Raises:
      ConfigError: an unknown argument, a missing one, a wrong type or a value out of range.
    """
    initialiser: Any = part.__init__ if inspect.isclass(part) else part
    try:
        hints = get_type_hints(initialiser, include_extras=True)
    except NameError:  # annotations of somebody else's that only a type checker can resolve
        hints = {}
    fields: dict[str, Any] = {
        name: (hints.get(name, Any), ... if parameter.default is inspect.Parameter.empty else parameter.default)
        for name, parameter in options_of(part).items()
    }
    for name in arguments:
        if name not in fields:
            raise ConfigError(f"{key}.{name}: unknown key{did_you_mean(name, [*fields, *general])}")
    section = create_model(getattr(part, "__name__", "part"), __base__=Section, **fields)
    try:
        checked = section.model_validate(dict(arguments))
    except ValidationError as error:
        raise ConfigError(f"{key}.{describe(error, section)}") from None
    return {name: getattr(checked, name) for name in checked.model_fields_set}


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
