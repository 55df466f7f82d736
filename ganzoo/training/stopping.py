"""Rule that ends a run once the discriminator cannot tell samples from data."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from ganzoo.data.source import Source
from ganzoo.evaluation.examples import at_most
from ganzoo.evaluation.metrics.labelled import mean_pairwise_distance
from ganzoo.schema import StopRule
from ganzoo.training.progress import ProgressBar

EXAMPLES = 512  # real ones and samples; the AUC of equal distributions then has a standard deviation of 0.018
LEAST_DIVERSITY = 0.5
TIE = 1e-3  # largest difference of two values of D that counts as none: near the equilibrium only rounding is left


class StopWhenFooled(keras.callbacks.Callback):
    """Stop the run once the discriminator has been fooled for long enough.

    At the equilibrium D is constant, so its accuracy is arbitrary there; and it is 0.5 if D calls everything real. So
    at each line of the log, D judges the same real examples and samples of the moving average. It is fooled if

    - its means on both are within `band` of the loss's equilibrium value,
    - its AUC (real against samples) is within `band` of 0.5, and
    - the samples' mean pairwise distance (within each class) is at least half that of the real examples.

    Args:
      rule: rule of the config.
      model: model in training: a GAN whose loss has an equilibrium value.
      source: training data.
      bar: progress bar that prints why the run stops.
    """

    def __init__(self, rule: StopRule, model: Any, source: Source, bar: ProgressBar) -> None:
        super().__init__()
        self.set_model(model)
        self.rule = rule
        self.bar = bar
        self.equilibrium: float = model.adversarial_loss.equilibrium
        real = at_most(source, EXAMPLES)
        self.real = real.read(np.arange(real.count))
        self.labels = real.labels if model.classes else None
        self.spread = max(self._spread(self.real), np.finfo(float).tiny)
        self.rewind(())

    def rewind(self, records: Iterable[dict[str, Any]]) -> None:
        """Restart from these lines of the log."""
        self.since: int | None = None  # the last step at which D was not fooled
        self.fooled = False
        for record in records:
            self.seen(record)

    def measure(self) -> dict[str, float]:
        """Return what the rule judges by, for a line of the log: mean D, AUC, and diversity relative to the data."""
        samples = self.model.generate(len(self.real), self.labels, seed=self.model.seed)
        verdict = self.model.adversarial_loss.verdict
        real, fake = (np.array(verdict(self.model.discriminate(x, self.labels))) for x in (self.real, samples))
        return {
            "real_score": float(np.mean(real)),
            "fake_score": float(np.mean(fake)),
            "discriminator_auc": auc(real, fake),
            "diversity": self._spread(samples) / self.spread,
        }

    def seen(self, record: dict[str, Any]) -> None:
        """Process one line of the log; one without the rule's numbers counts as not fooled."""
        wanted = {"real_score": self.equilibrium, "fake_score": self.equilibrium, "discriminator_auc": 0.5}
        inside = all(abs(record.get(name, math.inf) - value) <= self.rule.band for name, value in wanted.items())
        inside = inside and record.get("diversity", 0.0) >= LEAST_DIVERSITY
        if not inside or self.since is None:
            self.since = record["step"]
        self.fooled = inside and record["step"] - self.since >= self.rule.steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.fooled:
            self.bar.note(
                f"stopping at step {self.model.step}: the discriminator cannot tell samples from data (its means "
                f"stayed within {self.equilibrium:g} ± {self.rule.band}, its AUC within 0.5 ± {self.rule.band})"
            )
            self.model.stop_training = True

    def _spread(self, examples: np.ndarray) -> float:
        """Return the mean pairwise distance of the examples, summed over the labels that have several."""
        inside = self.model.kind.to_inside(examples).numpy()
        labels = np.zeros(len(inside)) if self.labels is None else self.labels
        groups = [inside[labels == label] for label in np.unique(labels)]
        return sum(mean_pairwise_distance(group) for group in groups if len(group) > 1)


def auc(real: np.ndarray, fake: np.ndarray) -> float:
    """Return the area under the ROC curve: the share of pairs where the real value is larger; ties count half."""
    difference = real[:, np.newaxis] - fake
    return 0.5 + 0.5 * float(np.mean(np.sign(difference) * (np.abs(difference) > TIE)))
