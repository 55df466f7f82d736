"""Shapes of schedules at steps worked out by hand."""

import math

import pytest
import tensorflow as tf

from ganzoo.engine.schedules import SHAPES, factor
from ganzoo.errors import ConfigError

STEPS = (0, 2, 3, 4, 5, 6, 100)  # falls from 2 to 6


def factors(shape, final):
    return [float(factor(shape, tf.constant(float(step)), 2, 6, final)) for step in STEPS]


@pytest.mark.parametrize(
    ("shape", "final", "expected"),
    [
        ("constant", 0.0, [1.0] * 7),
        ("constant", 0.5, [1.0] * 7),
        ("linear", 0.0, [1.0, 1.0, 0.75, 0.5, 0.25, 0.0, 0.0]),
        ("linear", 0.2, [1.0, 1.0, 0.8, 0.6, 0.4, 0.2, 0.2]),
        ("cosine", 0.0, [1.0, 1.0, 0.5 + math.sqrt(2) / 4, 0.5, 0.5 - math.sqrt(2) / 4, 0.0, 0.0]),
        ("cosine", 0.5, [1.0, 1.0, 0.75 + math.sqrt(2) / 8, 0.75, 0.75 - math.sqrt(2) / 8, 0.5, 0.5]),
        ("cosine", 1.0, [1.0] * 7),
    ],
)
def test_factors(shape, final, expected):
    assert factors(shape, final) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("shape", SHAPES.names())
def test_every_shape_starts_whole_and_stays_as_it_ends(shape):
    *_, end, later = found = factors(shape, 0.25)
    assert found[:2] == [1.0, 1.0]
    assert end == later


def test_shapes_begin_and_end_at_their_steps_alone():
    """Of the steps 3 to 4 the whole fall is one step."""
    found = [float(factor("linear", tf.constant(float(step)), 3, 4, 0.5)) for step in (2, 3, 4, 5)]
    assert found == [1.0, 1.0, 0.5, 0.5]


def test_an_unknown_shape():
    with pytest.raises(ConfigError, match=r"schedule\.name: unknown schedule 'cosin' \(did you mean 'cosine'\?\)"):
        factor("cosin", tf.constant(0.0), 0, 1, 0.0)
