"""The Fréchet distance against its definition, through the samples themselves."""

import numpy as np
import pytest

from ganzoo.errors import UsageError
from ganzoo.evaluation.metrics.frechet import frechet_distance
from ganzoo.evaluation.moments import Moments


def moments(features):
    made = Moments(features.shape[1])
    made.update(features)
    return made


def reference(real, fake):
    """tr((S_r S_f)^(1/2)) is the nuclear norm of X_r X_f^T / sqrt((n - 1) (m - 1)), X centred: no covariance at all."""
    x = (real - real.mean(axis=0)) / np.sqrt(len(real) - 1)
    y = (fake - fake.mean(axis=0)) / np.sqrt(len(fake) - 1)
    traces = np.sum(x**2) + np.sum(y**2)
    root = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    return np.sum((real.mean(axis=0) - fake.mean(axis=0)) ** 2) + traces - 2 * root, traces


generator = np.random.default_rng(3)
MIX = generator.normal(size=(40, 40)) * np.logspace(0, -6, 40)
REAL = generator.normal(size=(150, 40))
SETS = {
    "random": (REAL, 1.3 * generator.normal(size=(90, 40)) + 0.2),
    "ill-conditioned": (REAL @ MIX, generator.normal(size=(90, 40)) @ MIX),
    "rank-deficient": (REAL, generator.normal(size=(90, 5)) @ generator.normal(size=(5, 40))),
    "both rank-deficient": (REAL[:, :7] @ MIX[:7], REAL[:, 5:9] @ MIX[5:9]),
    "few samples": (REAL[:6], generator.normal(size=(9, 40))),
    "identical": (REAL, REAL),
    "identical and few": (REAL[:6], REAL[:6]),
    "one repeated": (REAL, np.repeat(REAL[:1], 30, axis=0)),
    "offset": (REAL + 1000, REAL[::-1] * 2 + 1000),
}


@pytest.mark.parametrize("name", SETS)
def test_the_definition(name):
    real, fake = SETS[name]
    expected, traces = reference(real, fake)
    assert frechet_distance(moments(real), moments(fake)) == pytest.approx(expected, abs=1e-6 * traces)
    assert frechet_distance(moments(fake), moments(real)) == pytest.approx(expected, abs=1e-6 * traces)


def test_by_hand():
    # means (1, 0) and (0, 0); variances (2, 0) and (8, 0): 1 + 2 + 8 - 2 * 4
    real = moments(np.array([[0.0, 0.0], [2.0, 0.0]]))
    fake = moments(np.array([[-2.0, 0.0], [2.0, 0.0]]))
    assert frechet_distance(real, fake) == pytest.approx(3.0, abs=1e-12)
    same = moments(np.ones((5, 2)))
    assert frechet_distance(same, same) == 0.0


def test_wrong_use_is_named():
    with pytest.raises(UsageError, match="fake features: expected 3 dimensions like real features, got 2"):
        frechet_distance(moments(np.zeros((2, 3))), moments(np.zeros((2, 2))))
    with pytest.raises(UsageError, match="a covariance: expected 2 or more samples, got 1"):
        frechet_distance(moments(np.zeros((1, 2))), moments(np.zeros((2, 2))))
