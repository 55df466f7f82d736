"""Cards that can be proved wrong: their numbers, computed again from the shipped weights."""

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
    """One number of a card and what it came to this time.

    Attributes:
      metric: its name, with the extractor and, of translations, the domain.
      stated, found: the two values.
      tolerance: how far they may be apart.
    """

    metric: str
    stated: float
    found: float
    tolerance: float

    @property
    def holds(self) -> bool:
        """Whether the card is right; NaN never is."""
        return abs(self.found - self.stated) <= self.tolerance


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What became of a card.

    Attributes:
      name: of the model.
      checks: a number each.
      problems: what else is wrong, in one line each.
      unchecked: why nothing was computed, as the data cannot be had here; empty where all was.
    """

    name: str
    checks: list[Check]
    problems: list[str]
    unchecked: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether all of the card is right; None where that was not checked."""
        if self.unchecked:
            return None
        return not self.problems and all(check.holds for check in self.checks)

    @property
    def outcome(self) -> str:
        """`holds`, `does not hold` or `not checked`."""
        return {True: "holds", False: "does not hold", None: "not checked"}[self.holds]

    def to_dict(self) -> dict[str, Any]:
        """For machines; `holds` is null where nothing was checked."""
        checks = [{**dataclasses.asdict(check), "holds": check.holds} for check in self.checks]
        told = {"name": self.name, "holds": self.holds, "checks": checks, "problems": self.problems}
        return told | ({"unchecked": self.unchecked} if self.unchecked else {})

    def describe(self) -> str:
        """For people."""
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
    """Computes all numbers of a card again.

    Args:
      name: of a zoo model with weights, whose SHA-256 `load` compares with the card's.
      card: another one than the zoo's.
      data_dir: folder of the data sets, for data that are not embedded.
      note: told what is going on.

    Raises:
      ConfigError: there is no such model or card.
      DataError: the data cannot be had.
      WeightsError: the weights are not those of the card, or an extractor's cannot be had.
    """
    card = card if card is not None else catalog.card(name)
    checks, problems = [], []
    config = catalog.config(name)
    if card.licence != config.licence:
        problems.append("licence: not the config's")
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
    """One evaluation of a card, made again: its numbers, and what else is wrong."""
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
        problems.append(f"features: {how.features} is not the one that the card was made with")
    real = found.protocol["real"]
    if (real["count"], real_name(real)) != (how.real_count, how.real):
        problems.append(f"real: {real['count']:,} examples of {real_name(real)} were found")
    if found.protocol["fake"]["count"] != how.num_samples:
        problems.append(
            f"num_samples: {found.protocol['fake']['count']:,} could be made, the card has {how.num_samples:,}"
        )
    keys = {f"{metric.name}_{how.features}": metric for metric in metrics}
    to = f", to {how.to}" if how.to else ""
    return [Check(key + to, metric.value, found[key], metric.tolerance) for key, metric in keys.items()], problems


def real_name(about: dict[str, Any]) -> str:
    """What a protocol's real examples are called on a card: `mnist_5k train`, `cycle_gan/x (a) train+test`."""
    return " ".join(filter(None, [about["name"], about.get("split")]))
