"""The sliced Wasserstein distance by hand, by closed forms, and against repeated samples."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from ganzoo.errors import UsageError
from ganzoo.evaluation.metrics.sliced_wasserstein import of_features, sliced_wasserstein


def test_on_a_line_by_hand():
    # quantiles of {0, 3} and {0, 1, 5}: differences 0 on 1/3, 1 on 1/6, 2 on 1/6, 2 on 1/3
    real, fake = np.array([[3.0], [0.0]]), np.array([[5.0], [0.0], [1.0]])
    assert sliced_wasserstein(real, fake) == pytest.approx(np.sqrt(0 + 1 / 6 + 4 / 6 + 4 / 3))
    assert sliced_wasserstein(fake, real) == pytest.approx(sliced_wasserstein(real, fake))


def test_sizes_do_not_matter():
    real, fake = np.random.default_rng(0).normal(size=(2, 12, 3)).astype(np.float32)
    expected = sliced_wasserstein(real, fake)
    assert sliced_wasserstein(np.repeat(real, 3, axis=0), np.repeat(fake, 2, axis=0)) == pytest.approx(expected)
    assert sliced_wasserstein(real, real[::-1]) == pytest.approx(0.0, abs=1e-12)


def test_a_shift_is_its_length_over_the_root_of_the_dimensions():
    # and on a line the 1-Wasserstein distance is the same
    features = np.random.default_rng(1).normal(size=(300, 16))
    shift = np.full(16, 0.5)
    assert sliced_wasserstein(features, features + shift, projections=20_000) == pytest.approx(0.5, rel=0.02)
    line = features[:, :1]
    assert sliced_wasserstein(line, line + 2) == pytest.approx(wasserstein_distance(line[:, 0], line[:, 0] + 2))


def test_gaussians_of_other_widths():
    # W_2 of N(0, 1) and N(0, 3^2) is 2 along every direction
    real, fake = np.random.default_rng(0).normal(size=(2, 4000, 4))
    assert sliced_wasserstein(real, 3 * fake, projections=100) == pytest.approx(2.0, rel=0.03)


def test_directions_are_drawn_from_the_seed_at_any_number_at_once(monkeypatch):
    real, fake = np.random.default_rng(0).normal(size=(2, 30, 5))
    given = [SimpleNamespace(kept=lambda each=each: each) for each in (real, fake)]
    value = of_features(SimpleNamespace(real=given[0], fake=given[1], seed=3))["sliced_wasserstein"].value
    directions = np.random.default_rng([3, 1]).standard_normal((256, 5))
    directions /= np.sqrt(np.sum(directions**2, axis=1))[:, None]
    sorted_real, sorted_fake = (np.sort(directions @ each.T, axis=1) for each in (real, fake))
    assert value == pytest.approx(np.sqrt(np.mean((sorted_real - sorted_fake) ** 2)))
    assert sliced_wasserstein(real, fake) == sliced_wasserstein(real, fake, projections=256, seed=0) != value
    monkeypatch.setattr("ganzoo.evaluation.metrics.sliced_wasserstein.DIRECTIONS_AT_ONCE", 7)
    assert sliced_wasserstein(real, fake, seed=3) == pytest.approx(value)


def test_wrong_use_is_named():
    with pytest.raises(UsageError, match="projections: expected 1 or more, got 0"):
        sliced_wasserstein(np.zeros((2, 2)), np.zeros((2, 2)), projections=0)
    with pytest.raises(UsageError, match="dimensions"):
        sliced_wasserstein(np.zeros((2, 2)), np.zeros((2, 3)))
