"""Result of an evaluation: values, standard errors and the protocol to reproduce them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganzoo.evaluation.collected import Collected
    from ganzoo.evaluation.metrics.metric import Value


class Evaluation(dict[str, float]):
    """Dict of metric name with extractor (`fid_mnist_cnn`) -> value.

    Args:
      found: name -> value and standard error.
      protocol: see the attribute.
      real, fake: see the attributes.
      held_out, floor: see the attributes.
      files: see the attribute.

    Attributes:
      spread: name -> standard error, for metrics that have one.
      held_out: name -> value and standard error against held-out real examples; empty unless asked for.
      floor: name -> the same of as many real training examples in the place of the generated ones: what a perfect model
        would reach.
      protocol: extractor and its hash, counts, seeds, warnings and time, to reproduce the numbers.
      files: image files that a translation was evaluated with, relative to the data set's folder, sorted.
      real, fake: statistics of both sets, for a sheet of the best and worst samples.
    """

    def __init__(
        self,
        found: Mapping[str, Value],
        protocol: dict[str, Any],
        real: Collected,
        fake: Collected,
        held_out: Mapping[str, Value] | None = None,
        floor: Mapping[str, Value] | None = None,
        files: tuple[str, ...] = (),
    ) -> None:
        super().__init__({name: each.value for name, each in found.items()})
        self.spread = {name: each.spread for name, each in _known(found).items() if each.spread is not None}
        self.protocol = protocol
        self.real = real
        self.fake = fake
        self.held_out = _known(held_out or {})
        self.floor = _known(floor or {})
        self.files = files

    def to_dict(self) -> dict[str, Any]:
        """For machines."""
        against = {"held_out": self.held_out, "floor": self.floor} if self.held_out else {}
        further = {
            key: {name: finite(value._asdict()) for name, value in each.items()} for key, each in against.items()
        }
        return {"metrics": finite(self), "spread": finite(self.spread), **further, "protocol": self.protocol}

    def _repr_markdown_(self) -> str:
        return self.describe()

    def describe(self) -> str:
        """Format the evaluation as Markdown."""
        protocol = self.protocol
        width = max(map(len, self))
        further = {"held out": self.held_out, "real/real": self.floor} if self.held_out else {}
        titles = "".join(f" {title:>18} |" for title in further)
        head = f"| {'metric':<{width}} |      value | std. error |{titles} better |"
        rows = [
            head,
            f"|{'-' * (width + 2)}|-----------:|-----------:|{'-------------------:|' * len(further)}--------|",
        ]
        for name, value in self.items():
            spread = f"{self.spread[name]:.4g}" if name in self.spread else "–"
            others = "".join(f" {stated(*each[name]) if name in each else '–':>18} |" for each in further.values())
            rows.append(f"| {name:<{width}} | {value:>10.5g} | {spread:>10} |{others} {protocol['better'][name]:<6} |")
        real, fake = protocol["real"], protocol["fake"]
        size = " of {}x{} pixels".format(*real["shape"]) if real["shape"] != fake["shape"] else ""
        lines = [
            f"{fake['name']} ({fake['count']:,}) against {real['name']} ({real['count']:,}{size}), features of "
            f"{protocol['features']} ({protocol['features_sha256'][:12]}), {protocol['seconds']:.0f} s, "
            f"{protocol['peak_memory_gib']:.2f} GiB at its peak",
            "\n".join(rows),
            *(f"warning: {warning}" for warning in protocol["warnings"]),
        ]
        if further:
            unseen = protocol["held_out"]
            lines.append(
                f"held out: {unseen['compared']:,} generated against {unseen['count']:,} of {unseen['name']} that no "
                "model was trained on; real/real: as many real training examples against the same"
            )
        return "\n\n".join(lines)


def stated(value: float, error: float | None) -> str:
    """Format a value and its standard error, if there is one: `6.553 ± 0.12`."""
    return f"{value:.4g}" + ("" if error is None else f" ± {error:.2g}")


def _known(found: Mapping[str, Value]) -> dict[str, Value]:
    """Replace standard errors that are NaN with None."""
    return {
        name: each if each.spread is None or not math.isnan(each.spread) else each._replace(spread=None)
        for name, each in found.items()
    }


def finite(values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Replace infinity and NaN, which JSON cannot hold, with None."""
    return {name: value if value is not None and math.isfinite(value) else None for name, value in values.items()}
