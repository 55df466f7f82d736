"""The kernel distance against its double sum."""

from types import SimpleNamespace

import numpy as np
import pytest

from ganzoo.errors import UsageError
from ganzoo.evaluation.metrics.kernel import kernel_distance, kid, mmd_squared


def double_sum(x, y):
    def kernel(a, b):
        return (sum(float(p) * float(q) for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3

    n, m = len(x), len(y)
    within_x = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    within_y = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return within_x + within_y - 2 * sum(kernel(a, b) for a in x for b in y) / (n * m)


@pytest.mark.parametrize(("n", "m"), [(2, 2), (17, 9), (30, 30)])
def test_mmd_is_the_double_sum(n, m):
    generator = np.random.default_rng(n)
    x, y = generator.normal(size=(n, 5)), generator.normal(size=(m, 5)) + 0.3
    assert mmd_squared(x, y) == pytest.approx(double_sum(x, y), abs=1e-10)
    repeated = np.repeat(x[:1], m, axis=0)
    assert mmd_squared(x, repeated) == pytest.approx(double_sum(x, repeated), abs=1e-10)


def test_by_hand():
    # d = 1: k(0, 2) = 1, k(1, 1) = 8, k(0, 1) = 1, k(2, 1) = 27: 1 + 8 - 2 * (1 + 1 + 27 + 27) / 4
    assert mmd_squared(np.array([[0.0], [2.0]]), np.array([[1.0], [1.0]])) == pytest.approx(-19.0)


def test_the_subsets_are_drawn_without_replacement_from_the_seed(tmp_path):
    generator = np.random.default_rng(0)
    real, fake = (generator.normal(size=(n, 8)).astype(np.float32) for n in (40, 25))
    drawn = np.random.default_rng(7)
    values = [
        mmd_squared(*(each[drawn.choice(len(each), 20, replace=False)] for each in (real, fake))) for _ in range(6)
    ]
    np.save(tmp_path / "real.npy", real)
    mapped = np.load(tmp_path / "real.npy", mmap_mode="r")
    expected = pytest.approx((np.mean(values), np.std(values)), abs=1e-12)
    assert kernel_distance(mapped, fake, subsets=6, subset_size=20, seed=7) == expected
    assert kernel_distance(real, real[:25], subsets=6)[1] > 0  # the larger set still varies


def test_all_of_both_is_computed_once():
    real, fake = np.random.default_rng(0).normal(size=(2, 30, 4))
    assert kernel_distance(real, fake) == (mmd_squared(real, fake), 0.0)


def test_as_a_metric_it_is_the_mean_over_the_comparison_s_subsets(monkeypatch):
    """Its spread over subsets of the same examples is none over others: halves give the standard error."""
    asked = []

    def distance(real, fake, subsets, seed):
        asked.append((len(real), len(fake), subsets, seed))
        return 0.5, 0.1

    monkeypatch.setattr("ganzoo.evaluation.metrics.kernel.kernel_distance", distance)
    given = [SimpleNamespace(kept=lambda count=count: np.zeros((count, 1))) for count in (900, 1000)]
    assert kid(SimpleNamespace(real=given[0], fake=given[1], subsets=7, seed=3)) == {"kid": (0.5, None)}
    assert asked == [(900, 1000, 7, 3)]
    assert kernel_distance.__defaults__ == (100, 1000, 0)


def test_wrong_use_is_named():
    good = np.zeros((3, 2))
    with pytest.raises(UsageError, match="subsets: expected 1 or more"):
        kernel_distance(good, good, subsets=0)
    with pytest.raises(UsageError, match="subsets: expected 1 or more of 2 or more samples, got 100 of 1"):
        kernel_distance(good, good, subset_size=1)
    assert kernel_distance(good, good[:2], subsets=1, subset_size=2) == (0.0, 0.0)
    with pytest.raises(UsageError, match="y features: expected 2 dimensions like x features, got 3"):
        mmd_squared(good, np.zeros((3, 3)))
    with pytest.raises(UsageError, match="fake features: expected finite values, got NaN or infinity in sample 2"):
        kernel_distance(good, np.array([[0, 1], [1, 1], [np.inf, 0]]))
    with pytest.raises(UsageError, match="2 or more samples, got 1"):
        kernel_distance(good[:1], good)
