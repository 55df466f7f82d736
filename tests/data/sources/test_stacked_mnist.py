"""Three digits in three channels."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.data.open import check_available, open_source
from ganzoo.data.sources.mnist_5k import load_mnist_5k
from ganzoo.errors import DataError
from ganzoo.schema import DatasetConfig


def source_of(seed=0, **options):
    return open_source(DatasetConfig(name="stacked_mnist", channels=3, **{"size": 28, **options}), seed=seed)


def fetched(source, indices):
    return {key: value.numpy() for key, value in source.fetch(tf.constant(indices, tf.int64)).items()}


@pytest.mark.parametrize("split", ["train", "test"])
def test_channels_are_digits_of_the_split_and_the_label_names_them(split):
    source = source_of(split=split)
    assert (source.length, source.example_shape, len(source.class_names)) == (None, (28, 28, 3), 1000)
    assert source.class_names[7] == "007"
    batch = fetched(source, range(50))
    assert batch["examples"].dtype == np.uint8
    digits, labels = load_mnist_5k(split)
    known = {image.tobytes(): label for image, label in zip(digits, labels, strict=True)}
    for image, label in zip(batch["examples"], batch["labels"], strict=True):
        assert label == int("".join(str(known[image[..., channel].tobytes()]) for channel in range(3)))


def test_modes_are_equally_likely_and_channels_independent():
    labels = fetched(source_of(size=2), range(20_000))["labels"]
    digits = np.stack([labels // 100, labels // 10 % 10, labels % 10])
    for first, second in ((0, 1), (1, 2), (0, 2)):
        pairs = np.bincount(10 * digits[first] + digits[second], minlength=100)
        chi_squared = np.sum((pairs - 200.0) ** 2 / 200.0)
        assert 50 < chi_squared < 160  # 99 +- 14


def test_an_image_depends_on_seed_split_and_index_alone():
    whole = fetched(source_of(seed=7), range(1100))
    some = fetched(source_of(seed=7), [1099, 3, 1024])
    for key, values in whole.items():
        np.testing.assert_array_equal(some[key], values[[1099, 3, 1024]])
    for other in (source_of(seed=8), source_of(seed=7, split="test")):
        assert np.mean(fetched(other, range(1100))["labels"] == whole["labels"]) < 0.02


def test_grey_images_are_refused():
    with pytest.raises(DataError, match=r"^dataset\.channels: expected 3 for stacked_mnist, got 1 \(set "):
        check_available(DatasetConfig(name="stacked_mnist", size=28, channels=1))
