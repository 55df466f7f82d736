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
