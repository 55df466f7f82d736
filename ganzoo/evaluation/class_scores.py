"""The Inception Score of class probabilities that come in batches."""

from __future__ import annotations

import numpy as np

from ganzoo.errors import UsageError


class InceptionScore:
    """`exp(E KL(p(y|x) || p(y)))` of each split, from batches of class probabilities; none of them is kept.

    Sample i of `total`, in the order of the calls, belongs to split floor(place(i) * splits / total), where the places
    are a shuffle of all i: splits of samples that come class by class would hold a class or two each.

    Args:
      total: samples that will come, 2 or more.
      splits: equal parts that are scored on their own, 1 or more; `total` where that is fewer.
      seed: of the shuffle; None leaves the samples in their order.

    Source: Salimans et al. 2016, arXiv:1606.03498, section 4; splits as in its code.
    """

    def __init__(self, total: int, splits: int = 10, seed: int | None = 0) -> None:
        if total < 2 or splits < 1:
            raise UsageError(f"an Inception Score of {total} samples in {splits} splits: give 2 or more, in 1 or more")
        self.total = total
        self.splits = min(splits, total)
        self.count = 0
        places = np.arange(total) if seed is None else np.random.default_rng(seed).permutation(total)
        self._split = places * self.splits // total
        self._negative_entropy = np.zeros(self.splits)  # sum over samples and classes of p log p
        self._sums: np.ndarray | None = None  # of p over samples, [splits, classes]

    def update(self, probabilities: np.ndarray) -> None:
        """Takes in probabilities `[n, classes]` in [0, 1], each row of sum 1.

        Raises:
          UsageError: values that are no such probabilities, another number of classes, or more than `total` samples.
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
        """Mean of the splits' scores, each from 1 to the number of classes, and their standard deviation (ddof 0).

        Raises:
          UsageError: not all samples have come.
        """
        if self._sums is None or self.count < self.total:
            raise UsageError(f"{self.count} of {self.total} samples came: update with the others first")
        sizes = np.bincount(self._split)
        marginals = self._sums / sizes[:, None]
        divergences = self._negative_entropy / sizes - _p_log_p(marginals).sum(axis=1)
        scores = np.exp(divergences)
        return float(scores.mean()), float(scores.std())

    def _check(self, probabilities: np.ndarray) -> None:
        classes = None if self._sums is None else self._sums.shape[1]
        if probabilities.ndim != 2 or probabilities.shape[1] != (classes or probabilities.shape[1]):
            raise UsageError(
                f"probabilities of shape {probabilities.shape}: give [samples, {classes or 'classes'}] in every batch"
            )
        if self.count + len(probabilities) > self.total:
            raise UsageError(
                f"{self.count + len(probabilities)} samples came for a total of {self.total}: say how many"
            )
        right = (probabilities >= 0.0).all(axis=1) & (np.abs(probabilities.sum(axis=1) - 1.0) < 1e-3)
        if not right.all():
            raise UsageError(
                f"probabilities of sample {self.count + int(np.argmin(right))} are not finite, negative, or "
                "not of sum 1: give a softmax's"
            )


def _p_log_p(p: np.ndarray) -> np.ndarray:
    """`p log p`, 0 where p is 0."""
    return p * np.log(p, where=p > 0.0, out=np.zeros_like(p))
