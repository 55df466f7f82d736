"""The data sets of CycleGAN: a small builder of our own with TFDS's splits, plain folders, and no network."""

import time

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from ganzoo.data.domains import open_domain, open_domains
from ganzoo.data.sources import cycle_gan, tfds_source
from ganzoo.errors import DataError
from ganzoo.schema import DatasetConfig

# As the splits of TFDS's own: the value of image i is START + i.
START = {"trainA": 0, "trainB": 10, "testA": 20, "testB": 30}


class TinyTranslation(tfds.core.GeneratorBasedBuilder):
    """Two images of 8x8 in each of the splits of `cycle_gan`."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {"image": tfds.features.Image(), "label": tfds.features.ClassLabel(names=["A", "B"])}
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in START}

    def _generate_examples(self, split):
        for i in range(2):
            yield i, {"image": np.full((8, 8, 3), START[split] + i, np.uint8), "label": split[-1]}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "cache"))


@pytest.fixture
def offline(monkeypatch):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://proxy.invalid:3128")


def config(**values) -> DatasetConfig:
    given = {"name": "cycle_gan/monet2photo", "size": 8, "channels": 3, "domains": ["monet", "photo"]}
    return DatasetConfig(**given | values)


def values(source) -> list[int]:
    batch = source.fetch(tf.range(source.length, dtype=tf.int64))
    assert batch.keys() == {"examples"}
    return sorted(batch["examples"].numpy()[:, 0, 0, 0].tolist())


def test_the_domains_are_splits_of_tfds(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds_source, "_builder", lambda name, data_dir: TinyTranslation(data_dir=data_dir))
    for split, first, second in [("train", [0, 1], [10, 11]), ("test", [20, 21], [30, 31])]:
        domains = open_domains(config(split=split, load_size=9), data_dir=tmp_path / "tfds")
        assert domains.name == "cycle_gan/monet2photo"
        assert {domain: values(source) for domain, source in domains.sources.items()} == {
            "monet": first,
            "photo": second,
        }
        assert domains.sources["monet"].example_shape == (9, 9, 3)
    source = open_domain(config(split="test", load_size=9), "photo", data_dir=tmp_path / "tfds")
    assert (source.name, source.example_shape, values(source)) == (
        "cycle_gan/monet2photo (photo)",
        (8, 8, 3),
        [30, 31],
    )
    with pytest.raises(
        DataError, match=r"^cycle_gan/monet2photo: TFDS does not keep pairs together \(use --data_dir DIR"
    ):
        open_domains(config(paired=True), data_dir=tmp_path / "tfds")
    with pytest.raises(
        DataError, match=r"^dataset\.split: cycle_gan/monet2photo has no 'trainA' \(did you mean 'train'"
    ):
        open_domains(config(split="trainA"), data_dir=tmp_path / "tfds")


@pytest.mark.parametrize("below", ["", "monet2photo", "cycle_gan/monet2photo"])
def test_plain_folders_are_used_instead(tmp_path, below, offline):
    place = tmp_path / "data" / below
    for part, start in START.items():
        (place / part).mkdir(parents=True)
        for i in range(2):
            Image.new("RGB", (8, 8), (start + i,) * 3).save(place / part / f"{i}.png")
    for name in ("cycle_gan/monet2photo", "cycle_gan/monet2photo:3.0.0"):
        domains = open_domains(config(name=name, split="test"), data_dir=tmp_path / "data")
        assert domains.name == f"{name} in {place}"
        assert [values(source) for source in domains.sources.values()] == [[20, 21], [30, 31]]
    paired = open_domains(config(paired=True), data_dir=tmp_path / "data")
    assert paired.sources["photo"].name == f"cycle_gan/monet2photo in {place} (photo)"
    for path in (place / "trainB").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=f"^folder:{place}/trainB: expected images"):
        open_domains(config(), data_dir=tmp_path / "data")


def test_where_plain_folders_are_looked_for(tmp_path):
    assert cycle_gan.plain_folders("cycle_gan/maps", None) is None
    assert cycle_gan.plain_folders("cycle_gan/maps", tmp_path) is None
    (tmp_path / "maps_jpg").mkdir()
    assert cycle_gan.plain_folders("cycle_gan/maps", tmp_path) is None
    (tmp_path / "maps_jpg" / "1.jpg").touch()
    assert cycle_gan.plain_folders("cycle_gan/maps", tmp_path) == tmp_path
    (tmp_path / "cycle_gan" / "maps").mkdir(parents=True)  # prepared by TFDS
    assert cycle_gan.plain_folders("cycle_gan/maps", tmp_path) is None
    for below in (".", "maps", "cycle_gan/maps"):
        (tmp_path / below / "trainA").mkdir(parents=True)
        assert cycle_gan.plain_folders("cycle_gan/maps", tmp_path) == tmp_path / below


def test_without_network_and_copy_the_ways_out_are_named_within_two_seconds(tmp_path, offline):
    started = time.perf_counter()
    with pytest.raises(DataError) as caught:
        open_domains(config(), data_dir=tmp_path)
    assert time.perf_counter() - started < 2
    message = str(caught.value)
    assert message.startswith(f"cycle_gan/monet2photo: not prepared in {tmp_path}, and cannot be downloaded (")
    for way in ("--data_dir DIR with a prepared copy", "trainA, trainB, testA and testB", "monet2photo", "folder:PATH"):
        assert way in message
    assert "\n" not in message


def test_an_unknown_configuration_is_one_clear_line(tmp_path):
    with pytest.raises(DataError, match=r"^dataset\.name: TFDS cannot make 'cycle_gan/monet2foto': .*monet2photo"):
        open_domains(config(name="cycle_gan/monet2foto"), data_dir=tmp_path)


def test_other_folders_of_images_are_not_its_domains(tmp_path):
    """A folder for TFDS may hold anything."""
    (tmp_path / "faces").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "faces" / "a.png")
    assert cycle_gan.plain_folders("cycle_gan/horse2zebra", tmp_path) is None
    (tmp_path / "faces").rename(tmp_path / "zebra_jpg")
    assert cycle_gan.plain_folders("cycle_gan/horse2zebra", tmp_path) == tmp_path
