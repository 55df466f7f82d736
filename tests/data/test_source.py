"""From a data set's name to a source, and every way in which that fails."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.data import source as source_module
from ganzoo.data.open import check_available, open_source
from ganzoo.data.source import from_arrays
from ganzoo.errors import DataError, UsageError
from ganzoo.registry import KINDS, Registration
from ganzoo.schema import DatasetConfig


def config(name: str, **values) -> DatasetConfig:
    return DatasetConfig(**{"name": name, "size": 28, "channels": 1, **values})


def points(name: str, columns: int, **values) -> DatasetConfig:
    return DatasetConfig(**{"name": name, "kind": "points", "columns": columns, **values})


def test_arrays_in_memory_and_on_disk_give_the_same(tmp_path, monkeypatch):
    images = np.arange(48, dtype=np.uint8).reshape(4, 2, 2, 3)
    np.save(tmp_path / "images.npy", images)
    monkeypatch.setattr(source_module, "IN_MEMORY_BYTES", 40)
    on_disk = from_arrays("disk", np.load(tmp_path / "images.npy", mmap_mode="r"), np.arange(4), tuple("abcd"))
    in_memory = from_arrays("memory", images, np.arange(4), tuple("abcd"))
    for source in (on_disk, in_memory):
        assert (source.length, source.example_shape, source.class_names) == (4, (2, 2, 3), tuple("abcd"))
        batch = next(iter(tf.data.Dataset.from_tensors(tf.constant([3, 0, 3], tf.int64)).map(source.fetch)))
        np.testing.assert_array_equal(batch["examples"], images[[3, 0, 3]])
        assert batch["examples"].shape == (3, 2, 2, 3)
        assert batch["labels"].numpy().tolist() == [3, 0, 3]
        assert batch["labels"].dtype == tf.int32
    traced = tf.function(on_disk.fetch).get_concrete_function(tf.TensorSpec([5], tf.int64))
    assert traced.output_shapes["examples"] == (5, 2, 2, 3)


def test_without_class_names_there_are_no_labels():
    assert from_arrays("x", np.zeros((2, 3), np.float32)).fetch(tf.constant([1], tf.int64)).keys() == {"examples"}


def test_zero_classes_are_not_checked_so_that_they_can_be_counted():
    assert len(open_source(config("mnist_5k", classes=0)).class_names) == 10


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (config("minst_5k"), "dataset.name: unknown data set 'minst_5k' (did you mean 'mnist_5k'?)"),
        (config("fasion_mnist"), "dataset.name: unknown data set 'fasion_mnist' (did you mean 'fashion_mnist'?)"),
        (config("zzzqqq"), "dataset.name: unknown data set 'zzzqqq' (known: digits, folder:PATH, gaussian, grid, "),
        (config("folder"), "dataset.name: unknown data set 'folder' (did you mean 'folder:PATH'?)"),
        (config("mnist_5k", classes=7), "dataset.classes: 7, but mnist_5k has 10 classes (set dataset.classes=10)"),
        (
            points("gaussian", 2, classes=2),
            "dataset.classes: 2, but gaussian has no labels (set dataset.classes=0)",
        ),
        (config("mnist_5k", channels=2), "dataset.channels: 2, but images have 1 or 3 (set dataset.channels=1)"),
        (
            points("mnist_5k", 2),
            "dataset.kind: points, but mnist_5k has images (use a model of the task image_generation)",
        ),
        (config("ring"), "dataset.kind: image, but ring has points (use a model of the task point_generation)"),
        (
            points("wine", 13),
            "dataset.kind: points, but wine has rows (use a model of the task table_generation)",
        ),
        (points("ring", 1), "dataset.columns: 1, but ring has 2 (set dataset.columns=2)"),
        (points("wine", 12, kind="table"), "dataset.columns: 12, but wine has 13 (set dataset.columns=13)"),
        (config("digits", split="tran"), "dataset.split: digits has no 'tran' (did you mean 'train'?)"),
        (
            config("cyclegan_digits"),
            "dataset.name: cyclegan_digits has two domains, plain and bold (use a model of the task image_translation",
        ),
    ],
)
def test_what_does_not_fit_is_one_clear_line(dataset, message):
    with pytest.raises(DataError) as caught:
        open_source(dataset)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_domains_are_not_one_source():
    with pytest.raises(UsageError, match=r"expected no domains, got plain and bold \(use open_domains"):
        open_source(config("cyclegan_digits", domains=["plain", "bold"]))


def test_what_is_plainly_wrong_is_told_before_opening(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(KINDS["dataset"].registrations, "mnist_5k", Registration(pytest.fail, "tests"))
        check_available(config("mnist_5k", classes=7))
    for dataset, message in {
        "minst_5k": "unknown data set 'minst_5k'",
        "ring": "ring has points",
        "folder:/absent": "folder:/absent: no such folder",
    }.items():
        with pytest.raises(DataError, match=message):
            check_available(config(dataset))


def test_names_are_known_and_checked_without_tensorflow():
    script = (
        "import sys\n"
        "from ganzoo.data.open import check_available\n"
        "from ganzoo.errors import DataError\n"
        "from ganzoo.schema import DatasetConfig\n"
        "for name in ('mnist_5k', 'minst', 'mnist/no_such_config'):\n"
        "    try:\n"
        "        check_available(DatasetConfig(name=name, size=28, channels=1))\n"
        "    except DataError as error:\n"
        "        print(error)\n"
        "print(sorted({'tensorflow', 'keras'} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    *errors, imported = done.stdout.splitlines()
    assert [line[:25] for line in errors] == ["dataset.name: unknown dat", "dataset.name: TFDS cannot"]
    assert imported == "[]"
