"""Typed schema of a config: YAML input and output, overrides, and a one-line error for every mistake.

A config describes a model completely. Names of pluggable parts (networks, losses, penalties, data sets) are plain
strings here and are checked where the parts are registered, so a new part needs no edit in this package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import yaml
from pydantic import ConfigDict, Field, ValidationError, model_validator

from ganzoo.errors import ConfigError, did_you_mean
from ganzoo.schema import migration
from ganzoo.schema.dataset import DatasetConfig
from ganzoo.schema.parsing import assign, check_path, check_plain, describe, load_yaml, read_scalar
from ganzoo.schema.parts import AugmentationConfig, LossConfig, ModelConfig, NetworkConfig, PartConfig, PenaltyConfig
from ganzoo.schema.section import Section, check_further
from ganzoo.schema.training import (
    EvaluationConfig,
    OptimizerConfig,
    OptimizersConfig,
    ScheduleConfig,
    TrainingConfig,
)

# Short names of config keys, for flags and keyword arguments.
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


class Licence(Section):
    data: str
    weights: str


# Task by kind of data; two domains make it a translation.
TASKS = {
    "image": "image_generation",
    "points": "point_generation",
    "table": "table_generation",
    "sequence": "sequence_generation",
}
TRANSLATION = "image_translation"


class Config(Section):
    """A complete model: data, scheme, networks, objectives, optimizers, training. See `zoo_configs/` for examples.

    In addition to the fields below there is one mapping per network, named by its role in the scheme: `generator`,
    `discriminator`, `encoder`. `imports` lists the modules outside ganzoo that registered parts of the config.
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
    augmentations: list[AugmentationConfig] = Field(default_factory=list)
    optimizer: OptimizersConfig
    training: TrainingConfig
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)

    @model_validator(mode="before")
    @classmethod
    def _networks_are_mappings(cls, data: Any) -> Any:
        check_further(cls, data, "a network", "network")
        return data

    @model_validator(mode="after")
    def _possible(self) -> Config:
        for parts, what in ((self.penalties, "penalties"), (self.constraints, "constraints")):
            names = [part.name for part in parts]
            if len(set(names)) < len(names):
                mend = "the sum of the weights" if what == "penalties" else "the intended options"
                raise ValueError(f"{what}: expected different names, got one twice (give it once, with {mend})")
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
        """Networks by role."""
        return dict(self.__pydantic_extra__)

    @property
    def schedules(self) -> dict[str, ScheduleConfig]:
        """Schedules of learning rates and of the weights of penalties, by dotted key."""
        owners: dict[str, Any] = {f"optimizer.{name}": one for name, one in self.optimizer.updates.items()}
        owners |= {f"penalties.{number}": one for number, one in enumerate(self.penalties)}
        return {f"{key}.schedule": one.schedule for key, one in owners.items() if one.schedule is not None}

    def offers(self, verb: str) -> bool:
        """Return whether models of the config's task can `generate` or `translate`."""
        return verb == ("translate" if self.task == TRANSLATION else "generate")

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `parse` reads back to an equal config."""
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
        """Return the resolved config as YAML, keys in the schema's order."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True, width=120)

    def override(self, values: dict[str, Any], note: Callable[[str], None] | None = None) -> Config:
        """Return a new config with single values replaced.

        Replacing a part by name (`loss.name`, `generator.network`) drops the options of the old part.

        Args:
          values: dotted key -> value (`{"training.steps": 100}`); text is read as YAML (`"1e-4"` is a number).
          note: called with a message about dropped options.

        Raises:
          ConfigError: if a key is unknown, a type is wrong or values conflict; starts with `KEY=VALUE`.
        """
        data = self.to_dict()
        moved = {migration.MOVED.get(key, key): value for key, value in values.items()}
        for key, value in moved.items():
            where = f"{key}={value}"
            self._check_path(key, where, moved)
            parsed = read_scalar(value, where) if isinstance(value, str) else value
            keys = key.split(".")
            if dropped := _drop_options(data, keys, parsed, moved):
                told = (
                    f"{'.'.join(keys[:-1])}: {parsed} replaces another part, whose options are dropped"
                    f" ({', '.join(dropped)})"
                )
                (note or (lambda _: None))(told)
            assign(data, keys, parsed, where)
        given = ", ".join(f"{key}={value}" for key, value in moved.items())
        return parse(data, origin=given or self.name)

    def _check_path(self, dotted: str, where: str, asked: Mapping[str, Any]) -> None:
        """Refuse a dotted key that is neither in the schema nor a role or update of the config."""
        first, _, rest = dotted.partition(".")
        if first in self.networks or f"{first}.network" in asked:
            return  # the part checks its own options
        if first == "optimizer" and (update := rest.partition(".")[0]) not in OptimizersConfig.model_fields:
            known = self.optimizer.updates
            if update and update not in known and f"optimizer.{update}.name" not in asked and update != rest:
                raise ConfigError(f"{where}: unknown key{did_you_mean(update, known, 'optimizer.')}")
            if update != rest:
                check_path(OptimizerConfig, rest.removeprefix(f"{update}."), where, f"optimizer.{update}.")
        elif rest or first in Config.model_fields:
            check_path(Config, dotted, where, more=[*self.networks])


def read_yaml(path: str | Path) -> Config:
    """Read and validate one YAML config.

    Raises:
      ConfigError: if the file is absent, is not YAML, repeats a key or does not fit the schema.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as a config ({error})") from None
    return parse(load_yaml(text, str(path)), origin=str(path))


def parse(data: Any, origin: str) -> Config:
    """Return a validated config from plain data.

    Args:
      data: parsed YAML.
      origin: start of every message: a file, or the requested override.

    Raises:
      ConfigError: names the origin, the key and the nearest valid name.
    """
    check_plain(data, origin)
    if not isinstance(data, dict):
        raise ConfigError(f"{origin}: expected a YAML mapping with the keys schema, name, dataset, …, got no mapping")
    try:
        return Config.model_validate(migration.today(data))
    except ValidationError as error:
        raise ConfigError(f"{origin}: {describe(error, Config)}") from None


# Keys that name a part in a section; replacing the name drops the part's options.
_NAMING = ("name", "network", "scheme")
_GENERAL = {"learning_rate", "schedule", "weight", "every"}  # common to all optimizers or penalties


def _drop_options(data: dict[str, Any], keys: list[str], value: Any, asked: Mapping[str, Any]) -> list[str]:
    """Remove the options of a part that is replaced by name from its section; return their names."""
    if len(keys) < 2 or keys[-1] not in _NAMING:
        return []
    section: Any = data
    for key in keys[:-1]:
        try:
            section = section[int(key) if isinstance(section, list) else key]
        except (LookupError, TypeError, ValueError):  # `assign` makes it, or says what is wrong
            return []
    if not isinstance(section, dict) or section.get(keys[-1]) in (None, value) or keys[0] in _CLOSED:
        return []
    prefix = ".".join(keys[:-1])
    general = {*_GENERAL, *(DatasetConfig.model_fields if prefix == "dataset" else ())}
    options = [key for key in section if key != keys[-1] and key not in general and f"{prefix}.{key}" not in asked]
    for option in options:
        del section[option]
    return sorted(options)


_CLOSED = ("evaluation", "licence", "training")
