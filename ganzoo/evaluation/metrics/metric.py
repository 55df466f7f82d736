"""What a metric is, and how names become metrics.

A metric is a function in a module of this package, decorated with `@metric("name", …)`; every module is imported on
first use, so a new file is all it takes. One function may give several numbers.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import ganzoo.evaluation.metrics as package
from ganzoo.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from ganzoo.evaluation.collected import Collected
    from ganzoo.evaluation.extractors.extractor import Extractor
    from ganzoo.models.generative import GenerativeModel

Need = Literal["features", "classes", "held_out", "labels", "model"]
Better = Literal["lower", "higher"]


class Value(NamedTuple):
    """A number, and its standard deviation over subsets where the metric has one."""

    value: float
    spread: float | None = None


@dataclass(frozen=True)
class Comparison:
    """All that a metric may look at.

    Attributes:
      real, fake: what was collected of the two sets.
      held_out: of real examples that no model was trained on; None where there are none.
      extractor: that the features came from.
      model: that the fake ones were drawn from; None where they came from files.
      seed: of whatever a metric draws.
    """

    real: Collected
    fake: Collected
    held_out: Collected | None
    extractor: Extractor
    model: GenerativeModel | None
    seed: int


@dataclass(frozen=True)
class Metric:
    """One registered function.

    Attributes:
      names: of the numbers it gives, each with what it is better to be.
      needs: `features` (kept, one by one), `classes` (an extractor that classifies), `held_out` (further real
        examples), `labels` (a conditional model), `model` (a model, not files).
      compute: comparison -> name -> value.
    """

    names: Mapping[str, Better]
    needs: frozenset[Need]
    compute: Callable[[Comparison], dict[str, Value]]


_metrics: dict[str, Metric] = {}


def metric(
    *, needs: Iterable[Need] = (), **names: Better
) -> Callable[[Callable[[Comparison], dict[str, Value]]], Callable[[Comparison], dict[str, Value]]]:
    """Decorator that makes a function known under the names of its numbers (`fid="lower"`)."""

    def keep(compute: Callable[[Comparison], dict[str, Value]]) -> Callable[[Comparison], dict[str, Value]]:
        _metrics.update(dict.fromkeys(names, Metric(names, frozenset(needs), compute)))
        return compute

    return keep


def get(name: str) -> Metric:
    """The metric that gives the number of that name.

    Raises:
      ConfigError: there is none.
    """
    known = all_metrics()
    if name not in known:
        raise ConfigError(f"metrics: unknown metric '{name}'{did_you_mean(name, known)}")
    return known[name]


def all_metrics() -> dict[str, Metric]:
    """Every name, sorted, with its metric."""
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_metrics.items()))
