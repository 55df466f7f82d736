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
    from ganzoo.evaluation.translations import Translation
    from ganzoo.models.generative import GenerativeModel
    from ganzoo.models.translation import TranslationModel

Need = Literal[
    "features", "classes", "held_out", "labels", "model", "translation", "untouched", "source", "truth", "both_ways"
]
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
      model: that the fake ones were drawn from; None where they came from files or are translations.
      seed: of whatever a metric draws.
      translation: the real images on both sides of it; None where the fake ones are no translations, as the rest.
      translator: that made the fake ones out of `translation.given`.
      untouched: what was collected of `translation.given`, where a metric needs it.
      source: the same of `translation.source`.
    """

    real: Collected
    fake: Collected
    held_out: Collected | None
    extractor: Extractor
    model: GenerativeModel | None
    seed: int
    translation: Translation | None = None
    translator: TranslationModel | None = None
    untouched: Collected | None = None
    source: Collected | None = None

    def translated(self) -> tuple[Translation, TranslationModel]:
        """The translation and its model, of a metric that needs one."""
        assert self.translation is not None and self.translator is not None, "the need is checked before"  # noqa: PT018
        return self.translation, self.translator


@dataclass(frozen=True)
class Metric:
    """One registered function.

    Attributes:
      names: of the numbers it gives, each with what it is better to be.
      needs: `features` (kept, one by one), `classes` (an extractor that classifies), `held_out` (further real
        examples), `labels` (a conditional model), `model` (one that draws, not files); `translation` (fake examples
        that are translations), and of these `untouched` (what was collected of the images before), `source` (the same
        of the training images of their domain, and test images of the target), `truth` (the right translations),
        `both_ways` (a model that translates back, too).
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
