"""Moments are numpy's, whatever the batches; features that cannot be compared are named."""

import numpy as np
import pytest

from ganzoo.errors import UsageError
from ganzoo.evaluation.features import check_features
from ganzoo.evaluation.moments import Moments


@pytest.mark.parametrize("splits", [[], [1], [0, 7, 8, 50], list(range(1, 99))])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_any_split_gives_the_mean_and_the_covariance(splits, offset):
    features = np.random.default_rng(1).normal(size=(99, 6))
    moments, other = Moments(6), Moments(6)
    for number, batch in enumerate(np.split(features + offset, splits)):
        (other if number % 2 else moments).update(batch)
    moments.merge(other)
    assert moments.count == 99
    np.testing.assert_allclose(moments.mean - offset, features.mean(axis=0), atol=1e-9 if offset else 1e-15)
    np.testing.assert_allclose(moments.covariance, np.cov(features, rowvar=False), atol=1e-9 if offset else 1e-14)


def test_by_hand():
    moments = Moments(2)
    moments.update(np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 4.0]], np.float32))
    np.testing.assert_allclose(moments.mean, [2, 2])
    np.testing.assert_allclose(moments.covariance, [[4, 3], [3, 3]])


def test_wrong_use_is_named():
    moments = Moments(2)
    with pytest.raises(UsageError, match="a covariance: expected 2 or more samples, got 0"):
        _ = moments.covariance
    with pytest.raises(UsageError, match="features: expected 2 dimensions, got 3"):
        moments.update(np.zeros((4, 3)))
    with pytest.raises(UsageError, match="NaN or infinity in sample 1"):
        moments.update(np.array([[0.0, 1.0], [np.nan, 1.0]]))
    assert moments.count == 0
    with pytest.raises(UsageError, match="fake features: expected 2 or more samples, got 1"):
        check_features(real=np.zeros((2, 3)), fake=np.zeros((1, 3)))
    with pytest.raises(UsageError, match="fake features: expected 3 dimensions like real features, got 4"):
        check_features(real=np.zeros((2, 3)), fake=np.zeros((2, 4)))
    with pytest.raises(UsageError, match="expected real"):
        check_features(real=np.zeros(3))
