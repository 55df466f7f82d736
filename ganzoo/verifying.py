"""Cards that can be proved wrong: their numbers, computed again from the shipped weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from ganzoo import zoo
from ganzoo.evaluation.card import Card
from ganzoo.judging import evaluate


@dataclasses.dataclass(frozen=True)
class Check:
    """One number of a card and what it came to this time.

    Attributes:
      metric: its name, with the extractor.
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
    """

    name: str
    checks: list[Check]
    problems: list[str]

    @property
    def holds(self) -> bool:
        """Whether all of the card is right."""
        return not self.problems and all(check.holds for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """For machines."""
        checks = [{**dataclasses.asdict(check), "holds": check.holds} for check in self.checks]
        return {"name": self.name, "holds": self.holds, "checks": checks, "problems": self.problems}

    def describe(self) -> str:
        """For people."""
        lines = [f"{self.name}: {'holds' if self.holds else 'DOES NOT HOLD'}"]
        for check in self.checks:
            mark = "ok  " if check.holds else "FAIL"
            lines.append(
                f"  {mark} {check.metric}: {check.found:.5g}, stated {check.stated:.5g} ± {check.tolerance:.2g}"
            )
        return "\n".join([*lines, *(f"  FAIL {problem}" for problem in self.problems)])


def verify(name: str, *, card: Card | None = None, note: Callable[[str], None] = lambda line: None) -> Verdict:
    """Computes all numbers of a card again.

    Args:
      name: of a zoo model with weights, whose SHA-256 `zoo.load` compares with the card's.
      card: another one than the zoo's.
      note: told what is going on.

    Raises:
      ConfigError: there is no such model or card.
      WeightsError: the weights are not those of the card, or an extractor's cannot be had.
    """
    card = card if card is not None else zoo.card(name)
    how = card.evaluation
    problems = []
    config = zoo.config(name)
    if card.licence != config.licence:
        problems.append("licence: not the config's")
    if "memorisation" not in {metric.name for metric in card.metrics}:
        problems.append("metrics: no memorisation figure")
    found = evaluate(
        name,
        [metric.name for metric in card.metrics],
        how.num_samples,
        features=how.features,
        seed=how.seed,
        note=note,
    )
    if found.protocol["features_sha256"] != how.features_sha256:
        problems.append(f"features: {how.features} is not the one that the card was made with")
    real = found.protocol["real"]
    if (real["count"], real_name(real)) != (how.real_count, how.real):
        problems.append(f"real: {real['count']:,} examples of {real_name(real)} were found")
    keys = {f"{metric.name}_{how.features}": metric for metric in card.metrics}
    checks = [Check(key, metric.value, found[key], metric.tolerance) for key, metric in keys.items()]
    return Verdict(card.name, checks, problems)


def real_name(about: dict[str, Any]) -> str:
    """What a protocol's real examples are called on a card: `mnist_5k train`."""
    return " ".join(filter(None, [about["name"], about.get("split")]))
