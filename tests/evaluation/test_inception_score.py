"""The Inception Score against its plain formula."""

import math

import numpy as np
import pytest

from ganzoo.errors import UsageError
from ganzoo.evaluation.class_scores import InceptionScore


def plain(probabilities, splits):
    scores = []
    for split in range(splits):
        part = [p for i, p in enumerate(probabilities) if i * splits // len(probabilities) == split]
        marginal = np.mean(part, axis=0)
        terms = [sum(a * math.log(a / b) for a, b in zip(p, marginal, strict=True) if a > 0) for p in part]
        scores.append(math.exp(sum(terms) / len(terms)))
    return np.mean(scores), np.std(scores)


@pytest.mark.parametrize(("total", "splits"), [(60, 10), (47, 10), (50, 1), (5, 5)])
def test_the_plain_formula(total, splits):
    probabilities = np.random.default_rng(total).dirichlet([0.1] * 7, size=total)
    probabilities[0] = np.eye(7)[2]  # with zeros
    score = InceptionScore(total, splits, seed=None)
    for batch in np.array_split(probabilities, 4):
        score.update(batch)
    assert score.result() == pytest.approx(plain(probabilities, splits), abs=1e-8)


def test_by_hand():
    sure = InceptionScore(8, splits=2, seed=None)
    sure.update(np.eye(4)[[0, 1, 2, 3, 0, 0, 1, 1]])
    assert sure.result() == pytest.approx((3.0, 1.0))  # four classes, then two
    vague = InceptionScore(20)
    vague.update(np.full((20, 5), 0.2, np.float32))
    assert vague.result() == pytest.approx((1.0, 0.0))
    few = InceptionScore(3)  # three splits of one sample each
    few.update(np.eye(3))
    assert few.result() == pytest.approx((1.0, 0.0))


def test_wrong_use_is_named():
    with pytest.raises(UsageError, match="expected 2 or more samples and 1 or more splits, got 1"):
        InceptionScore(1)
    score = InceptionScore(3)
    score.update(np.eye(2))
    with pytest.raises(UsageError, match="expected 3 samples, got 2"):
        score.result()
    with pytest.raises(UsageError, match="expected 3 samples in all, got 4"):
        score.update(np.eye(2))
    with pytest.raises(UsageError, match="got others for sample 2"):
        score.update(np.array([[np.nan, 1.0]]))
    with pytest.raises(UsageError, match=r"expected \[samples, 2\], got"):
        score.update(np.eye(3)[:1])


def test_samples_that_come_class_by_class_are_shuffled_over_the_splits():
    """Ten sure classes in order: each split alone would see one class, and score 1."""
    probabilities = np.eye(10).repeat(100, axis=0)
    ordered, shuffled = InceptionScore(1000, seed=None), InceptionScore(1000)
    for score in (ordered, shuffled):
        for start in range(0, 1000, 300):
            score.update(probabilities[start : start + 300])
    assert ordered.result() == pytest.approx((1.0, 0.0))
    assert 9.0 < shuffled.result()[0] < 10.0  # the classes are not quite even in a split of 100
