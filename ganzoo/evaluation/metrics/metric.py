"""What a metric is, and how names become metrics.

A metric is a function, decorated with `@metric(name="lower", …)`. One function may give several numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ganzoo.registry import Registration, of

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


METRICS = of("metric")


def metric(
    *, needs: Iterable[Need] = (), **names: Better
) -> Callable[[Callable[[Comparison], dict[str, Value]]], Callable[[Comparison], dict[str, Value]]]:
    """Decorator that makes a function known under the names of its numbers (`fid="lower"`).

    One that gives a single number can as well be registered with `@register("metric", "fid", better="lower")`.
    """

    def keep(compute: Callable[[Comparison], dict[str, Value]]) -> Callable[[Comparison], dict[str, Value]]:
        for name in names:
            METRICS.register(name, better=names, needs=tuple(needs))(compute)
        return compute

    return keep


def get(name: str) -> Metric:
    """The metric that gives the number of that name.

    Raises:
      ConfigError: there is none.
    """
    return _metric(name, METRICS.find(name))


def all_metrics() -> dict[str, Metric]:
    """Every name, sorted, with its metric."""
    return {name: _metric(name, found) for name, found in METRICS.all().items()}


def _metric(name: str, found: Registration[Callable[[Comparison], Any]]) -> Metric:
    better = found.properties.get("better", "lower")
    names = tuple(better.items()) if isinstance(better, Mapping) else ((name, better),)
    return _of(names, frozenset(found.properties.get("needs", ())), found.part)


@cache  # one object for all of a function's numbers, so that it is computed once
def _of(names: tuple[tuple[str, Better], ...], needs: frozenset[Need], function: Callable[[Comparison], Any]) -> Metric:
    def compute(comparison: Comparison) -> dict[str, Value]:
        given = function(comparison)
        return given if isinstance(given, dict) else {names[0][0]: Value(float(given))}

    return Metric(dict(names), needs, compute)
