"""Folders that are compared as they are."""

import numpy as np
import pytest
from PIL import Image

from ganzoo.core import images
from ganzoo.errors import DataError
from ganzoo.evaluation.examples import from_array
from ganzoo.evaluation.folders import check_alike, from_folder, in_one_mode


def write(folder, **arrays):
    for name, array in arrays.items():
        images.write_png(folder / f"{name}.png", array)


def grey(side, level=0):
    return np.full([side, side, 1], level, np.uint8)


def colour(side):
    return np.zeros([side, side, 3], np.uint8)


def test_all_images_in_the_order_of_their_paths(tmp_path):
    write(tmp_path, b=grey(8, 2), a=grey(8, 1))
    write(tmp_path / "sub", c=grey(8, 3))
    write(tmp_path / ".hidden", d=grey(9, 4))
    (tmp_path / "notes.txt").write_text("no image")
    examples = from_folder(f"folder:{tmp_path}")
    assert (examples.count, examples.shape) == (3, (8, 8, 1))
    np.testing.assert_array_equal(examples.read(np.arange(3))[:, 0, 0, 0], [1, 2, 3])


def test_sizes_are_not_mixed(tmp_path):
    write(tmp_path, a=grey(8), b=grey(9))
    with pytest.raises(DataError, match=r"b\.png: expected 8x8 like a\.png, got 9x9 \(use one size, or size, --size"):
        from_folder(f"folder:{tmp_path}")
    assert from_folder(f"folder:{tmp_path}", size=4).read(np.arange(2)).shape == (2, 4, 4, 1)


def test_grey_is_read_as_colour_among_colour(tmp_path):
    write(tmp_path, a=grey(8, 7), b=colour(8))
    examples = from_folder(f"folder:{tmp_path}")
    assert examples.shape == (8, 8, 3)
    np.testing.assert_array_equal(examples.read(np.arange(2)), np.stack([np.full((8, 8, 3), 7), colour(8)]))


def test_what_is_passed_over_is_counted(tmp_path, caplog):
    write(tmp_path, a=grey(8))
    Image.new("L", (8, 8)).save(tmp_path / "b.jfif", "JPEG")
    for name in ("notes.txt", ".hidden.png", "plain"):
        (tmp_path / name).touch()
    assert from_folder(f"folder:{tmp_path}").count == 2
    (message,) = caplog.messages
    assert message.startswith(f"folder:{tmp_path}: passed over what is not an image: 1 ")
    assert all(reason in message for reason in ("1 .txt", "1 hidden", "1 without suffix"))


def test_one_range_for_all_sixteen_bit_images(tmp_path):
    for name, most in (("a", 512), ("b", 4000)):
        Image.fromarray(np.array([[0, most]], np.uint16)).save(tmp_path / f"{name}.png")
    np.testing.assert_array_equal(from_folder(f"folder:{tmp_path}").read(np.arange(2))[:, 0, 1, 0], [32, 250])


def test_a_photograph_on_its_side_has_the_size_that_is_read(tmp_path):
    picture = Image.new("RGB", (6, 4))
    turned = Image.Exif()
    turned[0x0112] = 6
    for suffix in ("jpg", "tif"):
        picture.save(tmp_path / f"a.{suffix}", exif=turned)
    examples = from_folder(f"folder:{tmp_path}")
    assert examples.shape == (6, 4, 3) == examples.read(np.arange(2)).shape[1:]


def test_a_file_of_another_size_than_its_header_is_named(tmp_path):
    write(tmp_path, a=grey(8), b=grey(8))
    examples = from_folder(f"folder:{tmp_path}")
    write(tmp_path, b=grey(9))
    with pytest.raises(DataError, match=r"b\.png: expected 8x8 like its header, got 9x9"):
        examples.read(np.arange(2))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "no such folder"),
        (lambda folder: folder.write_text("x"), "is a file, not a folder"),
        (lambda folder: folder.mkdir(), "no images in it"),
        (
            lambda folder: (folder.mkdir(), (folder / "a.png").write_bytes(b"x")),
            r"a\.png: not an image in a known format",
        ),
    ],
)
def test_folders_that_cannot_be_read(tmp_path, make, message):
    make(tmp_path / "images")
    with pytest.raises(DataError, match=message):
        from_folder(f"folder:{tmp_path}/images")


def test_grey_is_read_as_colour_beside_a_folder_of_colour(tmp_path):
    write(tmp_path / "grey", a=grey(8, 7))
    write(tmp_path / "colour", a=colour(8))
    sets = [from_folder(f"folder:{tmp_path}/{name}") for name in ("grey", "colour")]
    for one, other in (sets, sets[::-1]):
        found = in_one_mode(one, other)
        check_alike(*found)
        assert [each.name for each in found] == [one.name, other.name]
        level = max(each.read(np.arange(1)).max() for each in found)
        assert level == 7
        assert all(each.read(np.arange(1)).shape == (1, 8, 8, 3) for each in found)
    assert in_one_mode(sets[0], sets[0]) == (sets[0], sets[0])
    assert from_folder(f"folder:{tmp_path}/colour", channels=1).read(np.arange(1)).shape == (1, 8, 8, 1)


def test_only_like_is_compared_with_like():
    def named(name, *shape):
        return from_array(name, np.zeros(shape, np.uint8 if len(shape) == 4 else np.float32))

    check_alike(named("a", 2, 8, 8, 1), named("b", 3, 8, 8, 1))
    for other, message in {
        (3, 9, 9, 1): "b: expected 8x8 like a, got 9x9",
        (3, 8, 8, 3): "b: expected grey like a, got colour",
        (3, 8): "b: expected grey images of 8x8 pixels like a, got points of 8 columns",
    }.items():
        with pytest.raises(DataError, match=message):
            check_alike(named("a", 2, 8, 8, 1), named("b", *other))
