"""Image data sets of TFDS: a small one of our own, and what happens without network."""

import time

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from ganzoo.data.open import open_source
from ganzoo.data.source import Source
from ganzoo.data.sources import fashion_mnist, tfds_source
from ganzoo.errors import DataError
from ganzoo.schema import DatasetConfig


class TinyPictures(tfds.core.GeneratorBasedBuilder):
    """Colour pictures of many sizes; those of split `secret` have no labels."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "label": tfds.features.ClassLabel(names=["a", "b"]),
        }
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(False), "secret": self._generate_examples(True)}

    def _generate_examples(self, secret):
        for i in range(6):
            yield i, {"image": np.full((8 + i, 8, 3), 10 * i, np.uint8), "label": -1 if secret else i % 2}


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(fashion_mnist, "FOLDER", tmp_path / "no-debian")
    tfds_source.names.cache_clear()


def opened(name: str, tmp_path, **values) -> Source:
    dataset = DatasetConfig(**{"name": name, "size": 8, "channels": 3, **values})
    return open_source(dataset, data_dir=tmp_path / "tfds")


@pytest.fixture
def offline(monkeypatch):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://proxy.invalid:3128")


def test_a_data_set_is_prepared_cropped_and_read_at_random(tmp_path, monkeypatch):
    source = opened("tiny_pictures", tmp_path, classes=2)
    assert (source.length, source.class_names) == (6, ("a", "b"))
    batch = source.fetch(tf.range(6, dtype=tf.int64))
    values = batch["examples"].numpy()[:, 0, 0, 0].astype(int)
    assert batch["examples"].shape == (6, 8, 8, 3)
    assert sorted(values) == [0, 10, 20, 30, 40, 50]
    np.testing.assert_array_equal(batch["labels"], values // 10 % 2)
    monkeypatch.setattr("ganzoo.core.images.fit", lambda *_: pytest.fail("prepared again"))
    np.testing.assert_array_equal(
        opened("tiny_pictures", tmp_path).fetch(tf.range(6, dtype=tf.int64))["examples"], batch["examples"]
    )


def test_splits(tmp_path):
    assert opened("tiny_pictures", tmp_path, split="train[:50%]").length == 3
    assert opened("tiny_pictures", tmp_path, split="secret").class_names == ()
    for split, message in {
        "trian": "dataset.split: tiny_pictures has no 'trian' (did you mean 'train'?)",
        "train[": "dataset.split: tiny_pictures has no 'train['",
        "train[:0]": "dataset.split: 'train[:0]' of tiny_pictures is empty",
    }.items():
        with pytest.raises(DataError) as caught:
            opened("tiny_pictures", tmp_path, split=split)
        assert str(caught.value).startswith(message)


@pytest.mark.parametrize("name", ["mnist", "celeb_a", "eurosat/rgb"])
def test_without_network_and_copy_the_ways_out_are_named_within_two_seconds(name, tmp_path, offline):
    started = time.perf_counter()
    with pytest.raises(DataError) as caught:
        opened(name, tmp_path)
    assert time.perf_counter() - started < 2
    message = str(caught.value)
    assert message.startswith(f"{name}: not prepared in {tmp_path}/tfds, and cannot be downloaded (no connection to ")
    for way in ("--data_dir", "mnist_5k", "folder:PATH"):
        assert way in message
    assert "\n" not in message
    assert not (tmp_path / "tfds").exists()


def test_nothing_is_warned_of_on_the_way_to_that_error(tmp_path, offline, caplog):
    with pytest.raises(DataError):
        opened("mnist", tmp_path)
    assert caplog.records == []


@pytest.mark.parametrize("show", [True, False])
def test_what_is_prepared_is_told_on_stderr_unless_it_shall_not(tmp_path, capfd, monkeypatch, show):
    monkeypatch.setattr(tfds_source, "_shows_progress", True)
    tfds_source.show_progress(show)
    assert opened("tiny_pictures", tmp_path).length == 6
    out, err = capfd.readouterr()
    assert out == ""
    assert ("Generating" in err, "downloaded and prepared" in err) == (show, show)
    assert show or err == ""


@pytest.mark.parametrize("damage", ["cut off", "gone"])
def test_a_damaged_prepared_copy_is_named(tmp_path, monkeypatch, damage):
    opened("tiny_pictures", tmp_path)
    (file,) = (tmp_path / "tfds").glob("tiny_pictures/1.0.0/*train*")
    file.write_bytes(file.read_bytes()[:-3]) if damage == "cut off" else file.unlink()
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "empty"))
    with pytest.raises(DataError) as caught:
        opened("tiny_pictures", tmp_path)
    message = str(caught.value)
    assert message.startswith(f"tiny_pictures: its prepared copy in {file.parent} is damaged (")
    assert message.endswith("): delete that folder to prepare it again")
    assert "\n" not in message


def test_without_network_fashion_mnist_names_debians_package(tmp_path, offline):
    with pytest.raises(DataError, match="apt-get install dataset-fashion-mnist"):
        opened("fashion_mnist", tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "imdb_reviews",
            "dataset.name: expected 8-bit grey or colour images in a feature 'image', got 'imdb_reviews' of TFDS",
        ),
        ("mnist/nothing", "dataset.name: TFDS cannot make 'mnist/nothing': "),
        ("mnist:9.9.9", "dataset.name: TFDS cannot make 'mnist:9.9.9': "),
        ("imagenet2012", "imagenet2012: its files must be placed in "),
    ],
)
def test_what_cannot_be_had_is_one_clear_line(name, message, tmp_path):
    with pytest.raises(DataError) as caught:
        opened(name, tmp_path)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_failed_preparation_is_one_clear_line(tmp_path, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("disk\nfull")

    monkeypatch.setattr(TinyPictures, "download_and_prepare", fails)
    with pytest.raises(DataError, match=r"tiny_pictures: TFDS could not prepare it in .*: disk full$"):
        opened("tiny_pictures", tmp_path)
