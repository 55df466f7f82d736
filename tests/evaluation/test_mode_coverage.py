"""Mode coverage by hand."""

from math import inf, log
from types import SimpleNamespace

import numpy as np
import pytest

from ganzoo.data.open import open_source
from ganzoo.errors import UsageError
from ganzoo.evaluation.evaluate import Evaluator
from ganzoo.evaluation.examples import from_array, from_source
from ganzoo.evaluation.metrics.metric import get
from ganzoo.evaluation.metrics.mode_coverage import mixture_coverage, mode_coverage, of_classes
from ganzoo.schema import DatasetConfig

RING = DatasetConfig(name="ring", kind="points", columns=2)


def test_two_of_four_modes():
    real = np.repeat([0, 1, 2, 3], 10)
    fake = np.repeat([0, 1], 10)  # shares 1/2, 1/2 against 1/4 each
    found = mode_coverage(fake, real, classes=5)  # class 4 is no real mode
    assert found == pytest.approx(
        {
            "modes": 2,
            "mode_share": 0.5,
            "reverse_kl": log(2),
            # the middle is 3/8, 3/8, 1/8, 1/8
            "jensen_shannon": (log(4 / 3) + 0.5 * log(2 / 3) + 0.5 * log(2)) / 2,
        }
    )


def test_a_mode_counts_from_a_tenth_of_its_share():
    real = np.repeat([0, 1], 50)
    assert mode_coverage(np.repeat([0, 1], [95, 5]), real, 2)["modes"] == 2
    assert mode_coverage(np.repeat([0, 1], [96, 4]), real, 2)["modes"] == 1


def test_ends():
    same = np.array([0, 1, 1, 2])
    assert mode_coverage(same, same, 3) == {"modes": 3, "mode_share": 1, "reverse_kl": 0, "jensen_shannon": 0}
    apart = mode_coverage(np.array([1, 1]), np.array([0, 0]), 2)
    assert apart == pytest.approx({"modes": 0, "mode_share": 0, "reverse_kl": inf, "jensen_shannon": log(2)})


def test_as_a_metric_of_the_extractor_s_classes():
    fake, real = (SimpleNamespace(classes=np.repeat([0, 1, 2, 3], shares)) for shares in ([5, 5, 0, 0], [1, 1, 1, 1]))
    extractor = SimpleNamespace(class_names=tuple("abcd"))
    found = of_classes(SimpleNamespace(fake=fake, real=real, extractor=extractor))
    assert {name: value.value for name, value in found.items()} == pytest.approx(
        {
            "mode_coverage": 0.5,
            "mode_reverse_kl": log(2),
            "mode_jensen_shannon": (log(4 / 3) + 0.5 * log(2 / 3) + 0.5 * log(2)) / 2,
        }
    )
    better = {"mode_coverage": "higher", "mode_reverse_kl": "lower", "mode_jensen_shannon": "lower"}
    assert [get(name).names for name in found] == [better] * 3


def test_wrong_use_is_named():
    with pytest.raises(UsageError, match="fake classes: expected 0 to 2, got 0 to 3"):
        mode_coverage(np.array([0, 3]), np.array([0, 1]), 3)
    with pytest.raises(UsageError, match="fake classes: expected 0 to 2, got -1 to 1"):
        mode_coverage(np.array([-1, 1]), np.array([0, 1]), 3)
    for wrong in (np.array([0]), np.array([[0, 1]])):
        with pytest.raises(UsageError, match=r"fake classes: expected integers \[2 or more samples\], got int64 \["):
            mode_coverage(wrong, np.array([0, 1]), 3)
    with pytest.raises(UsageError, match="real classes: expected integers"):
        mode_coverage(np.array([0, 1]), np.array([0.0, 1.0]), 3)


CENTRES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])


def test_a_mixture_by_hand():
    """3 standard deviations are 0.75, inclusive; the last three points belong to mode 2, but do not cover it."""
    points = [[0.0, 0.75], [0.0, 0.76], [-0.45, -0.5], [10.0, 0.1], [10.5, 0.5], [2.0, 8.0], [3.0, 8.0], [4.0, 7.0]]
    found = mixture_coverage(np.array(points), CENTRES, 0.25)
    # shares 3/8, 2/8, 3/8, 0 against 1/4 each
    assert found == pytest.approx({"modes": 2, "good": 4 / 8, "reverse_kl": 0.75 * log(1.5)})


def test_a_mixture_s_ends():
    assert mixture_coverage(CENTRES, CENTRES, 0.25) == {"modes": 4, "good": 1, "reverse_kl": 0}
    assert mixture_coverage(CENTRES[:1] + 1.0, CENTRES, 0.25) == pytest.approx(
        {"modes": 0, "good": 0, "reverse_kl": log(4)}
    )


def test_a_perfect_generator_of_a_mixture():
    """Of a Gaussian in the plane 1 - exp(-9/2) are good, and 2,500 points of 4 modes have a KL of 3 / 5,000."""
    draws = np.random.default_rng(0)
    found = [
        mixture_coverage(CENTRES[draws.integers(0, 4, 2500)] + 0.25 * draws.normal(size=(2500, 2)), CENTRES, 0.25)
        for _ in range(40)
    ]
    assert np.mean([each["good"] for each in found]) == pytest.approx(1 - np.exp(-4.5), abs=0.002)
    assert np.mean([each["reverse_kl"] for each in found]) == pytest.approx(3 / 5000, rel=0.4)


def test_a_mixture_as_a_metric_of_points():
    """The floor of real points against themselves is what a perfect generator reaches."""
    real, unseen = (from_source(open_source(RING), 2500, first=first) for first in (0, 2500))
    names = ["mixture_modes", "mixture_good", "mixture_reverse_kl"]
    made = from_array("one", np.full((500, 2), [2.0, 0.0]))
    found = Evaluator(real, "identity", names, held_out=unseen, thorough=True)(made)
    assert found == pytest.approx(
        {"mixture_modes_identity": 1, "mixture_good_identity": 1, "mixture_reverse_kl_identity": log(8)}
    )
    assert found.floor["mixture_good_identity"].value == pytest.approx(1 - np.exp(-4.5), abs=0.024)  # 5 sd of 500


def test_a_mixture_needs_known_gaussians():
    with pytest.raises(UsageError, match=r"^metrics: mixture_good: expected points of ring or grid and the features "):
        Evaluator(from_array("mine", np.zeros((9, 2))), "identity", ["mixture_good"])
