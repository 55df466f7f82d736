"""scikit-learn's digits."""

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

from ganzoo.data.open import open_source
from ganzoo.schema import DatasetConfig


def test_digits_are_spread_over_0_to_255():
    source = open_source(DatasetConfig(name="digits", split="all", size=8, channels=1, classes=10))
    assert source.length == 1797
    batch = source.fetch(tf.range(1797, dtype=tf.int64))
    original = load_digits()
    np.testing.assert_array_equal(batch["labels"], original.target)
    images = batch["examples"].numpy()[..., 0]
    # 16 levels of 255 / 16 = 15.9375: 1 -> 16, 8 -> 128 (127.5 to even), 15 -> 239, 16 -> 255.
    for level, pixel in {0: 0, 1: 16, 8: 128, 15: 239, 16: 255}.items():
        assert set(images[original.images == level].tolist()) == {pixel}


def test_splits_and_sizes():
    test, train = (
        open_source(DatasetConfig(name="digits", split=split, size=32, channels=3)) for split in ("test", "train")
    )
    expected = sum(count // 5 for count in np.bincount(load_digits().target))
    assert (test.length, train.length) == (expected, 1797 - expected)
    assert test.fetch(tf.constant([3], tf.int64))["examples"].shape == (1, 32, 32, 3)
