"""R3GAN's networks: parameters counted by hand, blocks that start as the identity."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.errors import ConfigError
from ganzoo.networks.r3gan import r3gan_discriminator, r3gan_generator

BLOCK = 2 * 32 * 64 + 9 * 16 * 64 + 2 * 64  # width 32: two convolutions of 1x1, one in groups of 16, two biases


def test_parameters_counted_by_hand():
    """Noise, basis, two blocks at each of 4, 8, 16 and 32 pixels, and the end, as in the authors' code."""
    generator = r3gan_generator(64, (32, 32, 3), width=32)
    assert generator.count_params() == 64 * 32 + 4 * 4 * 32 + 4 * 2 * BLOCK + 32 * 3
    discriminator = r3gan_discriminator((32, 32, 3), width=32)
    assert discriminator.count_params() == 3 * 32 + 4 * 2 * BLOCK + 4 * 4 * 32 + 32


def test_28_pixels_start_from_7():
    generator = r3gan_generator(64, (28, 28, 1), width=32, blocks=1)
    assert generator.get_layer("basis").output.shape == (None, 7, 7, 32)
    assert generator.count_params() == 64 * 32 + 7 * 7 * 32 + 3 * BLOCK + 32


def test_blocks_start_as_the_identity():
    network = r3gan_discriminator((28, 28, 1), width=8, group=8)
    ends = [network.get_layer(name).output for name in ("start", "stage1_block2_sum")]
    images = tf.constant(np.random.default_rng(0).uniform(-1, 1, (2, 28, 28, 1)), tf.float32)
    before, after = keras.Model(network.input, ends)(images)
    np.testing.assert_array_equal(before, after)


def test_initial_weights_are_scaled_by_the_number_of_blocks():
    """Gain sqrt(2 / 1.04) times (8 blocks)^(-1/4), over the root of the inputs: 128, and 9 x 16 in groups."""
    network = r3gan_generator(64, (32, 32, 3), width=128)
    gain = np.sqrt(2 / 1.04) * 8**-0.25
    for name, inputs in (("stage0_block1_conv1", 128), ("stage0_block1_conv2", 9 * 16)):
        assert network.get_layer(name).kernel.numpy().std() == pytest.approx(gain / np.sqrt(inputs), rel=0.02)


def test_a_width_that_does_not_divide_into_groups():
    with pytest.raises(ConfigError, match=r"generator\.group: expected a divisor of 2 times the width of 12, got 16"):
        r3gan_generator(8, (28, 28, 1), width=12)
