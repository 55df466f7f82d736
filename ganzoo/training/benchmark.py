"""Training speed of a whole run, of the bare compiled step and of reference loops, measured in turns."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ganzoo.core import hardware
from ganzoo.errors import UsageError
from ganzoo.schema import Config
from ganzoo.training import contestant, references
from ganzoo.training.contest import Measured, compete, speed, table
from ganzoo.training.progress import note_unless
from ganzoo.training.resolve import long_names, overridden


@dataclasses.dataclass(frozen=True)
class Ratio:
    """Ratio of the speeds of two contestants.

    Attributes:
      over, under: names of the two contestants.
      median: ratio of the medians over all turns.
      turns: ratio in each turn; their spread shows how reliable the median is.
    """

    over: str
    under: str
    median: float
    turns: list[float]


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """Result of a benchmark; images/s counts real examples.

    Attributes:
      name: name of the model.
      batch_size: examples in a step.
      turns, steps: number of turns of each contestant, and of steps in a turn.
      settings: replaced config values, and the engine's settings.
      cpu, cores: name of the CPU, and number of usable logical CPUs.
      made_with: library -> version, `GPU` -> its name.
      contestants: measurements of the whole run (`fit`), the bare step, and the others.
      ratios: speeds compared in pairs.
    """

    name: str
    batch_size: int
    turns: int
    steps: int
    settings: dict[str, Any]
    cpu: str
    cores: int
    made_with: dict[str, str]
    contestants: list[Measured]
    ratios: list[Ratio]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: the figures of the whole run, and all measurements."""
        fit, bare = self.contestants[:2]
        return {
            **dataclasses.asdict(self),
            "contestants": [measured.to_dict() for measured in self.contestants],
            "images_per_second": fit.median,
            "ratio": self.ratios[0].median,
            "step_median": fit.step_median,
            "step_p95": fit.step_p95,
            "first_step_seconds": bare.first_step_seconds,
            "peak_memory_gib": fit.peak_memory_gib,
        }

    def describe(self) -> str:
        """Format the result as Markdown."""
        turns = f"{self.turns} turn{'s' if self.turns > 1 else ''} of {self.steps} steps"
        replaced = [f"{key}={value}" for key, value in self.settings.items()]
        what = "; ".join([f"{self.name}: batches of {self.batch_size}, {turns}", *replaced])
        engine = ", ".join(f"{key} {value}" for key, value in self.contestants[1].engine.items())
        versions = [f"{library} {version}" for library, version in self.made_with.items()]
        where = ", ".join([f"{self.cpu} ({self.cores} cores)", *versions])
        speeds = table(
            ("", "images/s", "lowest to highest", "ms a step", "p95", "first step, s", "memory, GiB"),
            [_row(measured) for measured in self.contestants],
        )
        ratios = table(
            ("ratio of images/s", "median", "turn by turn"),
            [
                (f"{r.over} / {r.under}", f"{r.median:.3f}", f"{min(r.turns):.3f} to {max(r.turns):.3f}")
                for r in self.ratios
            ],
        )
        return "\n\n".join([what, engine, where, speeds, ratios])


def benchmark(
    config: Config,
    settings: Mapping[str, Any] | None = None,
    *,
    turns: int = 5,
    steps: int = 500,
    against: Iterable[str] = (),
    engine: Mapping[str, Any] | None = None,
    quiet: bool = False,
) -> Benchmark:
    """Measure a whole run and the bare step, each in a separate process, turn by turn.

    Args:
      config, settings: as in `training.run.train`.
      turns: number of measurements of each contestant.
      steps: steps in each turn, at least two; a whole run writes sample sheets and checkpoints when its config says so,
        and at least once per turn.
      against: names of reference loops to measure too (`references.REFERENCES`); adds a whole run in float32.
      engine: keyword arguments of `training.run.train` for the engine (`strategy`, `logical_devices`).
      quiet: print no progress.

    Raises:
      ConfigError: as in `training.run.train`.
      UsageError: a reference does not fit the model.
      GanzooError: a contestant failed; one line.
    """
    values = long_names(settings or {})
    asked = overridden(config, values)
    engine = {name: value for name, value in (engine or {}).items() if value is not None}
    if engine.get("strategy") == "multiworker":
        raise UsageError(
            "strategy multiworker: cannot be measured in turns, its contestants would need each other's ports (read "
            "images_per_second in the log of a run instead)"
        )
    opponents = references.references(against, asked)
    precision = asked.training.precision
    own = [contestant.entry(kind, precision, config, values, engine) for kind in ("fit", "bare")]
    if opponents and precision != "float32":
        own.append(contestant.entry("fit", "float32", config, {**values, "training.precision": "float32"}, engine))

    note = note_unless(quiet)
    measured = compete([*own, *opponents], turns=turns, steps=steps, note=lambda line: note(f"{config.name}: {line}"))
    return Benchmark(
        name=config.name,
        batch_size=asked.training.batch_size,
        turns=turns,
        steps=steps,
        settings={**values, **engine},
        cpu=hardware.cpu_name(),
        cores=hardware.cores(),
        made_with={library: version for each in measured for library, version in each.made_with.items()},
        contestants=measured,
        ratios=_ratios(measured),
    )


def _ratios(measured: Sequence[Measured]) -> list[Ratio]:
    """Pair the whole run with the bare step, and with each reference; a run in float32 with those in float32."""
    fit, bare, *rest = measured
    opponents = [other for other in rest if other.name in references.REFERENCES]
    pairs = [(fit, bare), *((fit, other) for other in opponents)]
    for float32 in rest:
        if float32 not in opponents:
            pairs += [(float32, other) for other in opponents if other.name not in references.OTHER_THAN_FLOAT32]
    return [_ratio(over, under) for over, under in pairs]


def _ratio(over: Measured, under: Measured) -> Ratio:
    turns = [a / b for a, b in zip(over.images_per_second, under.images_per_second, strict=True)]
    return Ratio(over.name, under.name, over.median / under.median, turns)


def _row(measured: Measured) -> tuple[str, ...]:
    first = measured.first_step_seconds
    return (
        measured.name,
        speed(measured.median),
        f"{speed(min(measured.images_per_second))} to {speed(max(measured.images_per_second))}",
        f"{1000 * measured.step_median:.2f}",
        f"{1000 * measured.step_p95:.2f}",
        "–" if first is None else f"{first:.1f}",
        f"{measured.peak_memory_gib:.2f}",
    )
