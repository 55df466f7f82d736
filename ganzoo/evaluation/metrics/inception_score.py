"""Inception Score: whether samples are clearly of one class each, and cover all classes."""

from __future__ import annotations

from ganzoo.evaluation.class_scores import InceptionScore
from ganzoo.evaluation.metrics.metric import Comparison, Value, metric


@metric(needs=("classes",), inception_score="higher")
def inception_score(comparison: Comparison) -> dict[str, Value]:
    """Return the Inception Score of the generated examples, the mean over ten splits."""
    assert comparison.fake.probabilities is not None, "the need is checked before"
    score = InceptionScore(comparison.fake.count)
    score.update(comparison.fake.probabilities)
    return {"inception_score": Value(score.result()[0])}
