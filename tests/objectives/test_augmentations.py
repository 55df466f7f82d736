"""Augmentations in the step: what they do to images, by hand; the same for a row on any number of replicas."""

import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.core import randomness
from ganzoo.errors import ConfigError, UsageError
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
    return Draws(randomness.key(0, "test"), randomness.Place(first, total), rows, 0)


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


def test_sides_that_differ_move_and_are_cut_by_their_own():
    """8 by 24: rows move by 1 at most and columns by 3; a hole of 4 by 12, which may leave the image."""
    wide = np.random.default_rng(1).uniform(-1, 1, (6, 8, 24, 1)).astype(np.float32)
    moved = diffaugment.translation(tf.constant(wide), Fixed(n3=0.0, n4=0.99)).numpy()
    expected = np.zeros_like(wide)
    expected[:, :7, 3:] = wide[:, 1:, :-3]
    np.testing.assert_array_equal(moved, expected)
    cut = diffaugment.cutout(tf.constant(np.ones_like(wide)), Fixed(n5=0.99, n6=0.0)).numpy()
    expected = np.ones_like(wide)
    expected[:, 6:, :6] = 0.0  # the centres 8 and 0
    np.testing.assert_array_equal(cut, expected)


def test_a_hole_of_an_odd_side_has_its_centre_in_the_image():
    """6 by 6: a hole of 3, whose centre is in 0 … 5."""
    odd = tf.ones([6, 6, 6, 1])
    cut = diffaugment.cutout(odd, Fixed(n5=0.0, n6=0.99)).numpy()
    expected = np.ones([6, 6, 6, 1], np.float32)
    expected[:, :2, 4:] = 0.0
    np.testing.assert_array_equal(cut, expected)


def test_colours_change_each_row_by_its_own_draws():
    """The three draws have the numbers 0 to 2, and the first is of brightness."""
    augmented = diffaugment.color(tf.constant(IMAGES), keyed(0, 6)).numpy()
    key = randomness.key(0, "test")
    shift, saturation, contrast = (
        randomness.uniform(randomness.fold(key, n), [6, 1, 1, 1], low, high).numpy()
        for n, (low, high) in enumerate([(-0.5, 0.5), (0.0, 2.0), (0.5, 1.5)])
    )
    brighter = IMAGES + shift
    grey = brighter.mean(-1, keepdims=True)
    coloured = (brighter - grey) * saturation + grey
    mean = coloured.mean((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(augmented, (coloured - mean) * contrast + mean, atol=1e-5)


def test_all_three_policies_in_their_order_by_default():
    assert parts.augmentations(["diffaugment"])[0].function.policy == ("color", "translation", "cutout")
    with pytest.raises(ConfigError, match=r"augmentations\.0\.policy: .* at least 1"):
        parts.augmentations([{"name": "diffaugment", "policy": []}])


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


class Known(Draws):
    """Draws whose uniform numbers are given, for all rows and entries: the first and the second of a pair."""

    def uniform(self, number, shape=(), low=0.0, high=1.0):
        return tf.broadcast_to(
            tf.reshape(tf.constant([1.0 - math.exp(-2.0), 0.5]), [1, 2, *[1] * len(shape[1:])]), [self.rows, *shape]
        )


def test_normal_numbers_are_those_of_box_and_muller():
    """Of u = 1 - exp(-2) and v = 1/2: sqrt(-2 log(1 - u)) cos(2 pi v) = -2; of many pairs, N(0, 1)."""
    known = Known(randomness.key(0, "test"), randomness.Place(0, 3), 3, 0)
    np.testing.assert_allclose(known.normal(0, (4,)), np.full((3, 4), -2.0), rtol=1e-5)
    drawn = keyed(0, 6).normal(0, (20_000,)).numpy()
    assert np.isfinite(drawn).all()
    assert (drawn.mean(), drawn.std()) == pytest.approx((0.0, 1.0), abs=0.01)
    assert (np.abs(drawn) < 1.0).mean() == pytest.approx(0.6827, abs=0.005)
    np.testing.assert_array_equal(np.concatenate([keyed(start, 3).normal(0, (20_000,)) for start in (0, 3)]), drawn)


@pytest.mark.parametrize(("step", "left"), [(0, 0.5), (4, 0.3), (10, 0.0), (99, 0.0)])
def test_instance_noise_is_annealed(step, left):
    """0.5 (1 - step / 10)."""
    augment = parts.augmentations([{"name": "instance_noise", "sigma": 0.5, "steps": 10}])[0].function
    draws = dataclasses.replace(keyed(0, 6), step=tf.constant(step, tf.int64))
    noise = draws.normal(0, IMAGES.shape[1:])
    np.testing.assert_allclose(augment(tf.constant(IMAGES), draws), IMAGES + left * noise, atol=1e-6)
    constant = parts.augmentations([{"name": "instance_noise", "sigma": 0.5}])[0].function
    np.testing.assert_allclose(constant(tf.constant(IMAGES), draws), IMAGES + 0.5 * noise, atol=1e-6)


def adaptive(probability, **options):
    """The augmentation, and draws with its state."""
    augment = parts.augmentations([{"name": "adaptive", **options}])[0].function
    return augment, dataclasses.replace(keyed(0, 6), state={"probability": keras.Variable(probability)})


def test_adaptive_augmentation_applies_each_transform_with_its_probability():
    images = tf.constant(IMAGES)
    never, draws = adaptive(0.0)
    np.testing.assert_array_equal(never(images, draws), IMAGES)
    always, draws = adaptive(1.0)
    whole = parts.augmentations(["diffaugment"])[0].function
    np.testing.assert_array_equal(always(images, draws), whole(images, draws))
    many = tf.ones([1000, 8, 8, 1])
    often, draws = adaptive(0.25, policy=["cutout"])
    draws = dataclasses.replace(draws, place=randomness.Place(0, 1000), rows=1000)
    changed = tf.reduce_any(often(many, draws) != many, axis=[1, 2, 3]).numpy()
    assert changed.mean() == pytest.approx(0.25, abs=0.04)


@pytest.mark.parametrize(
    ("before", "logits", "after"),
    [
        (0.25, [1.0, 2.0, 0.5, 3.0, 1.0, 1.0], 0.5),  # mean sign 1: up by 6 of 24 images
        (0.25, [1.0, 2.0, 0.5, 3.0, 1.0, -1.0], 0.5),  # 2/3
        (0.5, [1.0, 2.0, 0.5, 3.0, -9.0, -1.0], 0.25),  # 1/3
        (0.1, [-1.0] * 6, 0.0),
        (0.9, [1.0] * 6, 1.0),
    ],
)
def test_adaptive_augmentation_follows_the_mean_sign(before, logits, after):
    augment, draws = adaptive(before, images=24)
    augment.observe(tf.constant(logits), draws)
    assert float(draws.state["probability"]) == pytest.approx(after)


def test_diffaugment_of_points():
    augment = parts.augmentations(["diffaugment"])[0].function
    with pytest.raises(UsageError, match=r"diffaugment: expected images \[N, H, W, C\], got \(6, 2\)"):
        augment(tf.zeros([6, 2]), keyed(0, 6))


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
