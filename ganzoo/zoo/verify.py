"""Verify cards: recompute their numbers from the shipped weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganzoo.evaluation.card import Card, EvaluationRecord
from ganzoo.zoo import catalog
from ganzoo.zoo.evaluate import evaluate


@dataclasses.dataclass(frozen=True)
class Check:
    """One number of a card, recomputed.

    Attributes:
      metric: name of the metric, with the extractor and, for translations, the domain.
      stated, found: value on the card and recomputed value.
      tolerance: largest allowed difference.
    """

    metric: str
    stated: float
    found: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Return whether the values agree; NaN never does."""
        return abs(self.found - self.stated) <= self.tolerance


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Result of verifying a card.

    Attributes:
      name: name of the model.
      checks: one check per number.
      problems: other problems, one line each.
      unchecked: reason why nothing was computed, such as missing data; empty otherwise.
    """

    name: str
    checks: list[Check]
    problems: list[str]
    unchecked: str = ""

    @property
    def holds(self) -> bool | None:
        """Return whether the whole card holds; None if it was not checked."""
        if self.unchecked:
            return None
        return not self.problems and all(check.holds for check in self.checks)

    @property
    def outcome(self) -> str:
        """Return `holds`, `does not hold` or `not checked`."""
        return {True: "holds", False: "does not hold", None: "not checked"}[self.holds]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; `holds` is null if nothing was checked."""
        checks = [{**dataclasses.asdict(check), "holds": check.holds} for check in self.checks]
        told = {"name": self.name, "holds": self.holds, "checks": checks, "problems": self.problems}
        return told | ({"unchecked": self.unchecked} if self.unchecked else {})

    def describe(self) -> str:
        """Return a human-readable report."""
        if self.unchecked:
            return f"{self.name}: NOT CHECKED\n  {self.unchecked}"
        lines = [f"{self.name}: {'holds' if self.holds else 'DOES NOT HOLD'}"]
        for check in self.checks:
            mark = "ok  " if check.holds else "FAIL"
            lines.append(
                f"  {mark} {check.metric}: {check.found:.5g}, stated {check.stated:.5g} ± {check.tolerance:.2g}"
            )
        return "\n".join([*lines, *(f"  FAIL {problem}" for problem in self.problems)])


def verify(
    name: str,
    *,
    card: Card | None = None,
    data_dir: str | Path | None = None,
    note: Callable[[str], None] = lambda line: None,
) -> Verdict:
    """Recompute all numbers of a card.

    Args:
      name: zoo model with weights; `load` compares their SHA-256 with the card's.
      card: card to verify instead of the zoo's.
      data_dir: folder of the data sets, for data that are not embedded.
      note: receives progress messages.

    Raises:
      ConfigError: there is no such model or card.
      DataError: the data are not available.
      WeightsError: the weights are not those of the card, or those of an extractor are not available.
    """
    card = card if card is not None else catalog.card(name)
    checks, problems = [], []
    config = catalog.config(name)
    if card.licence != config.licence:
        problems.append("licence: differs from the config's")
    if config.offers("generate") and "memorisation" not in {metric.name for metric in card.metrics}:
        problems.append("metrics: no memorisation figure")
    for how in card.evaluations:
        found, wrong = _again(name, card, how, data_dir, note)
        checks += found
        problems += wrong
    return Verdict(card.name, checks, problems)


def _again(
    name: str, card: Card, how: EvaluationRecord, data_dir: str | Path | None, note: Callable[[str], None]
) -> tuple[list[Check], list[str]]:
    """Repeat one evaluation of a card; return its checks and other problems."""
    metrics, problems = card.metrics_of(how), []
    found = evaluate(
        name,
        [metric.name for metric in metrics],
        how.num_samples,
        to=how.to,
        features=how.features,
        seed=how.seed,
        data_dir=data_dir,
        note=note,
    )
    if found.protocol["features_sha256"] != how.features_sha256:
        problems.append(f"features: the weights of {how.features} are not those that the card was made with")
    real = found.protocol["real"]
    if (real["count"], real_name(real)) != (how.real_count, how.real):
        problems.append(f"real: expected {how.real_count:,} of {how.real}, got {real['count']:,} of {real_name(real)}")
    if found.protocol["fake"]["count"] != how.num_samples:
        problems.append(f"num_samples: expected {how.num_samples:,}, got {found.protocol['fake']['count']:,}")
    keys = {f"{metric.name}_{how.features}": metric for metric in metrics}
    to = f", to {how.to}" if how.to else ""
    return [Check(key + to, metric.value, found[key], metric.tolerance) for key, metric in keys.items()], problems


def real_name(about: dict[str, Any]) -> str:
    """Return the card's name of a protocol's real examples: `mnist_5k train`, `cycle_gan/x (a) train+test`."""
    return " ".join(filter(None, [about["name"], about.get("split")]))
