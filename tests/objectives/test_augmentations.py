"""Augmentations in the step: what they do to images, by hand; the same for a row on any number of replicas."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.core import randomness
from ganzoo.errors import ConfigError
from ganzoo.objectives import parts
from ganzoo.objectives.augmentations import diffaugment
from ganzoo.objectives.augmentations.augmentation import Draws

IMAGES = np.random.default_rng(0).uniform(-1, 1, (6, 8, 8, 3)).astype(np.float32)


class Fixed:
    """Draws of which the share of the interval is given by number."""

    def __init__(self, **shares):
        self.shares = {int(number[1:]): share for number, share in shares.items()}

    def uniform(self, number, shape=(), low=0.0, high=1.0):
        share = self.shares.get(number, 0.5)
        return tf.fill([len(IMAGES), *shape], np.float32(low + share * (high - low)))


def keyed(first, rows, total=6):
    return Draws(randomness.key(0, "test"), randomness.Place(first, total), rows)


def test_the_middle_of_all_draws_changes_no_colour():
    """Brightness + 0, saturation x 1, contrast x 1."""
    np.testing.assert_allclose(diffaugment.color(tf.constant(IMAGES), Fixed()), IMAGES, atol=1e-6)


def test_brightness_saturation_contrast():
    image = tf.constant(IMAGES)
    brighter = diffaugment.color(image, Fixed(n0=0.9))  # -0.5 + 0.9
    np.testing.assert_allclose(brighter, IMAGES + 0.4, atol=1e-6)
    grey = diffaugment.color(image, Fixed(n1=0.0))
    np.testing.assert_allclose(grey, np.repeat(IMAGES.mean(-1, keepdims=True), 3, -1), atol=1e-6)
    flat = diffaugment.color(image, Fixed(n2=0.0))  # half the contrast
    mean = IMAGES.mean((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(flat, 0.5 * (IMAGES - mean) + mean, atol=1e-6)


def test_translation_moves_whole_pixels_and_fills_with_zero():
    """Sides of 8 move by -1, 0 or 1: shares of 0, 1/2 and (nearly) 1."""
    for share, shift in ((0.0, -1), (0.5, 0), (0.99, 1)):
        moved = diffaugment.translation(tf.constant(IMAGES), Fixed(n3=share, n4=0.5)).numpy()
        expected = np.zeros_like(IMAGES)
        rows = slice(max(shift, 0), 8 + min(shift, 0))
        expected[:, rows] = IMAGES[:, slice(max(-shift, 0), 8 + min(-shift, 0))]
        np.testing.assert_array_equal(moved, expected)


def test_cutout_is_half_the_side_around_its_centre():
    """Sides of 8: a square of 4, whose centre 2 (a share of 0.25 of 0 … 8) covers 0 … 3."""
    cut = diffaugment.cutout(tf.constant(np.ones_like(IMAGES)), Fixed(n5=0.25, n6=0.6)).numpy()
    expected = np.ones_like(IMAGES)
    expected[:, 0:4, 3:7] = 0.0  # 0.6 * 9 = 5.4: the centre 5
    np.testing.assert_array_equal(cut, expected)


def test_a_row_depends_on_its_place_alone():
    augment = parts.augmentations(["diffaugment"])[0].function
    whole = augment(tf.constant(IMAGES), keyed(0, 6)).numpy()
    halves = [augment(tf.constant(IMAGES[start : start + 3]), keyed(start, 3)).numpy() for start in (0, 3)]
    np.testing.assert_array_equal(np.concatenate(halves), whole)
    assert not np.allclose(whole, IMAGES, atol=0.05)


def test_the_generator_learns_through_it():
    """Each policy is linear in the image: the gradient of the sum by a pixel of the middle is 1 where it stays."""
    augment = parts.augmentations([{"name": "diffaugment", "policy": ["color"]}])[0].function
    images = tf.constant(IMAGES)
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(augment(images, keyed(0, 6)))
    np.testing.assert_allclose(tape.gradient(total, images), np.ones_like(IMAGES), rtol=1e-4)


def test_wrong_options():
    with pytest.raises(ConfigError, match=r"augmentations\.0\.policy\.0: input should be 'color', 'translation'"):
        parts.augmentations([{"name": "diffaugment", "policy": ["colour"]}])


def test_domains_choose_the_discriminators():
    given = [{"name": "diffaugment", "domains": ["monet"]}, "diffaugment"]
    assert [one.domains for one in parts.augmentations(given, ("monet", "photo"))] == [("monet",), None]
    with pytest.raises(ConfigError, match=r"augmentations\.0\.domains: expected some of bold, plain, got 'monet'"):
        parts.augmentations(given, ("bold", "plain"))
    with pytest.raises(ConfigError, match=r"augmentations\.0\.domains: the scheme has one discriminator .*remove it"):
        parts.augmentations(given)
