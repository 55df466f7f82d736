"""Fashion-MNIST out of Debian's package."""

import gzip
import hashlib
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.data.open import open_source
from ganzoo.data.sources import fashion_mnist
from ganzoo.errors import DataError
from ganzoo.schema import DatasetConfig

needs_debian = pytest.mark.skipif(
    not fashion_mnist.FOLDER.is_dir(), reason=f"needs: apt-get install {fashion_mnist.PACKAGE}"
)

# SHA-256 of the unpacked files, computed from Debian's package 0.0~git20200523.55506a9-1.
UNPACKED = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def url_infos() -> dict:
    """TFDS's record, as its builder gives it."""
    import tensorflow_datasets as tfds

    return tfds.builder("fashion_mnist").url_infos


def test_the_header_that_is_put_back_is_that_of_gzip(tmp_path):
    packed = gzip.compress(b"payload" * 100, mtime=0)
    restored = fashion_mnist.restore_header(packed, "some-file.gz", 0x01020304)
    assert restored[:10].hex(" ") == "1f 8b 08 08 04 03 02 01 00 03"
    assert restored[10:20] == b"some-file\0"
    assert gzip.decompress(restored) == b"payload" * 100
    assert fashion_mnist.restore_header(restored, "some-file.gz", 1) == restored


def test_damaged_and_missing_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "FOLDER", tmp_path)
    good = gzip.compress(b"digits", mtime=0)
    infos = {}
    for name, packed_at in fashion_mnist.PACKED_AT.items():
        (tmp_path / name).write_bytes(good)
        checksum = hashlib.sha256(fashion_mnist.restore_header(good, name, packed_at)).hexdigest()
        infos[f"http://x/{name}"] = SimpleNamespace(filename=name, checksum=checksum)
    (tmp_path / "out").mkdir()
    fashion_mnist.place_originals(infos, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(UNPACKED)

    damaged = tmp_path / "t10k-labels-idx1-ubyte.gz"
    damaged.write_bytes(good[:-1] + b"x")
    with pytest.raises(DataError, match=f"^{damaged}: damaged: .*apt-get install --reinstall dataset-fashion-mnist$"):
        fashion_mnist.place_originals(infos, tmp_path / "out")
    damaged.unlink()
    with pytest.raises(DataError, match=f"^{damaged}: cannot be read \\(No such file or directory\\): apt-get"):
        fashion_mnist.place_originals(infos, tmp_path / "out")


@needs_debian
def test_debians_files_are_the_originals_that_tfds_knows(tmp_path):
    fashion_mnist.place_originals(url_infos(), tmp_path)
    for name, expected in UNPACKED.items():
        assert hashlib.sha256(gzip.decompress((tmp_path / name).read_bytes())).hexdigest() == expected


@needs_debian
def test_a_damaged_copy_stops_the_preparation(tmp_path, monkeypatch):
    shutil.copytree(fashion_mnist.FOLDER, tmp_path / "debian")
    path = tmp_path / "debian" / "train-labels-idx1-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    monkeypatch.setattr(fashion_mnist, "FOLDER", tmp_path / "debian")
    with pytest.raises(DataError, match=f"^{path}: damaged"):
        open_source(DatasetConfig(name="fashion_mnist", size=28, channels=1), data_dir=tmp_path / "tfds")


@needs_debian
@pytest.mark.slow
def test_all_70000_examples_are_prepared_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "cache"))
    for split, prefix, count in (("train", "train", 60_000), ("test", "t10k", 10_000)):
        dataset = DatasetConfig(name="fashion_mnist", split=split, size=28, channels=1, classes=10)
        source = open_source(dataset, data_dir=tmp_path / "tfds")
        assert source.length == count
        assert source.class_names[9] == "Ankle boot"
        batch = source.fetch(tf.range(count, dtype=tf.int64))
        assert np.bincount(batch["labels"]).tolist() == [count // 10] * 10
        # The same images, in TFDS's order, as in the idx file (16 bytes of header).
        raw = np.frombuffer(
            gzip.decompress((fashion_mnist.FOLDER / f"{prefix}-images-idx3-ubyte.gz").read_bytes())[16:], np.uint8
        )
        prepared = batch["examples"].numpy().reshape(count, 784)
        assert sorted(map(bytes, prepared)) == sorted(map(bytes, raw.reshape(count, 784)))
