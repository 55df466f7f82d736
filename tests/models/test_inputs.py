"""Images to translate, of every usual kind, against pixels worked out by hand; and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ganzoo.core import images
from ganzoo.errors import DataError, UsageError
from ganzoo.models import inputs

GREY = np.arange(80, dtype=np.uint8).reshape(8, 10)


def test_one_image_of_any_kind(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    kinds = [tmp_path / "grey.png", str(tmp_path / "grey.png"), Image.fromarray(GREY), GREY, GREY[..., np.newaxis]]
    kinds += [tf.constant(GREY), GREY / 255.0, (GREY / 255.0).astype(np.float16), GREY / 127.5 - 1.0]
    for kind in kinds:
        given = inputs.read(kind, 1)
        assert given.alone
        assert given.images.dtype == np.uint8
        assert np.array_equal(given.images, GREY[np.newaxis, ..., np.newaxis])


def test_a_home_directory_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    assert np.array_equal(inputs.read("~/grey.png", 1).images[0, ..., 0], GREY)


def test_what_is_no_home_is_a_file_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(GREY).save("~grey.png")
    assert np.array_equal(inputs.read("~grey.png", 1).images[0, ..., 0], GREY)
    with pytest.raises(DataError, match=r"^~nosuchuser/a\.png: cannot be read"):
        inputs.read("~nosuchuser/a.png", 1)


def test_sixteen_bit_images_of_a_list_have_one_range(tmp_path, caplog):
    dark, light = (Image.fromarray(np.full((8, 8), most, np.uint16)) for most in (512, 4000))
    dark.save(tmp_path / "dark.png")
    for given in (tmp_path / "dark.png", dark):
        read = inputs.read([given, light], 1)
        assert read.images[:, 0, 0, 0].tolist() == [32, 250]
    assert caplog.messages == 2 * [
        "images: 16-bit grey whose values end at 4000, without a declared range: 4095 is taken for white"
    ]


def test_batches_and_lists():
    batch = np.stack([GREY, GREY + 1])[..., np.newaxis]
    for given in (batch, [GREY, GREY + 1], (GREY, Image.fromarray(GREY + 1)), [GREY[..., np.newaxis], batch[1]]):
        read = inputs.read(given, 1)
        assert not read.alone
        assert np.array_equal(read.images, batch)
    assert not inputs.read([GREY], 1).alone
    mixed = inputs.read([GREY, GREY[:, :9]], 1)
    assert [image.shape for image in mixed.images] == [(8, 10, 1), (8, 9, 1)]


def test_channels_are_converted_as_those_of_files():
    rgba = np.empty((8, 8, 4), np.uint8)
    rgba[:] = (200, 100, 0, 128)
    assert inputs.read(rgba, 3).images[0, 0, 0].tolist() == [227, 177, 127]  # (200 * 128 + 255 * 127) / 255, …
    assert inputs.read(rgba / 255, 3).images[0, 0, 0].tolist() == [227, 177, 127]
    assert inputs.read(rgba[np.newaxis].repeat(2, 0), 1).images[:, 0, 0, 0].tolist() == [186, 186]  # 0.299 * 227 + …
    assert inputs.read(rgba[..., :3], 1).images[0, 0, 0].tolist() == [118]  # 0.299 * 200 + 0.587 * 100
    assert inputs.read(GREY, 3).images[0, 0, 7].tolist() == [7, 7, 7]
    assert inputs.read(Image.fromarray(rgba), 1).images[0, 0, 0].tolist() == [186]


def test_the_range_of_floats_is_one_for_a_call():
    bright, dark = np.full((8, 8), 0.5), np.full((8, 8), -1.0)
    assert inputs.read(bright, 1).images[0, 0, 0, 0] == 128  # 127.5, rounded to the even one
    read = inputs.read([bright, dark], 1).images
    assert read[:, 0, 0, 0].tolist() == [191, 0]  # 1.5 * 127.5 = 191.25


def test_all_levels_survive_as_floats():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for dtype in (np.float32, np.float64):
        for floats in (levels.astype(dtype) / 255, levels.astype(dtype) / 127.5 - 1):
            assert np.array_equal(inputs.read(floats, 1).images[0, ..., 0], levels)
    assert np.array_equal(images.to_float(levels[np.newaxis]), (levels[np.newaxis] / np.float32(127.5)) - 1)


def test_longest_shrinks_what_is_larger():
    small, large = np.full((8, 9), 3, np.uint8), np.full((20, 40), 3, np.uint8)
    read = inputs.read([small, large], 1, longest=20)
    assert [image.shape for image in read.images] == [(8, 9, 1), (10, 20, 1)]
    assert inputs.read(np.stack([large, large])[..., np.newaxis], 1, longest=20).images.shape == (2, 10, 20, 1)
    with pytest.raises(UsageError, match=r"got 5x10 after shrinking to longest=10$"):
        inputs.read(large, 1, longest=10)


@pytest.mark.parametrize("shape", [(40, 10), (10, 40)])
def test_the_longer_side_counts(shape):
    (image,) = inputs.read(np.zeros(shape, np.uint8), 1, longest=36).images
    assert image.shape == ((36, 9, 1) if shape == (40, 10) else (9, 36, 1))


def test_images_of_one_size_go_together():
    asked = []

    def invert(batch):
        asked.append(batch.shape)
        return 255 - batch

    made = inputs.read([GREY, GREY[:, :9], GREY + 1], 1).mapped(invert)
    assert asked == [(2, 8, 10, 1), (1, 8, 9, 1)]
    assert [image[0, 1, 0] for image in made] == [254, 254, 253]
    assert inputs.read(GREY, 1).mapped(invert).shape == (8, 10, 1)
    assert inputs.read([GREY], 1).mapped(invert).shape == (1, 8, 10, 1)


@pytest.mark.parametrize(("strength", "level"), [(0, 10), (0.5, 106), (0.001, 10), (0.9, 182), (1, 201)])
def test_blend(strength, level):
    mixed = inputs.blend(np.full((1, 2), 10, np.uint8), np.full((1, 2), 201, np.uint8), strength)
    assert mixed.dtype == np.uint8
    assert mixed.tolist() == [[level, level]]  # 10 + 191 s; 105.5 is rounded to the even 106
    back = inputs.blend(np.full((1, 2), 201, np.uint8), np.full((1, 2), 10, np.uint8), strength)
    assert back.tolist() == [[int(np.rint(201 - 191 * strength))] * 2]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            np.zeros([9, 8, 3], np.int64),
            "images: expected uint8 or floats, got int64 [9, 8, 3] (convert levels of 0 to",
        ),
        (np.zeros([9, 8], bool), "images: expected uint8 or floats, got bool [9, 8]"),
        (
            np.linspace(0, 255, 100).reshape(10, 10),
            "images: expected floats in [0, 1] or [-1, 1], got values from 0 to 255 (divide them by 255, or convert",
        ),
        (np.zeros([9, 3], np.uint8), "images: expected 8x8 pixels or more, got 9x3"),
        (np.full([8, 8], -3.0), "images: expected floats in [0, 1] or [-1, 1], got values from -3 to -3"),
        (np.full([8, 8], np.nan), "images: expected floats in [0, 1] or [-1, 1], got values from nan to nan"),
        ([GREY, np.full([8, 8], 1.5)], "images[1]: expected floats in [0, 1] or [-1, 1], got values from 1.5 to 1.5"),
        (
            np.zeros([3, 64, 64], np.uint8),
            "images: expected [H, W, C] or [H, W] with C = 1, 3 or 4, or [n, H, W, C], got uint8 [3, 64, 64]: put the "
            "channels last (np.moveaxis(x, -3, -1))",
        ),
        (
            np.zeros([4, 64, 64], np.uint8),
            "images: expected [H, W, C] or [H, W] with C = 1, 3 or 4, or [n, H, W, C], got uint8 [4, 64, 64]: put the "
            "channels last (np.moveaxis(x, -3, -1))",
        ),
        (
            np.zeros([16, 64, 64], np.uint8),
            "images: expected [H, W, C] or [H, W] with C = 1, 3 or 4, or [n, H, W, C], got uint8 [16, 64, 64]: give a "
            "batch of grey images as [n, H, W, 1] (x[..., np.newaxis])",
        ),
        (7, "images: expected [H, W, C] or [H, W] with C = 1, 3 or 4, or [n, H, W, C], got int64 []"),
        (None, "images: expected [H, W, C] or [H, W] with C = 1, 3 or 4, or [n, H, W, C], got object []"),
        ([[[1, 2], [3]]], "images[0]: expected an image, got rows of several lengths"),
        ([np.zeros([2, 8, 8, 1], np.uint8)], "images: expected a list of single images, got a batch in it"),
        ([], "images: expected at least one, got none"),
        (np.zeros([0, 9, 8, 3], np.uint8), "images: expected at least one, got none"),
        (np.zeros([9, 7, 3], np.uint8), "images: expected 8x8 pixels or more, got 9x7"),
        (np.zeros([0, 9, 3]), "images: expected 8x8 pixels or more, got 0x9"),
    ],
)
def test_what_is_no_image(given, message):
    with pytest.raises(UsageError) as caught:
        inputs.read(given, 3)
    assert str(caught.value).startswith(message)


def test_files_that_are_no_images(tmp_path):
    with pytest.raises(DataError, match=r"gone\.png: cannot be read \(No such file"):
        inputs.read([GREY, tmp_path / "gone.png"], 3)
    with pytest.raises(DataError, match=r"setup\.py: not an image in a known format"):
        inputs.read(Path(__file__).parents[2] / "setup.py", 3)
    deep = Image.fromarray(np.full((8, 8), 300.0, np.float32))
    with pytest.raises(DataError, match=r"^images: expected float grey values of 0 to 1, got 300 to 300"):
        inputs.read(deep, 1)


def test_longest():
    assert inputs.check_longest(None, lambda: 28) is None
    assert inputs.check_longest("auto", lambda: 28) == 28
    assert inputs.check_longest(np.int64(64), lambda: 28) == 64
    for wrong in (7, "large", 64.0, True):
        with pytest.raises(UsageError, match=f"^longest: expected None, 'auto' or an integer .* got {wrong!r}$"):
            inputs.check_longest(wrong, lambda: 28)


def test_strength():
    assert [inputs.check_strength(value) for value in (0, 1, 0.5, np.float32(0.25))] == [0.0, 1.0, 0.5, 0.25]
    for wrong in (-0.1, 1.01, float("nan"), "1", True):
        with pytest.raises(UsageError, match=r"^strength: expected a number in \[0, 1\], got "):
            inputs.check_strength(wrong)
