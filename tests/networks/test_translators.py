"""Translators and patch discriminators: the papers' sizes, patches and padding."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.core import randomness
from ganzoo.errors import ConfigError
from ganzoo.networks.layers import Conv2D, Dropout, SpectralConv2D
from ganzoo.registry import of

NORMS_OF_RESNET_9 = 64 + 128 + 256 + 2 * 9 * 256 + 128 + 64  # channels before a normalisation
NORMS_OF_PATCHGAN = 128 + 256 + 512


def translator(name, shape=(128, 128, 3), **arguments):
    return of("translator").get(name)(shape, **arguments)


def discriminator(name, channels=3, **arguments):
    return of("discriminator").get(name)((32, 32, channels), **arguments)


def test_the_networks_have_the_sizes_of_the_authors():
    """What pytorch-CycleGAN-and-pix2pix prints: 11.378 M, 2.765 M (biases, no scale), 54.414 M (no bias, a scale)."""
    assert translator("resnet").count_params() == 11_378_179 - NORMS_OF_RESNET_9 + 2 * NORMS_OF_RESNET_9
    assert discriminator("patchgan").count_params() == 2_764_737 - NORMS_OF_PATCHGAN + 2 * NORMS_OF_PATCHGAN
    outermost_and_innermost_bias = 64 + 512
    assert translator("unet", (256, 256, 3)).count_params() == 54_413_955 + outermost_and_innermost_bias


@pytest.mark.parametrize("upsampling", ["transposed", "transposed4", "resize", "bilinear"])
@pytest.mark.parametrize("residual", ["none", "fine", "coarse"])
def test_a_resnet_takes_any_multiple_of_four(upsampling, residual):
    network = translator("resnet", width=4, blocks=1, upsampling=upsampling, residual=residual)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 12, 20, 3)).astype(np.float32)
    made = network(images)
    assert made.shape == images.shape
    assert np.max(np.abs(made)) <= 1.0
    assert network.stride == 4


@pytest.mark.parametrize("network", [translator("resnet", width=32, blocks=1), discriminator("patchgan", width=32)])
def test_weights_start_as_the_authors_do(network):
    """N(0, 0.02), within four deviations of its estimates."""
    kernels = np.concatenate([np.ravel(v.numpy()) for v in network.trainable_variables if v.path.endswith("kernel")])
    assert kernels.mean() == pytest.approx(0.0, abs=4 * 0.02 / np.sqrt(len(kernels)))
    assert kernels.std() == pytest.approx(0.02, rel=4 / np.sqrt(2 * len(kernels)))


def test_a_residual_resnet_starts_near_the_identity():
    network = translator("resnet", width=8, blocks=1, residual="fine")
    end = network.get_layer("end")
    end.kernel.assign(tf.zeros_like(end.kernel))
    images = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)
    np.testing.assert_allclose(network(images), 0.98 * images, atol=1e-6)


def test_without_normalisation_what_is_far_away_changes_nothing():
    network = translator("resnet", width=4, blocks=1, normalization="none")
    assert not [layer for layer in network.layers if layer.name.endswith("_norm")]
    images = np.random.default_rng(0).uniform(-1, 1, (1, 128, 16, 3)).astype(np.float32)
    other = images.copy()
    other[:, :32] = 0.5
    np.testing.assert_allclose(network(images)[:, 96:], network(other)[:, 96:], atol=1e-6)
    assert not np.allclose(network(images)[:, :32], network(other)[:, :32], atol=1e-3)


def test_a_coarse_residual_starts_without_the_detail():
    network = translator("resnet", width=8, blocks=1, residual="coarse")
    end = network.get_layer("end")
    end.kernel.assign(tf.zeros_like(end.kernel))
    squares = np.random.default_rng(0).uniform(-1, 1, (2, 4, 4, 3)).astype(np.float32)
    detail = np.tile(np.float32([[-0.1, 0.1], [0.1, -0.1]]), (8, 8))[..., np.newaxis]
    images = np.clip(squares.repeat(4, axis=1).repeat(4, axis=2), -0.9, 0.9)
    made = network(images).numpy()
    np.testing.assert_allclose(made, network(images + detail), atol=1e-6)  # a square's mean is the same
    flat = np.full((1, 16, 16, 3), 0.5, np.float32)
    np.testing.assert_allclose(network(flat), 0.98 * flat, atol=1e-6)


def test_detail_is_for_a_coarse_residual_alone():
    assert translator("resnet", width=2, blocks=1, residual="coarse", detail=0.4).get_layer("translated").detail == 0.4
    with pytest.raises(ConfigError, match=r"^generator\.detail: 0\.4 is for residual: coarse"):
        translator("resnet", width=2, blocks=1, residual="fine", detail=0.4)


def test_a_resize_leaves_no_checkerboard():
    """Random weights on a flat image: what is upsampled by resizing is flat too, away from what the edges do."""
    flat = np.full((1, 96, 96, 3), 0.3, np.float32)
    made = translator("resnet", width=4, blocks=1, upsampling="resize")
    up = keras.Model(made.input, made.get_layer("up2").output)
    found = up(flat).numpy()[:, 40:56, 40:56]
    np.testing.assert_allclose(found, np.broadcast_to(found[:, :1, :1], found.shape), atol=1e-5)


@pytest.mark.parametrize(("levels", "side"), [(None, 32), (3, 40)])
def test_a_unet_goes_down_to_one_pixel_or_as_told(levels, side):
    network = translator("unet", (side, side, 1), width=2, levels=levels)
    images = np.random.default_rng(0).uniform(-1, 1, (2, side, side, 1)).astype(np.float32)
    assert network(images).shape == images.shape
    assert network.stride == (2**levels if levels else side)
    assert np.isfinite(network(images)).all()


def test_a_unet_s_dropout_is_in_training_alone():
    network = translator("unet", (64, 64, 1), width=2)
    named = [layer.name for layer in network.layers if isinstance(layer, Dropout)]
    assert named == ["up4_dropout", "up3_dropout", "up2_dropout"]  # after the smallest, up5
    images = np.random.default_rng(0).uniform(-1, 1, (1, 64, 64, 1)).astype(np.float32)
    with randomness.scope(randomness.key(0, "t"), randomness.Place(0, 1)):
        in_training = network(images, training=True)
    assert not np.allclose(in_training, network(images), atol=1e-3)


@pytest.mark.parametrize("size", [28, 30])
def test_a_size_that_does_not_halve_is_refused(size):
    with pytest.raises(ConfigError, match=f"dataset.size: {size} does not suit network unet"):
        translator("unet", (size, size, 1), levels=3)


@pytest.mark.parametrize(("layers", "patch"), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_the_patch_of_a_logit(layers, patch):
    """The pixels that move the middle logit."""
    network = discriminator("patchgan", 1, width=2, layers=layers, normalization="none")
    for layer in network.layers:
        if layer.weights:
            layer.kernel.assign(tf.abs(layer.kernel) + 0.1)
    images = tf.zeros([1, 320, 320, 1])
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = network(images)
        middle = logits[0, logits.shape[1] // 2, logits.shape[2] // 2, 0]
    rows, columns = np.nonzero(tape.gradient(middle, images)[0, :, :, 0])
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (patch, patch)


@pytest.mark.parametrize(("name", "kernels"), [("patchgan", 5), ("pixel", 3)])
def test_spectral_normalisation_is_of_every_kernel(name, kernels):
    layers = [layer for layer in discriminator(name, width=2).layers if isinstance(layer, Conv2D)]
    assert len(layers) == kernels
    assert not any(isinstance(layer, SpectralConv2D) for layer in layers)
    network = discriminator(name, width=2, normalization="spectral")
    assert len([layer for layer in network.layers if isinstance(layer, SpectralConv2D)]) == kernels
    assert not [layer for layer in network.layers if layer.name.endswith("_norm")]


def test_the_paper_s_map_of_logits():
    assert discriminator("patchgan", width=2)(tf.zeros([1, 256, 256, 3])).shape == (1, 30, 30, 1)
    assert discriminator("pixel", width=2)(tf.zeros([1, 17, 23, 3])).shape == (1, 17, 23, 1)


def test_a_pixel_is_judged_by_its_colour_alone():
    network = discriminator("pixel", width=4, normalization="none")
    images = np.random.default_rng(0).uniform(-1, 1, (1, 8, 8, 3)).astype(np.float32)
    logits = network(images).numpy()
    shuffled = np.random.default_rng(1).permutation(64)
    moved = network(images.reshape(64, 3)[shuffled].reshape(1, 8, 8, 3)).numpy()
    np.testing.assert_allclose(moved.ravel(), logits.ravel()[shuffled], atol=1e-6)


def test_networks_of_the_other_kind_are_unknown():
    with pytest.raises(ConfigError, match=r"generator\.network: unknown translator 'dcgan'"):
        translator("dcgan")
    with pytest.raises(ConfigError, match=r"network patchgan: is for images without labels"):
        of("discriminator").get("patchgan")((28, 28, 1), 10)
