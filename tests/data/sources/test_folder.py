"""One's own images: every mode, classes, and every way in which a folder can be wrong."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ganzoo.core import images
from ganzoo.data.open import open_source
from ganzoo.data.source import Source
from ganzoo.data.sources.folder import sizes_of
from ganzoo.errors import DataError
from ganzoo.schema import DatasetConfig


def opened(root: Path, size: int = 8, channels: int = 3, skip_broken: bool = False, **values) -> Source:
    dataset = DatasetConfig(name=f"folder:{root}", size=size, channels=channels, **values)
    return open_source(dataset, skip_broken=skip_broken)


def fetched(source: Source) -> dict[str, np.ndarray]:
    assert source.length is not None
    return {key: value.numpy() for key, value in source.fetch(tf.range(source.length, dtype=tf.int64)).items()}


def save(path: Path, value: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), value).save(path)


def test_every_mode_and_size(root):
    Image.new("L", (8, 8), 100).save(root / "a_grey.png")
    Image.fromarray(np.full((20, 30), 100 << 8 | 7, np.uint16)).save(root / "b_deep.png")
    Image.new("RGBA", (9, 5), (10, 20, 30, 255)).save(root / "c_rgba.png")
    Image.new("RGBA", (9, 5), (10, 20, 30, 0)).save(root / "d_clear.png")
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 200, 100, 50])
    palette.save(root / "e_palette.gif")
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(root / "f_cmyk.jpg", quality=100)
    turned = np.zeros((16, 16, 3), np.uint8)
    turned[:, :8] = 255  # white on the left; the tag turns it by 90 degrees clockwise: white above
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(turned).save(root / "g_turned.JPG", exif=exif, quality=100)
    images = fetched(opened(root))["examples"]
    assert images.dtype == np.uint8
    assert images.shape == (7, 8, 8, 3)
    expected = [(100,) * 3, (100,) * 3, (10, 20, 30), (255,) * 3, (200, 100, 50), (255, 0, 0)]
    for image, colour in zip(images, expected, strict=False):
        np.testing.assert_allclose(image, np.broadcast_to(colour, image.shape), atol=2)
    assert images[6, :3].min() > 240
    assert images[6, 5:].max() < 15
    grey = fetched(opened(root, channels=1))["examples"]
    assert grey.shape == (7, 8, 8, 1)
    assert abs(int(grey[5, 0, 0, 0]) - 76) <= 2  # luma of red: 0.299 * 255


def test_subfolders_are_classes_in_sorted_order(root, caplog):
    for i, name in enumerate(["dog/1.png", "cat/deep/er/2.png", "cat/1.png", "dog/.hidden.png", ".git/x.png"]):
        save(root / name, 10 * i)
    (root / "empty").mkdir()
    (root / "dog" / "notes.txt").write_text("no image")
    source = opened(root, classes=2)
    assert source.class_names == ("cat", "dog")
    batch = fetched(source)
    assert batch["labels"].tolist() == [0, 0, 1]
    assert batch["examples"][:, 0, 0, 0].tolist() == [20, 10, 0]  # cat/1, cat/deep/er/2, dog/1
    assert "no images in empty: skipped as a class" in caplog.text


@pytest.mark.parametrize(
    ("names", "ordered"),
    [
        (["10", "0", "9", "1"], ("0", "1", "9", "10")),
        (["010", "2", "-1", "1.5"], ("-1", "1.5", "2", "010")),
        (["10", "9", "many"], ("10", "9", "many")),
        (["n10", "n9"], ("n10", "n9")),
    ],
)
def test_numbered_subfolders_are_in_the_order_of_their_numbers(root, names, ordered):
    for level, name in enumerate(names):
        save(root / name / "a.png", level)
    (root / "empty").mkdir()
    source = opened(root, classes=len(names))
    assert source.class_names == ordered
    batch = fetched(source)
    assert batch["labels"].tolist() == list(range(len(names)))
    assert batch["examples"][:, 0, 0, 0].tolist() == [names.index(name) for name in ordered]


def test_the_second_time_comes_from_the_cache_and_a_changed_file_does_not(root, monkeypatch):
    save(root / "a.png", 1)
    save(root / "b.png", 2)
    assert fetched(opened(root))["examples"][:, 0, 0, 0].tolist() == [1, 2]
    with monkeypatch.context() as patch:
        patch.setattr("ganzoo.core.images.read", lambda *_, **__: pytest.fail("decoded again"))
        assert fetched(opened(root))["examples"][:, 0, 0, 0].tolist() == [1, 2]
    save(root / "b.png", 222)
    assert fetched(opened(root))["examples"][:, 0, 0, 0].tolist() == [1, 222]


def test_more_files_than_one_chunk_stay_in_order(root, monkeypatch):
    monkeypatch.setattr("ganzoo.data.sources.folder._CHUNK", 4)
    for i in range(11):
        save(root / f"{i:02}.png", i)
    assert fetched(opened(root))["examples"][:, 0, 0, 0].tolist() == list(range(11))


def test_a_broken_image_is_named_and_left_out_only_on_demand(root, caplog):
    for name in ("a.png", "c.png"):
        save(root / name)
    (root / "b.png").write_bytes((root / "a.png").read_bytes()[:40])
    for _ in range(2):
        with pytest.raises(
            DataError, match=r"b\.png: .*, or leave such files out: skip_broken, --skip_broken$"
        ) as caught:
            opened(root)
        assert "\n" not in str(caught.value)
        for _ in range(2):
            caplog.clear()
            source = opened(root, skip_broken=True)
            assert source.length == 2
            assert f"left out 1 broken image(s): {root / 'b.png'}" in caplog.text
            assert source.left_out == (f"{root / 'b.png'}: not an image in a known format: replace or remove it",)


def test_a_file_that_can_be_read_again_is_not_left_out(root, monkeypatch, caplog):
    for i, name in enumerate("abcd"):
        save(root / f"{name}.png", i)
    read = images.read

    def refused(path, **kwargs):
        if path.name in closed:
            raise DataError(f"{path}: cannot be read (Permission denied)")
        return read(path, **kwargs)

    monkeypatch.setattr(images, "read", refused)
    monkeypatch.chdir(root.parent)
    here = Path(root.name)
    closed = {"a.png", "b.png"}
    assert opened(here, skip_broken=True).length == 2
    closed.remove("a.png")
    monkeypatch.chdir("/")  # what was left out is found from anywhere
    with pytest.raises(DataError, match=r"b\.png: cannot be read"):
        opened(root)
    closed.clear()
    caplog.clear()
    for _ in range(2):
        assert fetched(opened(root))["examples"][:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    assert opened(root, skip_broken=True).length == 4
    assert caplog.text == ""


def test_what_is_wrong_with_a_folder(root):
    def message(path: Path | str, **kwargs) -> str:
        with pytest.raises(DataError) as caught:
            opened(path, **kwargs)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert message(root / "nowhere") == f"folder:{root}/nowhere: no such folder (check the path)"
    assert message("") == "folder: expected a path, got none (--dataset folder:PATH)"
    assert message(root).startswith(f"folder:{root}: expected images (.jpg, .png")
    save(root / "a.png")
    assert message(root / "a.png") == f"folder:{root}/a.png: is a file, not a folder (check the path)"
    assert message(root).startswith(f"folder:{root}: expected at least two examples, got 1 (")
    assert "expected train or all, got 'test'" in message(root, split="test")
    save(root / "b.png")
    assert "has no labels (set dataset.classes=0)" in message(root, classes=10)
    save(root / "class" / "c.png")
    assert "images both in it (a.png) and in subfolders (class/)" in message(root)


def test_nothing_but_broken_images(root):
    for name in ("a.png", "b.png"):
        (root / name).write_bytes(b"junk")
    with pytest.raises(DataError, match="all 2 images are broken"):
        opened(root, skip_broken=True)


def test_examples_have_the_names_of_their_files(root):
    for name in ("b/2.png", "a/1.png", "a/deep/0.png"):
        save(root / name)
    (root / "a" / "broken.png").write_bytes(b"junk")
    for _ in range(2):
        assert opened(root, skip_broken=True).names == ("a/1.png", "a/deep/0.png", "b/2.png")


def test_small_images_are_enlarged(root):
    save(root / "a.png", 1)
    save(root / "b.png", 2)
    assert fetched(opened(root, size=16))["examples"][:, 0, 0, 0].tolist() == [1, 2]


def test_odd_suffixes_and_links(root, caplog):
    for i, suffix in enumerate(("jfif", "jpe", "JPEG", "png", "pbm")):
        (root / "cat").mkdir(exist_ok=True)
        Image.new("L", (8, 8), 255).save(
            root / "cat" / f"{i}.{suffix}", {"png": "PNG", "pbm": "PPM"}.get(suffix, "JPEG")
        )
    save(root.parent / "elsewhere" / "6.png", 255)
    (root / "cat" / "link").symlink_to(root.parent / "elsewhere")
    (root / "cat" / "notes.txt").touch()
    assert opened(root, classes=1).length == 6
    assert f"folder:{root}: passed over what is not an image: 1 .txt" in caplog.messages


def test_one_range_for_all_sixteen_bit_images(root, caplog):
    for name, most in (("a", 512), ("b", 4000)):
        Image.fromarray(np.full((8, 8), most, np.uint16)).save(root / f"{name}.png")
    assert fetched(opened(root))["examples"][:, 0, 0, 0].tolist() == [32, 250]
    assert [message for message in caplog.messages if "4095 is taken for white" in message] == caplog.messages


def test_the_size_of_a_folder_is_that_of_upright_images(root):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (32, 48)).save(root / "a.tif", exif=exif)
    Image.new("L", (32, 48)).save(root / "b.png")
    assert sizes_of(DatasetConfig(name=f"folder:{root}", size=8, channels=3)) == {"size": 32, "channels": 3}


def test_each_folder_is_read_once(root, monkeypatch):
    read, iterdir = [], Path.iterdir
    for name in ("a/1.png", "b/2.png"):
        save(root / name)
    monkeypatch.setattr(Path, "iterdir", lambda self: read.append(self) or iterdir(self))
    opened(root)
    assert sorted(path for path in read if path.is_relative_to(root)) == [root, root / "a", root / "b"]
