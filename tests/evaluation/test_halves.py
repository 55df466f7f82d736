"""Standard errors by half-sampling, by hand and against many draws."""

import numpy as np
import pytest

from ganzoo.evaluation.halves import standard_errors
from ganzoo.evaluation.metrics.frechet import frechet_distance
from ganzoo.evaluation.moments import Moments


def errors(compute, *sets, **how):
    """Of sets without classes."""
    return standard_errors(
        lambda *numbers: {"x": compute(*(each[at] for each, at in zip(sets, numbers, strict=True)))},
        [np.zeros(len(each), int) for each in sets],
        **how,
    )["x"]


def test_two_examples_have_one_split():
    assert errors(np.mean, np.array([3.0, 7.0]), splits=1) == 2.0  # s / sqrt(n) = sqrt(8) / sqrt(2)


def test_a_mean_has_its_own_standard_error():
    """The three splits of four differ by 2, 1 and 0: sqrt((4 + 1 + 0) / 3) / 2 is s / sqrt(n)."""
    found = errors(np.mean, np.array([1.0, 2.0, 3.0, 4.0]), splits=4000)
    assert found == pytest.approx(np.sqrt(5 / 12), rel=0.03)


def test_both_sets_count():
    """Means of (0, 4) and (0, 2): errors of 2 and 1."""
    one, other = np.array([0.0, 4.0]), np.array([0.0, 2.0])
    assert errors(lambda x, y: x.mean() - y.mean(), one, other, splits=4000) == pytest.approx(np.sqrt(5), rel=0.03)


def test_classes_are_halved_each():
    values, labels = np.array([0.0, 10.0, 0.0, 10.0]), np.array([0, 1, 0, 1])
    assert standard_errors(lambda at: {"mean": values[at].mean()}, [labels])["mean"] == 0.0
    assert errors(np.mean, values) > 1.0


def test_every_example_is_in_one_half():
    seen = []
    standard_errors(lambda at: seen.append(at) or {"x": 0.0}, [np.array([2, 0, 2, 1, 2])], splits=1)
    assert sorted(np.concatenate(seen)) == [0, 1, 2, 3, 4]
    assert all((np.diff(at) > 0).all() for at in seen)


def test_a_distance_scatters_as_much_as_is_said():
    """The Fréchet distance of 300 and 200 points in three dimensions, 100 times."""
    generator, values, stated = np.random.default_rng(0), [], []
    for _ in range(100):
        real, fake = generator.normal(size=(300, 3)), generator.normal(1.0, 1.2, size=(200, 3))
        values.append(distance(real, fake))
        stated.append(errors(distance, real, fake))
    assert np.mean(stated) == pytest.approx(np.std(values), rel=0.2)


def distance(real, fake):
    made = [Moments(3), Moments(3)]
    for moments, features in zip(made, (real, fake), strict=True):
        moments.update(features)
    return frechet_distance(*made)
