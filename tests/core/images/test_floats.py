"""Conversion between levels and floats, against hand-computed numbers."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.core import images
from ganzoo.errors import UsageError

ALL_LEVELS = np.arange(256, dtype=np.uint8)


def test_to_float_maps_levels_to_the_unit_interval():
    floats = images.to_float(np.array([[0, 51, 255]], np.uint8))
    assert floats.dtype == tf.float32
    np.testing.assert_allclose(floats, [[-1.0, -0.6, 1.0]], atol=1e-7)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_all_levels_survive_the_round_trip(jit_compile):
    round_trip = tf.function(lambda levels: images.to_uint8(images.to_float(levels)), jit_compile=jit_compile)
    np.testing.assert_array_equal(round_trip(tf.constant(ALL_LEVELS)), ALL_LEVELS)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32, tf.float64])
def test_to_uint8_rounds_clips_and_blackens_nan(dtype):
    floats = tf.cast([-1.0, 0.0, 0.25, 1.0, 7.0, -7.0, np.inf, -np.inf, np.nan], dtype)
    # (0 + 1) * 127.5 is a tie, which goes to the even 128; 1.25 * 127.5 = 159.375.
    np.testing.assert_array_equal(images.to_uint8(floats), [0, 128, 159, 255, 255, 0, 255, 0, 0])


def test_conversions_refuse_the_other_side():
    with pytest.raises(UsageError, match="to_float: expected uint8 pixels, got float32"):
        images.to_float(np.zeros(3, np.float32))
    with pytest.raises(UsageError, match=r"to_uint8: expected floats in \[-1, 1\], got uint8"):
        images.to_uint8(ALL_LEVELS)
