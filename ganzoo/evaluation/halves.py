"""Standard errors by half-sampling, of any metric of sets of examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ganzoo.errors import UsageError
from ganzoo.evaluation.metrics.metric import Comparison, Metric, Value

SPLITS = 10


def standard_errors(
    compute: Callable[..., dict[str, float]], classes: Sequence[np.ndarray], splits: int = SPLITS, seed: int = 0
) -> dict[str, float]:
    """Return the standard error of each number that `compute` returns: half the root mean square of A - B.

    A and B are the numbers of two disjoint halves of all sets, split at random within each class. The mean of n
    examples gets its own standard error, s / sqrt(n). A bias that depends on the number of examples, such as FID's, is
    in both halves. Where a distance is one of equals, the error is too large, up to sqrt(2) times.

    Args:
      compute: function from ascending int64 indices, one array per set, to name -> value.
      classes: class of each example, int `[n]` per set, n of 2 or more; of one value if the set has no classes.
      splits: number of random splits, 1 or more.
      seed: seed of the splits.

    Source: McCarthy 1969, "Pseudo-replication: half samples"; Shao and Wu 1989, "A general theory for jackknife
    variance estimation", eq. 2.3.
    """
    generator = np.random.default_rng(seed)
    differences: list[dict[str, float]] = []
    for _ in range(splits):
        orders = [_by_class(each, generator) for each in classes]
        one, other = (compute(*(np.sort(order[first::2]) for order in orders)) for first in (0, 1))
        differences.append({name: one[name] - other[name] for name in one})
    return {name: float(np.sqrt(np.mean([each[name] ** 2 for each in differences])) / 2) for name in differences[0]}


def with_errors(metrics: Iterable[Metric], comparison: Comparison) -> dict[str, Value]:
    """Compute metrics, and the standard errors of those that give none themselves: NaN if halves are too small."""
    metrics = list(metrics)
    found = {name: value for metric in metrics for name, value in metric.compute(comparison).items()}
    halved = [metric for metric in metrics if any(found[name].spread is None for name in metric.names)]
    sets = [each for each in (comparison.real, comparison.fake, comparison.held_out) if each is not None]

    def compute(*numbers: np.ndarray) -> dict[str, float]:
        half = comparison.picked(*numbers)
        return {name: value for metric in halved for name, value in _of_half(metric, half).items()}

    errors = standard_errors(compute, [each.labels for each in sets], seed=comparison.seed)
    return {
        name: value if value.spread is not None else value._replace(spread=errors[name])
        for name, value in found.items()
    }


def _of_half(metric: Metric, half: Comparison) -> dict[str, float]:
    """Compute a metric; NaN if it refuses so few examples."""
    try:
        return {name: found.value for name, found in metric.compute(half).items()}
    except UsageError:
        return dict.fromkeys(metric.names, np.nan)


def _by_class(classes: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return the indices of all examples, class by class and shuffled within each."""
    order = generator.permutation(len(classes))
    return order[np.argsort(classes[order], kind="stable")]
