"""Metrics: their interface, registration and lookup by name.

A metric is a function decorated with `@metric(name="lower", …)`. One function may return several numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ganzoo.registry import Registration, of

if TYPE_CHECKING:
    from ganzoo.evaluation.collected import Collected
    from ganzoo.evaluation.extractors.extractor import Extractor
    from ganzoo.evaluation.translations import Translation
    from ganzoo.models.generative import GenerativeModel
    from ganzoo.models.translation import TranslationModel

Need = Literal[
    "features",
    "classes",
    "mixture",
    "held_out",
    "labels",
    "model",
    "translation",
    "untouched",
    "source",
    "truth",
    "both_ways",
]
Better = Literal["lower", "higher"]
SUBSETS = 100
FEWEST = 2  # examples of a set


class Value(NamedTuple):
    """Value of a metric and its standard error: None where half-sampling gives it, NaN where nothing does."""

    value: float
    spread: float | None = None


def mean(values: np.ndarray) -> Value:
    """Return the mean over examples `[n]`, and its standard error."""
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return Value(float(values.mean()), float(error))


@dataclass(frozen=True)
class Comparison:
    """Input of metrics.

    Attributes:
      real, fake: statistics of the two sets.
      held_out: statistics of real examples that no model was trained on, or None.
      extractor: extractor of the features.
      model: model that drew the fake examples; None for files and translations.
      seed: seed of random draws.
      translation: data of the translation; this and the rest are None if the fake examples are not translations.
      translator: model that made the fake examples from `translation.given`.
      untouched: statistics of `translation.given`, if a metric needs them.
      source: statistics of `translation.source`, if a metric needs them.
      subsets: number of random subsets of a kernel distance.
      examples_a_class: most examples of a class whose pairs are compared; bounds time and memory.
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
    subsets: int = SUBSETS
    examples_a_class: int = 500

    def picked(self, real: np.ndarray, fake: np.ndarray, held_out: np.ndarray | None = None) -> Comparison:
        """Select examples by ascending indices, and for translations the images that they were made from.

        A kernel distance of them takes fewer subsets, as a standard error needs no more; pairs within classes take as
        small a share of the examples as before.
        """
        return replace(
            self,
            subsets=SUBSETS // 4,
            examples_a_class=self.examples_a_class // 2,
            real=self.real.picked(real),
            fake=self.fake.picked(fake),
            held_out=None if self.held_out is None or held_out is None else self.held_out.picked(held_out),
            untouched=self.untouched and self.untouched.picked(fake),
        )

    def translated(self) -> tuple[Translation, TranslationModel]:
        """Return the translation and its model, for a metric that needs them."""
        assert self.translation is not None and self.translator is not None, "the need is checked before"  # noqa: PT018
        return self.translation, self.translator


@dataclass(frozen=True)
class Metric:
    """Registered metric function.

    Attributes:
      names: names of its numbers, each with the better direction.
      needs: `features` (of every example), `classes` (an extractor that classifies), `mixture` (real points from known
        Gaussians), `held_out` (other real examples), `labels` (a conditional model), `model` (one that draws, not
        files); `translation` (fake examples are translations), and for these `untouched` (statistics of the original
        images), `source` (statistics of the training images of their domain, and test images of the target), `truth`
        (true translations), `both_ways` (a model that also translates back).
      least: smallest number of examples of each set that it can be computed from.
      compute: function from comparison to name -> value.
    """

    names: Mapping[str, Better]
    needs: frozenset[Need]
    least: int
    compute: Callable[[Comparison], dict[str, Value]]


METRICS = of("metric")


def metric(
    *, needs: Iterable[Need] = (), least: int = FEWEST, **names: Better
) -> Callable[[Callable[[Comparison], dict[str, Value]]], Callable[[Comparison], dict[str, Value]]]:
    """Register a function under the names of its numbers (`fid="lower"`).

    A function of a single number can also be registered with `@register("metric", "fid", better="lower")`.
    """

    def keep(compute: Callable[[Comparison], dict[str, Value]]) -> Callable[[Comparison], dict[str, Value]]:
        for name in names:
            METRICS.register(name, better=names, needs=tuple(needs), least=least)(compute)
        return compute

    return keep


def get(name: str) -> Metric:
    """Return the metric that computes the number of this name.

    Raises:
      ConfigError: the name is unknown.
    """
    return _metric(name, METRICS.find(name))


def all_metrics() -> dict[str, Metric]:
    """Return every name, sorted, with its metric."""
    return {name: _metric(name, found) for name, found in METRICS.all().items()}


def _metric(name: str, found: Registration[Callable[[Comparison], Any]]) -> Metric:
    better = found.properties.get("better", "lower")
    names = tuple(better.items()) if isinstance(better, Mapping) else ((name, better),)
    needs, least = frozenset(found.properties.get("needs", ())), found.properties.get("least", FEWEST)
    return _of(names, needs, least, found.part)


@cache  # one object per function, so that its numbers are computed once
def _of(
    names: tuple[tuple[str, Better], ...],
    needs: frozenset[Need],
    least: int,
    function: Callable[[Comparison], Any],
) -> Metric:
    def compute(comparison: Comparison) -> dict[str, Value]:
        given = function(comparison)
        return given if isinstance(given, dict) else {names[0][0]: Value(float(given))}

    return Metric(dict(names), needs, least, compute)
