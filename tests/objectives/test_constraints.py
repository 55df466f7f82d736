"""Constraints against numbers worked out by hand."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.errors import ConfigError
from ganzoo.objectives import parts


def test_weight_clipping():
    (constraint,) = parts.constraints([{"name": "weight_clipping", "limit": 0.5}])
    np.testing.assert_array_equal(constraint.function(tf.constant([-2.0, 0.25, 0.5, 7.0])), [-0.5, 0.25, 0.5, 0.5])
    assert (constraint.name, constraint.update) == ("weight_clipping", "discriminator")
    (default,) = parts.constraints(["weight_clipping"])
    np.testing.assert_allclose(default.function(tf.constant([1.0, -0.005])), [0.01, -0.005])


def test_ways_to_give_a_constraint():
    class Own:
        update = "generator"

        def __call__(self, weight):
            return -weight

    own = Own()
    made = parts.constraints([{"name": "weight_clipping", "limit": 2.0}, own])
    assert [(one.name, one.update) for one in made] == [("weight_clipping", "discriminator"), ("Own", "generator")]
    assert made[1].function is own


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("weight_cliping", r"constraints: unknown constraint 'weight_cliping' \(did you mean 'weight_clipping'\?\)"),
        ({"name": "weight_clipping", "limit": 0}, r"constraints\.0\.limit: input should be greater than 0"),
        ({"name": "weight_clipping", "limits": 1.0}, r"constraints\.0\.limits: unknown key \(did you mean 'limit'\?\)"),
    ],
)
def test_wrong_names_and_options(given, message):
    with pytest.raises(ConfigError, match=message):
        parts.constraints([given])
