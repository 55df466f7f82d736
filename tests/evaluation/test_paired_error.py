"""Pairs of images worked out by hand."""

import numpy as np
import pytest

from ganzoo.errors import UsageError
from ganzoo.evaluation.metrics.paired_error import mean_absolute_error
from ganzoo.zoo.evaluate import evaluate


def test_by_hand():
    truth = np.array([[[[0], [255]]], [[[10], [20]]]], np.uint8)
    made = np.array([[[[255], [255]]], [[[0], [71]]]], np.uint8)
    np.testing.assert_allclose(mean_absolute_error(truth, made), [0.5, (10 + 51) / 2 / 255])


def test_as_a_metric_in_the_order_of_the_images():
    truth = np.random.default_rng(0).integers(0, 200, (1200, 28, 28, 1), np.uint8)
    made = truth + (np.arange(1200) % 2 * 51).astype(np.uint8)[:, None, None, None]  # every other one lighter by 0.2
    found = evaluate(made, "paired_error", real=truth, features="mnist_cnn")
    assert found["paired_error_mnist_cnn"] == pytest.approx(0.1)
    assert found.spread["paired_error_mnist_cnn"] == pytest.approx(0.1 / np.sqrt(1199))  # the standard error
    with pytest.raises(UsageError, match=r"expected 1,200 images of fake, one per image of real in order, got 1,199"):
        evaluate(made[1:], "paired_error", real=truth, features="mnist_cnn")
