"""Stateless augmentation."""

import numpy as np
import tensorflow as tf

from ganzoo.data import augmentations


def test_flip_mirrors_half_of_the_images_left_to_right():
    images = np.tile(np.array([[1, 2, 3], [4, 5, 6]], np.uint8)[np.newaxis, ..., np.newaxis], (2000, 1, 1, 1))
    out = augmentations.flip(tf.constant(images), tf.range(2000, dtype=tf.int64), 0).numpy()
    assert out.dtype == np.uint8
    mirrored = (out == images[:, :, ::-1]).all(axis=(1, 2, 3))
    assert ((out == images).all(axis=(1, 2, 3)) ^ mirrored).all()
    assert 900 < mirrored.sum() < 1100  # sd 22


def test_flip_is_keyed_by_seed_and_counter():
    images = tf.constant(np.arange(2, dtype=np.uint8).reshape(1, 1, 2, 1).repeat(64, 0))

    def tosses(start: int, seed: int) -> np.ndarray:
        return augmentations.flip(images, tf.range(start, start + 64, dtype=tf.int64), seed).numpy()[:, 0, 0, 0]

    np.testing.assert_array_equal(tosses(100, 0)[10:], tosses(110, 0)[:-10])
    assert (tosses(100, 0) != tosses(100, 1)).any()


def test_the_second_domain_is_flipped_on_its_own():
    images = tf.constant(np.arange(2, dtype=np.uint8).reshape(1, 1, 2, 1).repeat(64, 0))
    first, second = (augmentations.flip(images, tf.range(64, dtype=tf.int64), 0, domain).numpy() for domain in (0, 1))
    assert 16 < (first != second).any(axis=(1, 2, 3)).sum() < 48  # mean 32, sd 4


def test_crop_cuts_a_square_at_any_place_equally_likely():
    image = np.arange(5 * 4 * 2, dtype=np.uint8).reshape(1, 5, 4, 2)
    out = augmentations.crop(tf.constant(image.repeat(3000, 0)), tf.range(3000, dtype=tf.int64), 0, 0, 3).numpy()
    assert out.shape == (3000, 3, 3, 2)
    counts = {}
    for square in out:
        row, column = divmod(int(square[0, 0, 0]) // 2, 4)
        np.testing.assert_array_equal(square, image[0, row : row + 3, column : column + 3])
        counts[row, column] = counts.get((row, column), 0) + 1
    assert counts.keys() == {(row, column) for row in range(3) for column in range(2)}
    assert all(400 < count < 600 for count in counts.values())  # mean 500, sd 20


def test_crop_is_keyed_by_seed_counter_and_domain():
    images = tf.constant(np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1).repeat(64, 0))

    def corners(start: int, seed: int, domain: int) -> np.ndarray:
        counters = tf.range(start, start + 64, dtype=tf.int64)
        return augmentations.crop(images, counters, seed, domain, 4).numpy()[:, 0, 0, 0]

    np.testing.assert_array_equal(corners(100, 0, 0)[10:], corners(110, 0, 0)[:-10])
    assert (corners(100, 0, 0) != corners(100, 1, 0)).any()
    assert (corners(100, 0, 0) != corners(100, 0, 1)).any()
