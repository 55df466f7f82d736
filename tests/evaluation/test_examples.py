"""Sets of examples: which ones they are, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.data.kinds import Points
from ganzoo.data.source import Source, from_arrays
from ganzoo.errors import DataError, UsageError
from ganzoo.evaluation.examples import from_array, from_model, from_source, held_out_of, of_dataset, spread
from ganzoo.schema import DatasetConfig

IMAGES = np.arange(50, dtype=np.uint8).repeat(16).reshape(50, 4, 4, 1)  # each is filled with its number
LABELS = np.arange(50) % 5


class Drawer:
    """Draws points that tell their position and label."""

    name, classes = "drawer", 3

    def generate(self, labels=None, seed=None, truncation=1.0, positions=None):
        return np.stack([positions, labels, np.full(len(positions), seed)], axis=1).astype(np.float32)


def test_all_examples_of_a_source_in_order():
    examples = from_source(from_arrays("x", IMAGES, LABELS, tuple("abcde")))
    assert (examples.count, examples.shape) == (50, (4, 4, 1))
    np.testing.assert_array_equal(np.concatenate(list(examples.parts(7))), IMAGES)
    np.testing.assert_array_equal(examples.labels, LABELS)


def test_a_random_choice_without_repeats_that_the_seed_decides():
    source = from_arrays("x", IMAGES, LABELS, tuple("abcde"))
    chosen = from_source(source, 20, seed=3)
    drawn = chosen.read(np.arange(20))
    numbers = drawn[:, 0, 0, 0]
    assert len(set(numbers.tolist())) == 20
    np.testing.assert_array_equal(chosen.labels, LABELS[numbers])
    np.testing.assert_array_equal(drawn, from_source(source, 20, seed=3).read(np.arange(20)))
    assert not np.array_equal(drawn, from_source(source, 20, seed=4).read(np.arange(20)))


def test_an_endless_source_begins_where_it_is_told():
    endless = Source("toy", None, Points(1), (), lambda at: {"examples": tf.cast(at, tf.float32)[:, tf.newaxis]})
    assert from_source(endless).count == 10_000
    np.testing.assert_array_equal(from_source(endless, 3, first=5).read(np.array([0, 2])), [[5.0], [7.0]])


def test_more_than_there_are():
    with pytest.raises(UsageError, match=r"x: expected at most 50 examples, got count 51 \(use fewer\)"):
        from_source(from_arrays("x", IMAGES), 51)


def test_a_model_draws_by_position_with_the_labels_of_the_data():
    examples = from_model(Drawer(), 4, labels=np.array([2, 0]), seed=9)
    np.testing.assert_array_equal(examples.read(np.array([1, 3])), [[1.0, 0.0, 9.0], [3.0, 2.0, 9.0]])
    np.testing.assert_array_equal(from_model(Drawer(), 7).labels, [0, 1, 2, 0, 1, 2, 0])


@pytest.mark.parametrize("count", [7, 40, 100, 101])
def test_labels_keep_their_proportions_however_many_are_drawn(count):
    """Sorted ones above all: the first of them over again would draw more of the first classes."""
    labels = np.repeat([0, 1, 3], [10, 20, 10])
    shares = np.bincount(spread(labels, count), minlength=4) / count
    np.testing.assert_allclose(shares, [0.25, 0.5, 0.0, 0.25], atol=1.0 / count)


def test_held_out_examples_are_others():
    ring = DatasetConfig(name="ring", kind="points", columns=2)
    real, held_out = of_dataset(ring, 50), held_out_of(ring, 50)
    together = np.concatenate([real.read(np.arange(50)), held_out.read(np.arange(50))])
    assert len(np.unique(together, axis=0)) == 100
    digits = DatasetConfig(name="mnist_5k", size=28, channels=1)
    assert (of_dataset(digits, 9999).count, held_out_of(digits, 9999).count) == (4000, 1000)
    assert held_out_of(digits, 9999).about == {"of": 1000, "split": "test"}
    with pytest.raises(DataError, match="mnist_5k: split test leaves nothing to hold out"):
        held_out_of(digits.model_copy(update={"split": "test"}), 10)


def test_floats_become_the_pixels_they_stand_for():
    floats = IMAGES / 127.5 - 1.0
    np.testing.assert_array_equal(from_array("fake", floats).read(np.arange(50)), IMAGES)
    np.testing.assert_array_equal(from_array("fake", IMAGES).read(np.array([3])), IMAGES[3:4])


def test_floats_that_look_like_another_range(caplog):
    from_array("fake", IMAGES / 255.0)
    assert "fake: no value below 0, where floats are read as [-1, 1]: are these in [0, 1]?" in caplog.text


def with_value(value):
    floats = np.zeros([5, 4, 4, 1], np.float32)
    floats[3, 1, 2, 0] = value
    return floats


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (with_value(np.nan), "fake: example 3 holds NaN or infinity"),
        (with_value(-np.inf), "fake: example 3 holds NaN or infinity"),
        (
            with_value(1.5),
            r"fake: expected floats in \[-1, 1\], got 0 to 1\.5 in example 3 \(pixels of 0 to 255 are uint8",
        ),
        (np.full([4, 2], np.nan), "fake: example 0 holds NaN"),
        (
            np.zeros([4, 2, 2]),
            r"fake: expected \[n, height, width, channels\] or \[n, columns\], got float64 \[4, 2, 2\]",
        ),
        (np.zeros([4, 2, 2, 2], np.uint8), r"fake: expected 1 \(grey\) or 3 \(RGB\) channels, got 2"),
        (np.zeros([4, 2, 2, 1], np.int32), r"fake: expected uint8 pixels or floats in \[-1, 1\], got int32"),
        (
            [np.zeros([2, 2, 1]), np.zeros([3, 3, 1])],
            r"fake: expected examples of one shape, got several \(make them all of one\)",
        ),
        (np.zeros([0, 2, 2, 1], np.uint8), r"fake: expected .*, got uint8 \[0, 2, 2, 1\]"),
    ],
)
def test_what_is_refused(array, message):
    with pytest.raises(UsageError, match=message):
        from_array("fake", array)
