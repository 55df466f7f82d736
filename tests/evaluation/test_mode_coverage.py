"""Mode coverage by hand."""

from math import inf, log
from types import SimpleNamespace

import numpy as np
import pytest

from ganzoo.errors import UsageError
from ganzoo.evaluation.metrics.mode_coverage import mode_coverage, of_classes


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
