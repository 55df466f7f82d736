"""Minibatch standard deviation: numbers by hand, groups by position."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.errors import UsageError
from ganzoo.networks.layers import MinibatchDeviation


def test_each_group_has_the_mean_deviation_of_its_entries():
    """Groups (1, 3) and (5, 5) at the first pixel, (0, 4) and (2, 8) at the second: deviations 1, 0 and 2, 3."""
    images = tf.reshape(tf.constant([[1.0, 0.0], [3.0, 4.0], [5.0, 2.0], [5.0, 8.0]]), [4, 1, 2, 1])
    result = MinibatchDeviation(2)(images, training=True)
    np.testing.assert_array_equal(result[..., :1], images)
    expected = np.repeat([1.5, 1.5, 1.50005, 1.50005], 2).reshape(4, 1, 2)  # sqrt(1e-8) of the equal entries
    np.testing.assert_allclose(result[..., 1], expected, rtol=1e-6)


def test_groups_are_by_position_and_in_inference_the_rest_is_one():
    numbers = tf.constant(np.random.default_rng(0).normal(size=(8, 3, 3, 2)).astype(np.float32))
    layer = MinibatchDeviation(4)
    whole = layer(numbers, training=True)
    halves = [layer(numbers[start : start + 4], training=True) for start in (0, 4)]
    np.testing.assert_array_equal(np.concatenate(halves), whole)
    np.testing.assert_array_equal(layer(numbers), whole)
    six = layer(numbers[:6])
    np.testing.assert_array_equal(six[:4], halves[0])
    np.testing.assert_allclose(six[4:, ..., 2], np.full((2, 3, 3), numbers[4:6].numpy().std(0).mean()), 1e-5)
    np.testing.assert_allclose(layer(numbers[:3])[..., 2], np.full((3, 3, 3), numbers[:3].numpy().std(0).mean()), 1e-5)
    assert float(layer(numbers[:1])[0, 0, 0, 2]) == pytest.approx(1e-4)


def test_dtypes_shapes_and_config():
    layer = MinibatchDeviation(4, dtype="mixed_bfloat16")
    assert layer(tf.ones([4, 3, 3, 2]), training=True).dtype == tf.bfloat16
    assert layer.compute_output_shape((None, 3, 3, 2)) == (None, 3, 3, 3)
    assert MinibatchDeviation.from_config(layer.get_config()).group == 4


def test_rows_that_fill_no_group():
    with pytest.raises(UsageError, match=r"minibatch_deviation: expected a multiple of 4 rows .*, got 6 \(choose"):
        MinibatchDeviation(4)(tf.ones([6, 3, 3, 2]), training=True)
