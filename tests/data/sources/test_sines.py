"""Sine waves against their definition."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.data.open import open_source
from ganzoo.errors import DataError
from ganzoo.schema import DatasetConfig


def sequences(count, seed=0, **values):
    config = {"name": "sines", "kind": "sequence", "length": 24, "columns": 5, **values}
    source = open_source(DatasetConfig(**config), seed=seed)
    assert source.length is None
    return source.fetch(tf.range(count, dtype=tf.int64))["examples"].numpy()


def test_each_column_is_one_sine_of_a_uniform_frequency_and_phase():
    examples = sequences(4000)
    assert examples.shape == (4000, 24, 5)
    angles = np.arcsin(np.clip(2 * examples.astype(float) - 1, -1, 1))[:, :12]  # below a quarter turn: f t + p < 1.2
    steps = np.diff(angles, axis=1)
    np.testing.assert_allclose(steps, np.broadcast_to(steps.mean(1, keepdims=True), steps.shape), atol=2e-5)
    frequencies, phases = steps.mean(1), angles[:, 0]
    for drawn in (frequencies, phases):
        assert (drawn.min(), drawn.max()) == (pytest.approx(0, abs=1e-4), pytest.approx(0.1, abs=1e-4))
        np.testing.assert_allclose(drawn.mean(0), 0.05, atol=0.0023)  # 5 sd
        np.testing.assert_allclose(drawn.std(0), 0.1 / np.sqrt(12), rtol=0.03)
    together = np.corrcoef(np.concatenate([frequencies, phases], axis=1).T)
    assert np.abs(together - np.eye(10)).max() < 0.08  # 5 sd


def test_a_sequence_depends_on_seed_split_and_index_alone():
    source = open_source(DatasetConfig(name="sines", kind="sequence", length=24, columns=5), seed=7)
    whole = sequences(1100, seed=7)
    some = source.fetch(tf.constant([1099, 3, 1024], tf.int64))["examples"]
    np.testing.assert_array_equal(some, whole[[1099, 3, 1024]])
    assert not np.allclose(whole, sequences(1100, seed=8))
    assert not np.allclose(whole, sequences(1100, seed=7, split="test"))


def test_other_lengths_and_an_unknown_split():
    assert sequences(3, length=7, columns=1).shape == (3, 7, 1)
    with pytest.raises(DataError, match=r"^dataset\.split: sines has no 'all' \(known: test, train\)$"):
        sequences(3, split="all")
