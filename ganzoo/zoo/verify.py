"""Verify cards: recompute their numbers from the shipped weights."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from ganzoo.data.domains import list_hash
from ganzoo.errors import ConfigError
from ganzoo.evaluation.card import Card, EvaluationRecord, Figure, Metric
from ganzoo.evaluation.metrics.metric import Value
from ganzoo.evaluation.result import Evaluation
from ganzoo.zoo import catalog
from ganzoo.zoo.evaluate import evaluate

ERROR_TOLERANCE = 0.25  # of a standard error, which differs on another machine more than its value does
MISSING = Value(math.nan)


@dataclasses.dataclass(frozen=True)
class Check:
    """One number of a card, recomputed.

    Attributes:
      metric: name of the metric, with the extractor, for translations the domain, and which of its numbers it is.
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
      ConfigError: there is no such model or card, or the list beside the card is not the card's.
      DataError: the data are not available, or not those of the card.
      WeightsError: the weights are not those of the card, or those of an extractor are not available.
    """
    card = card if card is not None else catalog.card(name)
    checks, problems = [], []
    config = catalog.config(name)
    if card.licence != config.licence:
        problems.append("licence: differs from the config's")
    if config.offers("generate") and "memorisation" not in {metric.name for metric in card.metrics}:
        problems.append("metrics: no memorisation figure")
    files = _files(card)
    for how in card.evaluations:
        found, wrong = _again(name, card, how, files, data_dir, note)
        checks += found
        problems += wrong
    return Verdict(card.name, checks, problems)


def _files(card: Card) -> list[str] | None:
    """Return the list of image files beside the card, if it has one."""
    if card.files is None:
        return None
    path = catalog.files_path(card.name)
    files = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    if list_hash(files) != card.files.sha256:
        raise ConfigError(
            f"real: expected {card.files.count:,} files with list hash {card.files.sha256[:12]}, got {len(files):,} "
            f"with {list_hash(files)[:12]} in {path} (the list is not the card's: get both from one version)"
        )
    folders = Counter(name.partition("/")[0] for name in files)
    if folders != Counter(card.files.folders):
        raise ConfigError(f"files.folders: expected {dict(folders)} as in {path}, got {card.files.folders} in the card")
    return files


def _again(
    name: str,
    card: Card,
    how: EvaluationRecord,
    files: list[str] | None,
    data_dir: str | Path | None,
    note: Callable[[str], None],
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
        thorough=how.held_out is not None or any(metric.error is not None for metric in metrics),
        files=files,
        data_dir=data_dir,
        note=note,
    )
    protocol = found.protocol
    if protocol["features_sha256"] != how.features_sha256:
        problems.append(f"features: the weights of {how.features} are not those that the card was made with")
    for key, wanted in {"real": how, "held_out": how.held_out}.items():
        got = protocol.get(key)
        if wanted and got and (got["count"], real_name(got)) != (wanted.real_count, wanted.real):
            problems.append(
                f"{key}: expected {wanted.real_count:,} of {wanted.real}, got {got['count']:,} of {real_name(got)}"
            )
    compared = protocol.get("held_out", {}).get("compared")
    if how.held_out and compared != how.held_out.compared:
        problems.append(f"held_out.compared: expected {how.held_out.compared}, got {compared}")
    if protocol["fake"]["count"] != how.num_samples:
        problems.append(f"num_samples: expected {how.num_samples:,}, got {protocol['fake']['count']:,}")
    to = f", to {how.to}" if how.to else ""
    checks = [_checks(metric, found, f"{metric.name}_{how.features}", to) for metric in metrics]
    return list(chain.from_iterable(checks)), problems


def _checks(metric: Metric, found: Evaluation, key: str, to: str) -> Iterator[Check]:
    """Yield the checks of all numbers of a metric."""
    parts: list[tuple[str, Figure | Metric | None, Value]] = [
        ("", metric, Value(found[key], found.spread.get(key))),
        (", held out", metric.held_out, found.held_out.get(key, MISSING)),
        (", real/real", metric.floor, found.floor.get(key, MISSING)),
    ]
    for which, stated, value in parts:
        if stated is not None:
            yield Check(key + to + which, stated.value, value.value, stated.tolerance)
            if stated.error is not None:
                error = math.nan if value.spread is None else value.spread
                allowed = max(ERROR_TOLERANCE * stated.error, ERROR_TOLERANCE * stated.tolerance)
                yield Check(f"{key}{to}{which}: standard error", stated.error, error, allowed)


def real_name(about: dict[str, Any]) -> str:
    """Return the card's name of a protocol's real examples: `mnist_5k train`, `cycle_gan/x (a) train+test`."""
    options = ", ".join(f"{name}: {value}" for name, value in about.get("options", {}).items())
    return " ".join(filter(None, [about["name"], about.get("split"), f"({options})" if options else ""]))
