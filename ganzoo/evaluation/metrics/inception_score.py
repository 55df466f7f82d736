"""Inception Score: whether samples are clearly of one class each, and cover all classes."""

from __future__ import annotations

from ganzoo.evaluation.metrics.metric import Comparison, Value, metric


@metric(needs=("classes",), inception_score="higher")
def inception_score(comparison: Comparison) -> dict[str, Value]:
    """Return the Inception Score of the generated examples, with its spread over ten splits."""
    assert comparison.fake.score is not None, "the need is checked before"
    return {"inception_score": Value(*comparison.fake.score.result())}
