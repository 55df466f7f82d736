"""Compare two sets of examples: metrics named with their extractor, and a protocol to reproduce them."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo.core.hardware import peak_memory_gib
from ganzoo.data import kinds
from ganzoo.data.domains import list_hash
from ganzoo.errors import UsageError
from ganzoo.evaluation import folders
from ganzoo.evaluation.collected import Collected, collect
from ganzoo.evaluation.examples import Examples
from ganzoo.evaluation.extractors.extractor import open_extractor
from ganzoo.evaluation.halves import with_errors
from ganzoo.evaluation.metrics.metric import FEWEST, Comparison, Need, Value, all_metrics, get
from ganzoo.evaluation.result import Evaluation
from ganzoo.version import __version__

if TYPE_CHECKING:
    from ganzoo.evaluation.translations import Translation
    from ganzoo.models.generative import GenerativeModel
    from ganzoo.models.translation import TranslationModel
    from ganzoo.schema import DatasetConfig

DEFAULT_METRICS = ("fid", "kid", "precision", "recall", "density", "coverage")
DEFAULT_SAMPLES = 10_000
FEW_FOR_KID = 1000
OF_TWO_SETS = {"features", "untouched", "mixture"}  # needs of metrics that compare any two sets
OF_TRANSLATIONS: tuple[Need, ...] = ("translation", "untouched")
Note = Callable[[str], None]


class Evaluator:
    """Comparison with a set of real examples, whose statistics are computed once.

    Args:
      real: real examples.
      features: name of the extractor.
      metrics: names of the metrics.
      held_out: real examples that no model was trained on, for metrics that need them.
      translation: data of a translation to evaluate; its target is `real`.
      seed: seed of the metrics' random draws.
      thorough: compute standard errors by half-sampling too, and compare with held-out examples, the generated as well
        as real training examples.
      note: receives progress messages.

    Raises:
      ConfigError: the extractor or a metric is unknown.
      UsageError: a metric cannot be computed with this extractor or these examples.
      WeightsError: the extractor's weights are not available.
    """

    def __init__(
        self,
        real: Examples,
        features: str,
        metrics: Iterable[str] = DEFAULT_METRICS,
        *,
        held_out: Examples | None = None,
        translation: Translation | None = None,
        seed: int = 0,
        thorough: bool = False,
        note: Note = lambda line: None,
    ) -> None:
        began = time.monotonic()
        self.names = list(dict.fromkeys(metrics))
        check_metrics(self.names, translates=translation is not None)
        chosen = {name: get(name) for name in self.names}
        self.metrics = list({id(metric): metric for metric in chosen.values()}.values())
        self.better = {name: metric.names[name] for name, metric in chosen.items()}
        self.extractor = _open(features).for_kind(real.kind, real.name)
        self.seed = seed
        self.thorough = thorough
        self.note = note
        self.translation = translation
        self._check(real, held_out)
        self._check_count(real)
        self._check_translation()
        self.real = self._collect(real, "real")
        self.held_out = None
        if held_out and (thorough or self._needed("held_out")):
            self.held_out = self._collect(held_out, "held-out")
        self.untouched = self.source = None
        if translation and self._needed("untouched"):
            self.untouched = self._collect(translation.given, "untouched")
        if translation and self._needed("source"):
            self.source = self._collect(translation.source, "source")
        self.seconds = time.monotonic() - began

    def key(self, name: str) -> str:
        """Return a metric's name with the extractor."""
        return f"{name}_{self.extractor.name}"

    def check_generated(self, name: str, *, draws: bool, labelled: bool) -> None:
        """Refuse metrics that need more of the generated examples: a model that draws them, or labels.

        Raises:
          UsageError: a metric cannot be computed for them.
        """
        if not draws and self._needed("model"):
            raise UsageError(f"metrics: {self._who_needs('model')} needs a model that draws, got {name} (leave it out)")
        if not labelled and self._needed("labels"):
            raise UsageError(f"metrics: {self._who_needs('labels')} needs a conditional model (leave it out)")

    def __call__(
        self, fake: Examples, model: GenerativeModel | None = None, translator: TranslationModel | None = None
    ) -> Evaluation:
        """Compare examples with the real ones.

        Args:
          fake: examples to evaluate.
          model: model that drew them, for metrics that need it.
          translator: model that made them from `translation.given`, for translation metrics.

        Raises:
          UsageError: there are fewer than two examples, or a metric needs a model that is not given.
          DataError: size or mode of the examples differ.
        """
        began = time.monotonic()
        folders.check_alike(self.translation.given if self.translation else self.real.examples, fake)
        self.check_generated(fake.name, draws=model is not None, labelled=fake.labels is not None)
        self._check_count(fake)
        collected = self._collect(fake, "generated")
        comparison = Comparison(
            self.real,
            collected,
            self.held_out,
            self.extractor,
            model,
            self.seed,
            self.translation,
            translator,
            self.untouched,
            self.source,
        )
        if self.thorough:
            found = with_errors(self.metrics, comparison)
            held_out, floor, unseen = self._against_held_out(comparison)
        else:
            found = {name: value for metric in self.metrics for name, value in metric.compute(comparison).items()}
            held_out, floor, unseen = {}, {}, _about(self.held_out) if self.held_out else None
        protocol = {
            "features": self.extractor.name,
            "features_sha256": self.extractor.sha256,
            "features_licence": self.extractor.licence,
            **({"features_trained_on": self.extractor.trained_on} if self.extractor.trained_on else {}),
            "real": _about(self.real),
            "fake": _about(collected),
            **({"held_out": unseen} if unseen else {}),
            "seed": self.seed,
            "better": {self.key(name): better for name, better in self.better.items()},
            "warnings": self._warnings(collected),
            "seconds": round(self.seconds + time.monotonic() - began, 2),
            "peak_memory_gib": peak_memory_gib(),
            "ganzoo": __version__,
        }
        files = self.translation.files if self.translation else ()
        if files:
            protocol["files"] = {"count": len(files), "sha256": list_hash(files)}
        asked = {self.key(name): found[name] for name in self.names}
        return Evaluation(asked, protocol, self.real, collected, held_out, floor, files)

    def _against_held_out(
        self, comparison: Comparison
    ) -> tuple[dict[str, Value], dict[str, Value], dict[str, Any] | None]:
        """Compare the generated and as many real training examples with the held-out ones, which are described."""
        learned, unseen = self.real, self.held_out
        if self.translation:
            numbers = np.arange(self.real.count)
            first = self.translation.learned_from
            learned, unseen = self.real.picked(numbers[:first]), self.real.picked(numbers[first:])
        if unseen is None:
            return {}, {}, None
        count = min(learned.count, comparison.fake.count)
        fewest = min(count, unseen.count)
        metrics = [metric for metric in self.metrics if metric.needs <= OF_TWO_SETS and metric.least <= fewest]
        untouched = comparison.untouched and comparison.untouched.evenly(count)
        sets = replace(comparison, real=unseen, held_out=None, untouched=untouched)
        held_out, floor = (
            with_errors(metrics, replace(sets, fake=each.evenly(count))) for each in (comparison.fake, learned)
        )
        held_out, floor = (
            {self.key(name): each[name] for name in self.names if name in each} for each in (held_out, floor)
        )
        split = unseen.examples.about.get("split", "").rpartition("+")[2]
        return held_out, floor, {**_about(unseen), **({"split": split} if split else {}), "compared": count}

    def _needed(self, need: Need) -> bool:
        return needs(self.names, need)

    def _who_needs(self, need: Need) -> str:
        return next(name for name in self.names if need in get(name).needs)

    def _check(self, real: Examples, held_out: Examples | None) -> None:
        if self._needed("classes") and not self.extractor.class_names:
            who = self._who_needs("classes")
            raise UsageError(f"metrics: {who} needs an extractor that classifies, got {self.extractor.name}")
        if self._needed("mixture") and (real.mixture is None or self.extractor.name != "identity"):
            raise UsageError(
                f"metrics: {self._who_needs('mixture')}: expected points of ring or grid and the features "
                f"identity, got {real.name} and {self.extractor.name} (leave it out)"
            )
        if self._needed("held_out") and held_out is None:
            who = self._who_needs("held_out")
            raise UsageError(f"metrics: {who} needs held-out real examples, got none (leave it out)")

    def _check_count(self, examples: Examples) -> None:
        if few := uncomputable(self.names, examples.count):
            raise UsageError(
                f"metrics: {', '.join(few)}: expected {get(few[0]).least} or more examples of {examples.name}, got "
                f"{examples.count} (leave them out, or give more)"
            )

    def _check_translation(self) -> None:
        translation = self.translation
        if translation is None:
            return
        wanted: list[tuple[Need, bool, str]] = [
            ("truth", translation.truth is not None, f"the true translations of {translation.given.name}"),
            ("both_ways", translation.both_ways, "a model that translates both ways"),
            (
                "source",
                translation.learned_from < translation.target.count,
                f"test images of {translation.target.name}, which training does not use",
            ),
        ]
        for need, there, what in wanted:
            if self._needed(need) and not there:
                raise UsageError(f"metrics: {self._who_needs(need)} needs {what} (leave it out)")

    def _collect(self, examples: Examples, what: str) -> Collected:
        self.note(f"features of {examples.count:,} {what} examples ({self.extractor.name})")
        return collect(examples, self.extractor, keep_features=self.thorough or self._needed("features"))

    def _warnings(self, fake: Collected) -> list[str]:
        """Return warnings about unreliable figures."""
        warnings = []
        known = self.real.examples.about.get("of", self.real.count)
        if self._needed("held_out") and known > self.real.count:
            warnings.append(
                f"memorisation: {self.real.count:,} of the {known:,} training examples were checked; copies of "
                "the others are not found (give more num_samples, --num_samples)"
            )
        counts = f"{self.real.count:,} real and {fake.count:,} generated examples"
        dimensions = len(self.real.moments.mean)
        fewest = min(self.real.count, fake.count)
        if "fid" in self.names and fewest <= dimensions:
            warnings.append(
                f"fid: {counts} for {dimensions:,} dimensions: covariances have low rank, which biases the "
                "distance upwards; compare only figures of equal counts, or use more"
            )
        distance = next((name for name in ("kid", "kid_ratio") if name in self.names), None)
        if distance and fewest < FEW_FOR_KID:
            use = f"use {FEW_FOR_KID:,} or more of each"
            warnings.append(f"{distance}: {counts}: unbiased for independent examples, but imprecise; {use}")
        return warnings


