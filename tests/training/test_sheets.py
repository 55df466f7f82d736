"""What a run's sheets show: the same samples each time, laid out as suits the task."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.core import figures
from ganzoo.data.domains import Domains
from ganzoo.data.kinds import Image, Table
from ganzoo.data.open import open_source
from ganzoo.data.source import Source, from_arrays
from ganzoo.schema import DatasetConfig
from ganzoo.training.sheets import picture_of


def flat(levels):
    """A source of 8x8 images that are all one level each."""
    table = np.zeros((len(levels), 8, 8, 1), np.uint8) + np.array(levels, np.uint8)[:, None, None, None]
    return Source("flat", len(levels), Image(8, 8, 1), (), lambda at: {"examples": tf.gather(table, at)})


class Translator:
    """Moves to `b` by adding 10 and to `a` by taking 20 away."""

    domains = ("a", "b")

    def __init__(self, *made):
        self.translators = dict.fromkeys(made)

    def other(self, domain):
        return "b" if domain == "a" else "a"

    def translate(self, pictures, to):
        return pictures + 10 if to == "b" else pictures - 20


def cells(sheet, columns):
    """The level of each cell, row by row; a cell is 56 pixels and 2 of a gap."""
    return sheet[28 :: 56 + 2, 28 :: 56 + 2, 0][:, :columns]


def test_images_are_a_grid_with_a_column_a_class():
    asked = []

    def generate(n, seed):
        asked.append((n, seed))
        return np.zeros((n, 8, 8, 1), np.uint8)

    model = SimpleNamespace(classes=4, class_names=(), generate=generate, step=5)
    picture = picture_of(flat([0, 1]), seed=7)(model)
    assert asked == [(40, 7)]
    assert picture.shape == figures.sheet(np.zeros((40, 8, 8, 1), np.uint8), columns=4).shape
    model.class_names = ("cat", "dog", "emu", "fox")
    named = picture_of(flat([0, 1]), seed=7)(model)
    assert len(named) == len(picture) + figures.CAPTION  # one line of names, above all rows


@pytest.mark.parametrize("rows", [2, 30, 5000])
def test_rows_of_a_table_are_drawn_over_real_ones_however_many_there_are(rows):
    table = np.random.default_rng(0).normal(size=(rows, 3)).astype(np.float32)
    kind = Table.fitted("abc", table, "x")
    asked = []

    def generate(n, seed):
        asked.append((n, seed))
        return table[:n] + 1

    picture = picture_of(from_arrays("x", table, kind=kind), 7)(
        SimpleNamespace(classes=0, class_names=(), generate=generate, step=5)
    )
    count = min(rows, 1000)
    assert asked == [(count, 7)]
    shown = table[np.linspace(0, rows - 1, count).astype(int)]
    np.testing.assert_array_equal(picture, figures.histograms(table[:count] + 1, shown, "abc", "step 5"))


def test_a_dozen_sequences_are_drawn_over_as_many_real_ones():
    source = open_source(DatasetConfig(name="sines", kind="sequence", length=6, columns=2))
    real = source.fetch(tf.range(12, dtype=tf.int64))["examples"].numpy()
    model = SimpleNamespace(classes=0, class_names=(), generate=lambda n, seed: real[:n] + 0.1, step=5)
    np.testing.assert_array_equal(picture_of(source, 7)(model), figures.sequences(real + 0.1, real, title="step 5"))


def test_a_cycle_is_image_translation_and_back_in_both_directions():
    domains = Domains("d", {"a": flat(range(30, 46)), "b": flat(range(100, 104))}, paired=False)
    found = cells(picture_of(domains, 0)(Translator("a", "b")), 6)
    from_b, from_a = found[:, :3], found[:, 3:]
    np.testing.assert_array_equal(np.unique(from_b[:, 0]), [100, 101, 102, 103])
    np.testing.assert_array_equal(from_b[:, 1], from_b[:, 0] - 20)
    np.testing.assert_array_equal(from_b[:, 2], from_b[:, 1] + 10)
    assert (from_a[0, 0], from_a[-1, 0]) == (30, 45)  # from all over the data
    np.testing.assert_array_equal(from_a[:, 1], from_a[:, 0] + 10)
    np.testing.assert_array_equal(from_a[:, 2], from_a[:, 1] - 20)


def test_one_direction_shows_the_pair_s_other_half():
    domains = Domains("d", {"a": flat(range(30, 38)), "b": flat(range(130, 138))}, paired=True)
    found = cells(picture_of(domains, 0)(Translator("b")), 3)
    np.testing.assert_array_equal(found[:, 1], found[:, 0] + 10)
    np.testing.assert_array_equal(found[:, 2], found[:, 0] + 100)
