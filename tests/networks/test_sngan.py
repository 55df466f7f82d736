"""SNGAN's networks: the sizes of the authors, spectral norms, sums over positions."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.networks.layers import SpectralConv2D, SpectralDense
from ganzoo.networks.sngan import sngan_discriminator, sngan_generator


def trainable(network):
    return sum(variable.value.shape.num_elements() for variable in network.trainable_variables)


def generator_block(width, to):
    """Two convolutions and the shortcut without biases, two normalisations."""
    return 9 * width * to + 9 * to * to + width * to + 2 * width + 2 * to


def discriminator_block(width, to, inside):
    return (9 * width + 1) * inside + (9 * inside + 1) * to + (width + 1) * to


def test_for_32_pixels_the_networks_have_the_sizes_of_the_authors():
    """4,276,739 without three biases in each of three blocks; 1,053,824, where the logit has no bias, with one."""
    assert trainable(sngan_generator(128, (32, 32, 3), width=256)) == 4_276_739 - 3 * 3 * 256
    assert trainable(sngan_discriminator((32, 32, 3), width=128)) == 1_053_825


def test_for_64_pixels_widths_double_at_each_smaller_size():
    widths = [128, 64, 32, 16, 8]
    blocks = sum(map(generator_block, widths, widths[1:]))
    assert trainable(sngan_generator(128, (64, 64, 3), width=8)) == 129 * 16 * 128 + blocks + 2 * 8 + 9 * 8 * 3 + 3
    widths = [3, 8, 16, 32, 64, 128]
    blocks = sum(map(discriminator_block, widths, widths[1:], [8, *widths[1:]]))  # of the authors
    network = sngan_discriminator((64, 64, 3), width=8)
    assert trainable(network) == blocks + 128 + 1
    assert network.get_layer("end_relu").output.shape == (None, 2, 2, 128)
    assert trainable(sngan_discriminator((64, 64, 3), width=64)) == 10_141_441


@pytest.mark.parametrize("side", [28, 32])
def test_small_images_are_halved_twice(side):
    network = sngan_discriminator((side, side, 1), width=4)
    assert network.get_layer("end_relu").output.shape == (None, side // 4, side // 4, 4)


def test_every_kernel_of_the_discriminator_has_a_spectral_norm_of_one():
    network = sngan_discriminator((28, 28, 1), 10, "projection", width=4)
    layers = [layer for layer in network.layers if layer.trainable_weights]
    assert all(isinstance(layer, SpectralConv2D | SpectralDense) for layer in layers)
    iterate = tf.function(lambda: [layer.normalised_kernel(tf.float32, True) for layer in layers])
    for _ in range(60):
        kernels = iterate()
    for layer, kernel in zip(layers, kernels, strict=True):
        largest = np.linalg.svd(np.reshape(kernel, (-1, kernel.shape[-1])), compute_uv=False)[0]
        assert largest == pytest.approx(1.0, rel=1e-2), layer.name


def test_features_are_sums_over_positions():
    network = sngan_discriminator((28, 28, 1), width=4)
    inside = tf.keras.Model(network.input, [network.get_layer(name).output for name in ("end_relu", "features")])
    images = tf.constant(np.random.default_rng(0).uniform(-1, 1, (2, 28, 28, 1)), tf.float32)
    positions, features = inside(images)
    np.testing.assert_allclose(features, np.sum(positions, axis=(1, 2)), rtol=1e-5, atol=1e-6)
