"""Digits in two domains, with the true translation known."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.data.domains import Domains, open_domains
from ganzoo.data.sources.cyclegan_digits import bold_of
from ganzoo.data.sources.mnist_5k import load_mnist_5k
from ganzoo.errors import DataError
from ganzoo.schema import DatasetConfig


def opened(**values) -> Domains:
    given = {"name": "cyclegan_digits", "size": 28, "channels": 1, "domains": ["plain", "bold"]}
    return open_domains(DatasetConfig(**given | values))


def images_of(domains: Domains, domain: str) -> np.ndarray:
    source = domains.sources[domain]
    return source.fetch(tf.range(source.length, dtype=tf.int64))["examples"].numpy()


def test_bold_is_the_inverted_maximum_of_nine():
    image = np.zeros((1, 4, 5), np.uint8)
    image[0, 0, 0], image[0, 2, 3] = 100, 255
    expected = [[155, 155, 255, 255, 255], [155, 155, 0, 0, 0], [255, 255, 0, 0, 0], [255, 255, 0, 0, 0]]
    bold = bold_of(image)
    assert bold.dtype == np.uint8
    assert bold[0].tolist() == expected
    np.testing.assert_array_equal(bold_of(image[..., np.newaxis])[..., 0], bold)


@pytest.mark.parametrize(("split", "per_class"), [("train", 200), ("test", 50)])
def test_the_domains_share_no_digit_and_have_all_classes_equally(split, per_class):
    domains = opened(split=split)
    assert (domains.name, domains.paired, list(domains.sources)) == ("cyclegan_digits", False, ["plain", "bold"])
    digits, labels = load_mnist_5k(split)
    plain, bold = images_of(domains, "plain"), images_of(domains, "bold")
    number = {image.tobytes(): i for i, image in enumerate(digits)}
    as_bold = {image.tobytes(): i for i, image in enumerate(bold_of(digits))}
    used = [[number[image.tobytes()] for image in plain], [as_bold[image.tobytes()] for image in bold]]
    assert sorted(used[0] + used[1]) == list(range(len(digits)))
    for numbers in used:
        assert np.bincount(labels[numbers]).tolist() == [per_class] * 10


def test_each_digit_knows_what_it_should_become():
    sources = opened(split="test").sources
    indices = tf.constant([0, 499], tf.int64)
    plain, bold = (sources[domain].fetch(indices)["examples"].numpy() for domain in ("plain", "bold"))
    of_plain, of_bold = (sources[domain].truth.fetch(indices)["examples"].numpy() for domain in ("plain", "bold"))
    np.testing.assert_array_equal(bold_of(plain), of_plain)
    np.testing.assert_array_equal(bold_of(of_bold), bold)
    assert {source.truth.length for source in sources.values()} == {500}


def test_other_sizes_and_channels_and_a_size_to_load():
    domains = opened(split="test", size=24, load_size=32, channels=3, domains=["bold", "plain"])
    assert list(domains.sources) == ["bold", "plain"]
    assert images_of(domains, "bold").shape == (500, 32, 32, 3)
    assert images_of(domains, "bold")[:, 0].mean() > 250  # white outside


def test_an_unknown_split_is_one_clear_line():
    with pytest.raises(DataError, match=r"^dataset\.split: mnist_5k has no 'tset' \(did you mean 'test'\?\)$"):
        opened(split="tset")


def test_bold_without_inversion():
    plain = images_of(opened(split="test"), "plain")
    source = opened(split="test", inverted=False).sources["plain"]
    truth = source.truth.fetch(tf.range(source.truth.length, dtype=tf.int64))["examples"].numpy()
    np.testing.assert_array_equal(truth, 255 - bold_of(plain))
