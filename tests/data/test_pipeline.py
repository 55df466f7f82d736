"""The pipeline is a function of the step."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.data.domains import Domains
from ganzoo.data.open import open_source
from ganzoo.data.pipeline import MOST_SORTED, Pipeline, Stream
from ganzoo.data.source import Source, from_arrays
from ganzoo.errors import ConfigError, UsageError
from ganzoo.schema import DatasetConfig


def numbered(length: int) -> Source:
    """Images of 2x2 whose pixels are their index (left column) and 0, labels the index modulo 3."""
    images = np.zeros((length, 2, 2, 1), np.uint8)
    images[:, :, 0, 0] = np.arange(length)[:, np.newaxis]
    return from_arrays("numbered", images, np.arange(length) % 3, ("a", "b", "c"))


def take(pipeline: Pipeline, count: int, first: int = 0, **kwargs) -> list[dict[str, np.ndarray]]:
    return list(itertools.islice(pipeline.dataset(first, **kwargs).as_numpy_iterator(), count))


def order(pipeline: Pipeline, batches: int) -> np.ndarray:
    """Indices in the order of the stream, read off the pixels."""
    images = np.concatenate([batch["examples"] for batch in take(pipeline, batches)])
    return np.round((images[:, 0].max(axis=(1, 2)) + 1) * 127.5).astype(int)


@pytest.mark.parametrize(("length", "batch_size"), [(10, 4), (10, 5), (7, 20), (2, 1)])
def test_every_epoch_is_a_permutation_of_its_own(length, batch_size):
    epochs = order(Pipeline(numbered(length), batch_size, seed=0), 20 * length // batch_size + 1)
    epochs = epochs[: len(epochs) // length * length].reshape(-1, length)
    np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(length), (len(epochs), 1)))
    assert len({tuple(epoch) for epoch in epochs}) > min(len(epochs) - 2, 1)


@pytest.mark.parametrize(("length", "epochs"), [(2, 4000), (5, 4000), (16, 8000), (250, 2000), (5000, 100)])
def test_every_order_is_equally_likely(length, epochs):
    """By chi-squared over its mean, which is 1 with a standard deviation of sqrt(2 / freedom)."""
    stream = Stream(numbered_points(length), seed=1)
    orders = stream._indices(tf.range(length * epochs, dtype=tf.int64)).numpy().reshape(epochs, length)
    np.testing.assert_array_equal(np.sort(orders, axis=1), np.tile(np.arange(length), (epochs, 1)))
    parts = min(length, 25)
    counts = np.zeros([parts, parts])  # of items of a part of the data in a part of an epoch
    np.add.at(counts, (np.arange(length) * parts // length, orders * parts // length), 1)
    variance = epochs * (length / parts) ** 2 / length * (1 - 1 / parts) ** 2 * length / (length - 1)  # hypergeometric
    found = ((counts - counts.mean()) ** 2).mean() / variance
    assert found == pytest.approx(1, abs=5 * 2**0.5 / (parts - 1))
    if length == 5:
        seen = np.unique(orders, axis=0, return_counts=True)[1]
        assert len(seen) == 120
        assert ((seen - epochs / 120) ** 2 / (epochs / 120)).sum() / 119 == pytest.approx(1, abs=5 * (2 / 119) ** 0.5)


def test_the_longest_epoch_that_is_sorted_and_the_next_are_permutations():
    for length in (MOST_SORTED // 2 + 1, MOST_SORTED, MOST_SORTED + 1):
        stream = Stream(numbered_points(length), seed=1)
        indices = stream._indices(tf.range(length, 3 * length, dtype=tf.int64)).numpy().reshape(2, length)
        np.testing.assert_array_equal(np.sort(indices, axis=1), [np.arange(length)] * 2)
        later = stream._indices(tf.range(2 * length - 3, 2 * length + 4, dtype=tf.int64))
        np.testing.assert_array_equal(later, indices.ravel()[length - 3 : length + 4])


def numbered_points(length: int) -> Source:
    return from_arrays("points", np.zeros((length, 2), np.float32))


def test_seeds_give_other_orders():
    orders = {tuple(order(Pipeline(numbered(50), 50, seed), 1)) for seed in (0, 1, 2, 2**31 - 1)}
    assert len(orders) == 4


def test_batches_are_as_mixed_as_a_true_shuffle():
    labels = np.repeat(np.arange(10), 400)
    source = from_arrays("sorted", labels[:, np.newaxis].astype(np.float32), labels, tuple("0123456789"))
    batches = take(Pipeline(source, 100, seed=0), 1000)
    counts = np.stack([np.bincount(batch["labels"], minlength=10) for batch in batches])
    # The hypergeometric variance: n p (1 - p) (N - n) / (N - 1). TensorFlow's default of 4 rounds gives 17.0.
    assert counts.var() == pytest.approx(100 * 0.1 * 0.9 * 3900 / 3999, rel=0.08)


def test_the_order_and_the_flips_are_those_of_ever():
    """As version 0.2 gives them: a change would make other runs of all configs."""
    (batch,) = take(Pipeline(numbered(10), 12, seed=5, augment=["flip"]), 1)
    rows = np.round((batch["examples"][:, 0, :, 0] + 1) * 127.5).astype(int)
    zero = [0, 0]
    expected = [[4, 0], [0, 3], zero, [8, 0], [0, 7], [9, 0], [0, 6], [0, 2], [0, 5], [0, 1], [9, 0], zero]
    assert rows.tolist() == expected


def test_labels_belong_to_their_images():
    batch = take(Pipeline(numbered(30), 64, seed=1, augment=["flip"]), 1)[0]
    indices = np.round((batch["examples"].max(axis=(1, 2, 3)) + 1) * 127.5).astype(int)
    np.testing.assert_array_equal(batch["labels"], indices % 3)


def test_images_are_floats_in_minus_one_to_one_and_shapes_are_static():
    source = from_arrays("ends", np.array([0, 51, 255], np.uint8).reshape(3, 1, 1, 1))
    dataset = Pipeline(source, 3, seed=0).dataset()
    assert dataset.element_spec == {"examples": tf.TensorSpec((3, 1, 1, 1), tf.float32)}
    batch = next(dataset.as_numpy_iterator())
    np.testing.assert_allclose(np.sort(batch["examples"].ravel()), [-1, -0.6, 1], atol=1e-7)
    spec = Pipeline(numbered(5), 7, seed=0).dataset(rows=(2, 5)).element_spec
    assert spec == {"examples": tf.TensorSpec((3, 2, 2, 1), tf.float32), "labels": tf.TensorSpec((3,), tf.int32)}


@pytest.mark.parametrize("name", ["numbered", "ring", "swiss_roll"])
def test_a_later_start_and_single_rows_are_cut_out_of_the_uninterrupted_run(name):
    if name == "numbered":
        pipeline = Pipeline(numbered(10), 4, seed=5, augment=["flip"])
    else:
        pipeline = Pipeline(open_source(DatasetConfig(name=name, kind="points", columns=2)), 300, seed=5)
    whole = take(pipeline, 8)
    for first, start, stop in [(0, 0, 1), (3, 1, 4)]:
        for later, expected in zip(take(pipeline, 8 - first, first), whole[first:], strict=True):
            assert later.keys() == expected.keys()
            for key, values in later.items():
                np.testing.assert_array_equal(values, expected[key])
        part = take(pipeline, 1, first, rows=(start, stop))[0]
        for key, values in part.items():
            np.testing.assert_array_equal(values, whole[first][key][start:stop])


def test_starting_a_million_batches_in_is_as_quick_as_at_the_start():
    assert take(Pipeline(numbered(10), 4, seed=0), 1, first=10**6)[0]["examples"].shape == (4, 2, 2, 1)


def test_points_pass_as_they_are():
    points = np.array([[300.0, -7.0], [0.5, 0.25]], np.float32)
    batch = take(Pipeline(from_arrays("points", points), 2, seed=0), 1)[0]
    np.testing.assert_array_equal(np.sort(batch["examples"], axis=0), np.sort(points, axis=0))


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match=r"^dataset\.augment: unknown augmentation 'flop' \(did you mean 'flip'\?\)$"):
        Pipeline(numbered(3), 2, seed=0, augment=["flop"])
    with pytest.raises(ConfigError, match="flip is for images"):
        Pipeline(from_arrays("points", np.zeros((3, 2), np.float32)), 2, seed=0, augment=["flip"])
    with pytest.raises(UsageError, match="batch_size: expected at least 1, got 0"):
        Pipeline(numbered(3), 0, seed=0)
    for seed in (-1, 2**31):
        with pytest.raises(UsageError, match=f"seed: expected .*, got {seed}"):
            Pipeline(numbered(3), 2, seed=seed)
    with pytest.raises(UsageError, match="first_batch: expected at least 0, got -1"):
        Pipeline(numbered(3), 2, seed=0).dataset(-1)
    for rows in [(0, 3), (1, 1), (-1, 2)]:
        with pytest.raises(UsageError, match="expected rows of a batch of 2"):
            Pipeline(numbered(3), 2, seed=0).dataset(rows=rows)


def domains(first: int, second: int, paired: bool = False, side: int = 2) -> Domains:
    """Two sources of so many images; the pixels of image i are i, but the right half is 0."""

    def made(length: int) -> Source:
        images = np.zeros((length, side, side, 1), np.uint8)
        images[:, :, : side // 2, 0] = np.arange(length)[:, np.newaxis, np.newaxis]
        return from_arrays("made", images)

    return Domains("made", {"a": made(first), "b": made(second)}, paired)


def numbers(batches: list[dict[str, np.ndarray]], domain: str) -> np.ndarray:
    images = np.concatenate([batch[domain] for batch in batches])
    return np.round((images.max(axis=(1, 2, 3)) + 1) * 127.5).astype(int)


def test_each_domain_comes_once_an_epoch_over_its_own_length():
    batches = take(Pipeline(domains(10, 15), 5, seed=0), 6)
    for domain, length in (("a", 10), ("b", 15)):
        epochs = numbers(batches, domain).reshape(-1, length)
        np.testing.assert_array_equal(np.sort(epochs), np.tile(np.arange(length), (30 // length, 1)))


def test_unpaired_domains_are_shuffled_and_flipped_independently():
    batches = take(Pipeline(domains(64, 64), 64, seed=0, augment=["flip"]), 16)
    a, b = numbers(batches, "a"), numbers(batches, "b")
    assert (a == b).sum() < 36  # mean 16, sd 4
    flipped = [np.concatenate([batch[domain][:, 0, 0, 0] for batch in batches]) == -1 for domain in "ab"]
    assert 0.4 < (flipped[0] == flipped[1]).mean() < 0.6  # sd 0.016
    alone = take(Pipeline(domains(64, 64).sources["a"], 64, seed=0, augment=["flip"]), 1)[0]
    np.testing.assert_array_equal(alone["examples"], batches[0]["a"])


def test_pairs_stay_pairs_through_shuffle_crop_and_flip():
    batches = take(Pipeline(domains(64, 64, paired=True, side=6), 64, seed=0, augment=["flip"], size=3), 3)
    for batch in batches:
        np.testing.assert_array_equal(batch["a"], batch["b"])
    assert (batches[0]["a"] != batches[1]["a"]).any()


def test_squares_are_cut_out_anew_each_time_and_shapes_are_static():
    pipeline = Pipeline(domains(2, 2, side=8), 6, seed=0, size=5)
    spec = tf.TensorSpec((6, 5, 5, 1), tf.float32)
    assert pipeline.dataset().element_spec == {"a": spec, "b": spec}
    images = np.concatenate([batch["a"] for batch in take(pipeline, 40)])
    widths = {int(image[0].max() > -1) and int((image[0] > -1).sum()) for image in images}
    assert widths == {0, 1, 2, 3, 4}  # image 0 is black; of the left half of image 1, so many columns are left


@pytest.mark.parametrize("paired", [False, True])
def test_domains_too_are_a_function_of_the_step(paired):
    lengths = (9, 9) if paired else (9, 7)
    pipeline = Pipeline(domains(*lengths, paired=paired, side=8), 4, seed=5, augment=["flip"], size=6)
    whole = take(pipeline, 8)
    for first, start, stop in [(0, 0, 1), (3, 1, 4)]:
        for later, expected in zip(take(pipeline, 8 - first, first), whole[first:], strict=True):
            for domain in "ab":
                np.testing.assert_array_equal(later[domain], expected[domain])
        (part,) = take(pipeline, 1, first, rows=(start, stop))
        for domain in "ab":
            np.testing.assert_array_equal(part[domain], whole[first][domain][start:stop])
    assert take(pipeline, 1, first=10**6)[0]["b"].shape == (4, 6, 6, 1)


def test_a_square_larger_than_the_images_is_refused():
    with pytest.raises(UsageError, match=r"^size: expected at most 2, the side of the images of made, got 3$"):
        Pipeline(domains(3, 3), 2, seed=0, size=3)


def test_points_are_not_cropped():
    points = np.array([[300.0, -7.0], [0.5, 0.25]], np.float32)
    assert take(Pipeline(from_arrays("points", points), 2, seed=0, size=1), 1)[0]["examples"].shape == (2, 2)
