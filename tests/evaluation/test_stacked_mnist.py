"""The classifier of stacked digits, channel by channel, and the modes that it counts."""

import numpy as np
import tensorflow as tf

from ganzoo.data.open import open_source
from ganzoo.data.sources.mnist_5k import load_mnist_5k
from ganzoo.evaluation.evaluate import default_features
from ganzoo.evaluation.extractors.extractor import open_extractor
from ganzoo.schema import DatasetConfig

HELD_OUT = DatasetConfig(name="stacked_mnist", split="test", size=28, channels=3)


def test_features_and_probabilities_are_those_of_the_channels():
    digits, _ = load_mnist_5k("test")
    stacked = np.stack([digits[:40], digits[400:440], digits[900:940]], axis=3)
    together = open_extractor("stacked_mnist_cnn")(stacked)
    alone = [open_extractor("mnist_cnn")(stacked[..., channel : channel + 1]) for channel in range(3)]
    np.testing.assert_allclose(together.features, np.concatenate([each.features for each in alone], axis=1), atol=1e-4)
    product = np.einsum("na,nb,nc->nabc", *(each.probabilities.astype(np.float64) for each in alone))
    np.testing.assert_allclose(together.probabilities, product.reshape(40, 1000), atol=1e-5)


def test_each_channel_is_read_as_well_as_the_protocol_demands():
    batch = open_source(HELD_OUT).fetch(tf.range(400, dtype=tf.int64))
    found, known = open_extractor("stacked_mnist_cnn")(batch["examples"].numpy()).probabilities, batch["labels"].numpy()
    right = [found.argmax(axis=1) // unit % 10 == known // unit % 10 for unit in (100, 10, 1)]
    assert np.mean(right, axis=1).min() >= 0.97


def test_equal_channels_have_the_modes_aaa():
    digits, labels = load_mnist_5k("test")
    stacked = np.repeat(digits[::20, ..., np.newaxis], 3, axis=3)
    found = open_extractor("stacked_mnist_cnn")(stacked).probabilities.argmax(axis=1)
    assert np.mean(found == 111 * labels[::20]) >= 0.95
    assert default_features(HELD_OUT) == "stacked_mnist_cnn"
