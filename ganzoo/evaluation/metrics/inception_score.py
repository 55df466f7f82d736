"""The Inception Score: are samples clearly of one class, and of all classes together?"""

from __future__ import annotations

from ganzoo.evaluation.metrics.metric import Comparison, Value, metric


@metric(needs=("classes",), inception_score="higher")
def inception_score(comparison: Comparison) -> dict[str, Value]:
    """The Inception Score of the generated examples, with its spread over ten splits."""
    assert comparison.fake.score is not None, "the need is checked before"
    return {"inception_score": Value(*comparison.fake.score.result())}
