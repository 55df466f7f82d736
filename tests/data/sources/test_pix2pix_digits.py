"""Digits with their outlines."""

import numpy as np
import tensorflow as tf

from ganzoo.data.domains import open_domains
from ganzoo.data.sources.mnist_5k import load_mnist_5k
from ganzoo.data.sources.pix2pix_digits import edges_of
from ganzoo.schema import DatasetConfig


def test_the_outline_of_a_square_and_of_what_touches_the_border():
    image = np.zeros((1, 6, 5), np.uint8)
    image[0, :4, :4] = 128  # touches the upper and the left border
    image[0, 5, 4] = 127  # below half
    ring = [
        [255, 255, 255, 255, 0],
        [255, 0, 0, 255, 0],
        [255, 0, 0, 255, 0],
        [255, 255, 255, 255, 0],
        [0] * 5,
        [0] * 5,
    ]
    edges = edges_of(image)
    assert edges.dtype == np.uint8
    assert edges[0].tolist() == ring
    np.testing.assert_array_equal(edges_of(image[..., np.newaxis])[..., 0], edges)


def test_example_i_of_one_belongs_to_example_i_of_the_other():
    dataset = DatasetConfig(name="pix2pix_digits", split="test", size=28, channels=1, domains=["edges", "digits"])
    domains = open_domains(dataset)
    assert domains.paired
    digits = load_mnist_5k("test")[0][[3, 999]]
    fetched = {key: source.fetch(tf.constant([3, 999], tf.int64)) for key, source in domains.sources.items()}
    assert {key: list(batch) for key, batch in fetched.items()} == {"edges": ["examples"], "digits": ["examples"]}
    np.testing.assert_array_equal(fetched["digits"]["examples"][..., 0], digits)
    np.testing.assert_array_equal(fetched["edges"]["examples"][..., 0], edges_of(digits))
