"""What the metrics are called, which way is better, and what they need."""

import pytest

from ganzoo.errors import ConfigError
from ganzoo.evaluation.metrics.metric import Value, _metric, all_metrics, get
from ganzoo.registry import Registration, of

HIGHER, LOWER = "higher", "lower"
METRICS = [
    ({"fid": LOWER}, set()),
    ({"inception_score": HIGHER}, {"classes"}),
    ({"kid": LOWER}, {"features"}),
    ({"sliced_wasserstein": LOWER}, {"features"}),
    ({"label_accuracy": HIGHER}, {"classes", "labels"}),
    ({"class_diversity": HIGHER, "class_diversity_least": HIGHER}, {"labels"}),
    ({"mode_coverage": HIGHER, "mode_reverse_kl": LOWER, "mode_jensen_shannon": LOWER}, {"classes"}),
    ({"mixture_modes": HIGHER, "mixture_good": HIGHER, "mixture_reverse_kl": LOWER}, {"features", "mixture"}),
    ({"precision": HIGHER, "recall": HIGHER, "density": HIGHER, "coverage": HIGHER}, {"features"}),
    ({"memorisation": LOWER, "copies": LOWER}, {"features", "held_out"}),
    ({"paired_error": LOWER}, set()),
    ({"path_length": LOWER}, {"model"}),
    ({"kid_ratio": LOWER}, {"features", "untouched"}),
    ({"cycle_error": LOWER}, {"translation", "both_ways"}),
    ({"translation_error": LOWER}, {"translation", "truth"}),
    ({"luminance_correlation": HIGHER, "luminance_correlation_least": HIGHER}, {"translation"}),
    (
        {"taken_for_target": HIGHER, "untouched_taken": LOWER, "classifier_accuracy": HIGHER},
        {"features", "translation", "untouched", "source"},
    ),
]


@pytest.mark.parametrize(("names", "needs"), METRICS, ids=lambda given: "-".join(sorted(given)))
def test_names_and_needs(names, needs):
    for name in names:
        found = get(name)
        assert (found.names, found.needs) == (names, needs)
        assert all_metrics()[name] is found, "one object for all its numbers, so that they are computed once"


def test_these_are_all_of_them():
    assert {name for names, _ in METRICS for name in names} == {
        name for name, one in of("metric").all().items() if one.module.startswith("ganzoo.")
    }
    with pytest.raises(ConfigError, match=r"unknown metric 'fidd' \(did you mean 'fid'\?\)"):
        get("fidd")


def test_a_function_may_return_its_one_number():
    half = _metric("half", Registration(lambda comparison: comparison / 2, __name__, {"better": "higher"}))
    assert (half.names, half.needs, half.compute(1)) == ({"half": "higher"}, set(), {"half": Value(0.5)})
    assert _metric("other", Registration(float, __name__)).names == {"other": "lower"}
