"""PNG files that are written: their metadata, and what happens if they cannot be."""

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from ganzoo.core import files, images
from ganzoo.errors import DataError, RunError, UsageError


@pytest.mark.parametrize("channels", [1, 3])
def test_png_round_trip_with_metadata(tmp_path, photo, channels):
    image = np.asarray(photo)[..., :channels]
    metadata = {"ganzoo:seed": "7", "ganzoo:index": "37", "note": "Zwölf Boxkämpfer\njagen", "title": "数字 3"}
    path = tmp_path / "new" / "folder" / "image.png"
    images.write_png(path, image, metadata)
    np.testing.assert_array_equal(images.read(path, channels=channels), image)
    assert images.read_metadata(path) == metadata
    assert path.read_bytes() == images.encode_png(image, metadata)
    assert os.listdir(path.parent) == ["image.png"]


def test_png_without_metadata_has_none(tmp_path, photo):
    images.write_png(tmp_path / "a.png", np.asarray(photo))
    assert images.read_metadata(tmp_path / "a.png") == {}


def test_metadata_errors(tmp_path, photo):
    photo.save(tmp_path / "a.jpg")
    with pytest.raises(DataError, match=r"a\.jpg: expected a PNG file"):
        images.read_metadata(tmp_path / "a.jpg")
    with pytest.raises(DataError, match=r"gone\.png: metadata cannot be read \(No such file"):
        images.read_metadata(tmp_path / "gone.png")
    for key in ("", "数字", "k" * 80, "a\0b"):
        with pytest.raises(UsageError, match="expected keywords of 1 to 79 printable Latin-1 characters"):
            images.encode_png(np.zeros((2, 2, 1), np.uint8), {key: "value"})


def test_encode_refuses_floats():
    with pytest.raises(UsageError, match=r"got float32 \[4, 4, 1\] \(see ganzoo.core.images.to_uint8\)"):
        images.encode_png(np.zeros((4, 4, 1), np.float32))


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def full(self, data):
        with open(self, "wb") as file:
            file.write(data[:3])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RunError, match=r"a\.png: cannot be written \(No space left on device\): make room"):
        files.write_bytes(path, b"newer")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]


def test_an_interrupt_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def interrupted(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.write_bytes(path, b"newer")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RunError, match="cannot be written"):
        files.write_bytes(tmp_path / "file" / "a.png", b"")
    with pytest.raises(RunError, match="cannot be written"):
        files.write_bytes(tmp_path, b"")
    assert os.listdir(tmp_path) == ["file"]


def test_files_get_the_usual_permissions(tmp_path):
    files.write_bytes(tmp_path / "ours", b"")
    (tmp_path / "plain").write_bytes(b"")
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
