"""Typed config of a model: sections, parsing and overrides."""

from ganzoo.schema.config import SHORT_NAMES, TASKS, TRANSLATION, Config, Licence, parse, read_yaml
from ganzoo.schema.dataset import SHAPE_KEYS, ColumnConfig, DatasetConfig, choose_domain, other_domain
from ganzoo.schema.parts import (
    AugmentationConfig,
    LossConfig,
    ModelConfig,
    NetworkConfig,
    PartConfig,
    PenaltyConfig,
    check_arguments,
)
from ganzoo.schema.section import OpenSection, Section
from ganzoo.schema.training import (
    EvaluationConfig,
    OptimizerConfig,
    OptimizersConfig,
    ScheduleConfig,
    StopRule,
    TrainingConfig,
)

__all__ = [
    "SHAPE_KEYS",
    "SHORT_NAMES",
    "TASKS",
    "TRANSLATION",
    "AugmentationConfig",
    "ColumnConfig",
    "Config",
    "DatasetConfig",
    "EvaluationConfig",
    "Licence",
    "LossConfig",
    "ModelConfig",
    "NetworkConfig",
    "OpenSection",
    "OptimizerConfig",
    "OptimizersConfig",
    "PartConfig",
    "PenaltyConfig",
    "ScheduleConfig",
    "Section",
    "StopRule",
    "TrainingConfig",
    "check_arguments",
    "choose_domain",
    "other_domain",
    "parse",
    "read_yaml",
]
