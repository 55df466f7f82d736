"""Inception Score from batches of class probabilities."""

from __future__ import annotations

import numpy as np

from ganzoo.errors import UsageError


class InceptionScore:
    """Running Inception Score, `exp(E KL(p(y|x) || p(y)))` per split; keeps no samples.

    Sample i of `total` belongs to split floor(place(i) * splits / total), where the places are a shuffle of all i;
    without it, samples sorted by class would give splits of a class or two.

    Args:
      total: number of samples, 2 or more.
      splits: number of equal parts to score separately, 1 or more; at most `total`.
      seed: seed of the shuffle; None keeps the order of the samples.

    Source: Salimans et al. 2016, arXiv:1606.03498, section 4; splits as in its code.
    """

    def __init__(self, total: int, splits: int = 10, seed: int | None = 0) -> None:
        if total < 2 or splits < 1:
            raise UsageError(
                f"Inception Score: expected 2 or more samples and 1 or more splits, got {total} and {splits}"
            )
        self.total = total
        self.splits = min(splits, total)
        self.count = 0
        places = np.arange(total) if seed is None else np.random.default_rng(seed).permutation(total)
        self._split = places * self.splits // total
        self._negative_entropy = np.zeros(self.splits)  # sum over samples and classes of p log p
        self._sums: np.ndarray | None = None  # of p over samples, [splits, classes]

    def update(self, probabilities: np.ndarray) -> None:
        """Add probabilities `[n, classes]` in [0, 1], each row of sum 1.

        Raises:
          UsageError: the values are not probabilities, the number of classes differs, or there are more than `total`
            samples.
        """
        probabilities = np.asarray(probabilities, np.float64)
        self._check(probabilities)
        if self._sums is None:
            self._sums = np.zeros((self.splits, probabilities.shape[1]))
        split = self._split[self.count : self.count + len(probabilities)]
        np.add.at(self._negative_entropy, split, _p_log_p(probabilities).sum(axis=1))
        np.add.at(self._sums, split, probabilities)
        self.count += len(probabilities)

    def result(self) -> tuple[float, float]:
        """Return mean and standard deviation (ddof 0) of the splits' scores, each from 1 to the number of classes.

        Raises:
          UsageError: samples are missing.
        """
        if self._sums is None or self.count < self.total:
            raise UsageError(
                f"Inception Score: expected {self.total} samples, got {self.count} (call update with the rest)"
            )
        sizes = np.bincount(self._split)
        marginals = self._sums / sizes[:, None]
        divergences = self._negative_entropy / sizes - _p_log_p(marginals).sum(axis=1)
        scores = np.exp(divergences)
        return float(scores.mean()), float(scores.std())

    def _check(self, probabilities: np.ndarray) -> None:
        classes = None if self._sums is None else self._sums.shape[1]
        if probabilities.ndim != 2 or probabilities.shape[1] != (classes or probabilities.shape[1]):
            raise UsageError(
                f"probabilities: expected [samples, {classes or 'classes'}], got {list(probabilities.shape)}"
            )
        if self.count + len(probabilities) > self.total:
            raise UsageError(
                f"probabilities: expected {self.total} samples in all, got {self.count + len(probabilities)}"
            )
        right = (probabilities >= 0.0).all(axis=1) & (np.abs(probabilities.sum(axis=1) - 1.0) < 1e-3)
        if not right.all():
            raise UsageError(
                f"probabilities: expected softmax outputs, got others for sample "
                f"{self.count + int(np.argmin(right))} (not finite, negative, or not of sum 1)"
            )


def _p_log_p(p: np.ndarray) -> np.ndarray:
    """Return `p log p`, 0 where p is 0."""
    return p * np.log(p, where=p > 0.0, out=np.zeros_like(p))
