"""The store of prepared images."""

import os
from pathlib import Path

import numpy as np
import pytest

from ganzoo.data import store


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GANZOO_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Maker:
    """Makes `count` images of 2x3x1 filled with their number, and counts how often it was asked."""

    def __init__(self, count: int, broken: tuple[int, ...] = ()) -> None:
        self.count, self.broken, self.calls = count, broken, 0

    def __call__(self):
        self.calls += 1
        for i in range(self.count):
            image = np.full((2, 3, 1), i, np.uint8), 10 * i
            yield store.LeftOut(f"file {i}", "broken") if i in self.broken else image

    def prepare(self, key="k") -> store.Prepared:
        return store.prepare(key, self.count, (2, 3, 1), self)


def check(prepared: store.Prepared, numbers: list[int]) -> None:
    assert prepared.images.shape == (len(numbers), 2, 3, 1)
    assert prepared.images[:, 1, 2, 0].tolist() == numbers
    assert prepared.labels.tolist() == [10 * i for i in numbers]
    assert prepared.labels.dtype == np.int32


def test_images_are_made_once_a_key(cache):
    maker = Maker(12)
    for _ in range(2):
        prepared = maker.prepare()
        check(prepared, list(range(12)))
        assert isinstance(prepared.images, np.memmap)
    assert maker.calls == 1
    maker.prepare(key="other")
    assert maker.calls == 2
    assert len(list((cache / "prepared").iterdir())) == 2


def test_items_left_out_shorten_the_array():
    maker = Maker(11, broken=(0, 4, 10))
    for _ in range(2):
        prepared = maker.prepare()
        check(prepared, [1, 2, 3, 5, 6, 7, 8, 9])
        assert prepared.left_out == dict.fromkeys(("file 0", "file 4", "file 10"), "broken")


def test_an_error_on_the_way_leaves_nothing(cache):
    def fails():
        yield np.zeros((2, 3, 1), np.uint8), 0
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        store.prepare("k", 2, (2, 3, 1), fails)
    assert list((cache / "prepared").iterdir()) == []


@pytest.mark.parametrize("file", ["images.npy", "labels.npy", "about.json"])
def test_a_damaged_entry_is_made_anew(cache, file):
    maker = Maker(3)
    maker.prepare()
    (path,) = (cache / "prepared").glob(f"*/{file}")
    path.write_bytes(path.read_bytes()[:-3])
    check(maker.prepare(), [0, 1, 2])
    path.unlink()
    check(maker.prepare(), [0, 1, 2])
    assert maker.calls == 3


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("images.npy", b""),
        ("labels.npy", b""),
        ("labels.npy", bytes(200)),
        ("about.json", b""),
        ("about.json", b"\0\0\0"),
        ("about.json", b"{}"),
        ("about.json", b"[]"),
        ("about.json", b'{"left_out": 1}'),
        ("about.json", b'{"left_out": "abc"}'),
        ("about.json", b'{"left_out": {"abc": 1}}'),
        ("about.json", b'{"left_out": ["abc"]}'),
    ],
)
def test_an_entry_that_a_power_cut_left_empty_is_made_anew(cache, file, content):
    maker = Maker(3)
    maker.prepare()
    (path,) = (cache / "prepared").glob(f"*/{file}")
    path.write_bytes(content)
    check(maker.prepare(), [0, 1, 2])
    check(maker.prepare(), [0, 1, 2])
    assert maker.calls == 2


def test_labels_of_another_entry_are_damage(cache):
    maker = Maker(3)
    maker.prepare()
    (path,) = (cache / "prepared").glob("*/labels.npy")
    np.save(path, np.zeros(2, np.int32))
    check(maker.prepare(), [0, 1, 2])
    assert maker.calls == 2


def test_all_of_an_entry_is_on_the_disk_before_it_has_its_name(cache, monkeypatch):
    events = []
    fsync, rename = os.fsync, Path.rename
    monkeypatch.setattr(
        os, "fsync", lambda number: events.append(Path(os.readlink(f"/proc/self/fd/{number}"))) or fsync(number)
    )
    monkeypatch.setattr(Path, "rename", lambda self, target: events.append("rename") or rename(self, target))
    check(Maker(3).prepare(), [0, 1, 2])
    *before, last = events
    assert last == "rename"
    assert sorted(path.name for path in before[:-1]) == ["about.json", "images.npy", "labels.npy"]
    assert before[-1] == before[0].parent


def test_what_is_kept_can_be_made_anew():
    maker = Maker(3, broken=(1,))
    check(maker.prepare(), [0, 2])
    maker.broken = ()
    check(store.prepare("k", 3, (2, 3, 1), maker, anew=True), [0, 1, 2])
    check(maker.prepare(), [0, 1, 2])
    assert maker.calls == 2


def test_a_damaged_entry_that_cannot_be_removed_is_not_read(cache, monkeypatch, caplog):
    maker = Maker(3)
    maker.prepare()
    (path,) = (cache / "prepared").glob("*/labels.npy")
    path.write_bytes(b"")

    def refuses(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("shutil.rmtree", refuses)
    check(maker.prepare(), [0, 1, 2])
    assert "cannot be written (Permission denied)" in caplog.text


def test_a_cache_that_cannot_be_written_falls_back_to_memory(cache, caplog):
    cache.write_text("a file where the folder should be")
    maker = Maker(3, broken=(1,))
    prepared = maker.prepare()
    check(prepared, [0, 2])
    assert prepared.left_out == {"file 1": "broken"}
    assert "images stay in memory" in caplog.text


def test_another_process_that_was_quicker_wins(cache, monkeypatch):
    maker = Maker(3)
    rename = Path.rename

    def slower(self: Path, target: Path) -> Path:
        os.makedirs(target)
        for file in self.iterdir():
            (target / file.name).write_bytes(file.read_bytes())
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", slower)
    check(maker.prepare(), [0, 1, 2])
    assert len(list((cache / "prepared").iterdir())) == 1


def test_where_the_cache_lies(monkeypatch):
    monkeypatch.setenv("GANZOO_HOME", "/a")
    assert store.cache_folder() == Path("/a")
    monkeypatch.setenv("GANZOO_CACHE", "/older")
    assert store.cache_folder() == Path("/a")
    monkeypatch.delenv("GANZOO_HOME")
    assert store.cache_folder() == Path("/older")
    monkeypatch.delenv("GANZOO_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert store.cache_folder() == Path("/b/ganzoo")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert store.cache_folder() == Path.home() / ".cache" / "ganzoo"