def uncomputable(metrics: Iterable[str], count: int) -> list[str]:
    """Return the metrics that cannot be computed from so few examples of a set, though others can.

    Raises:
      ConfigError: a metric is unknown.
    """
    return [name for name in metrics if max(count, FEWEST) < get(name).least]


def needs(metrics: Iterable[str], need: Need) -> bool:
    """Return whether one of the metrics has this need.

    Raises:
      ConfigError: a metric is unknown.
    """
    return any(need in get(name).needs for name in metrics)


def check_metrics(metrics: Sequence[str], *, translates: bool) -> None:
    """Refuse metrics that cannot be computed, whatever the examples are; needs no TensorFlow.

    Args:
      metrics: names of the metrics.
      translates: whether translations are evaluated.

    Raises:
      ConfigError: a metric is unknown.
      UsageError: there are none, or one is for translations only.
    """
    if not metrics:
        raise UsageError(f"metrics: none given (known: {', '.join(all_metrics())})")
    for name in metrics:
        if set(OF_TRANSLATIONS) & set(get(name).needs) and not translates:
            raise UsageError(f"metrics: {name} needs a model that translates (leave it out)")


def default_features(dataset: DatasetConfig, domain: str = "") -> str:
    """Return the default extractor of a data set or one of its domains; see `Kind.default_features`."""
    return kinds.of(dataset).default_features(dataset.name, domain)


def _about(collected: Collected) -> dict[str, Any]:
    examples = collected.examples
    return {"name": examples.name, "count": collected.count, "shape": list(examples.shape), **examples.about}


_open = functools.cache(open_extractor)  # one compiled function per process
