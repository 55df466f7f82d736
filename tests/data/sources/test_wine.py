"""The table of wines."""

import numpy as np
import tensorflow as tf

from ganzoo.data.open import open_source
from ganzoo.data.pipeline import Pipeline
from ganzoo.schema import DatasetConfig


def opened(split):
    return open_source(DatasetConfig(name="wine", kind="table", columns=13, classes=3, split=split))


def test_splits_are_of_all_classes_and_share_nothing():
    rows, labels = {}, {}
    for split in ("train", "test", "all"):
        source = opened(split)
        batch = source.fetch(tf.range(source.length, dtype=tf.int64))
        rows[split], labels[split] = batch["examples"].numpy(), batch["labels"].numpy()
    assert {split: np.bincount(found).tolist() for split, found in labels.items()} == {
        "train": [48, 57, 39],
        "test": [11, 14, 9],
        "all": [59, 71, 48],
    }
    both = np.concatenate([rows["train"], rows["test"]])
    np.testing.assert_array_equal(np.unique(both, axis=0), np.unique(rows["all"], axis=0))
    np.testing.assert_allclose(rows["all"][0, [0, 12]], [14.23, 1065.0])


def test_columns_have_names_and_scales_of_the_training_rows():
    fields = opened("train").kind.fields
    assert [field.name for field in fields[:2]] == ["alcohol", "malic_acid"]
    assert [(field.name, field.decimals) for field in fields if field.name in ("magnesium", "hue", "proline")] == [
        ("magnesium", 0),
        ("hue", 2),
        ("proline", 0),
    ]
    assert opened("test").kind.fields == opened("all").kind.fields == fields


def test_an_epoch_of_batches_has_mean_0_and_deviation_1_in_every_column():
    source = opened("train")
    batch = next(Pipeline(source, source.length, seed=0).dataset().as_numpy_iterator())
    np.testing.assert_allclose(batch["examples"].mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(batch["examples"].std(0), 1, atol=1e-4)
