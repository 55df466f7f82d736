"""The uint8 edge: conversions against hand-computed numbers, every kind of file, and broken ones."""

import errno
import io
import os
import re
import stat
import struct
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageCms, ImageOps

from ganzoo.core import files, images
from ganzoo.core.images import opening
from ganzoo.errors import DataError, RunError, UsageError

ALL_LEVELS = np.arange(256, dtype=np.uint8)
REPOSITORY = Path(__file__).parents[2]


def encoded(image: Image.Image, file_format: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def colours(*rows) -> np.ndarray:
    return np.array(rows, np.uint8)


@pytest.fixture
def photo() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))


# Conversion


def test_to_float_maps_levels_to_the_unit_interval():
    floats = images.to_float(np.array([[0, 51, 255]], np.uint8))
    assert floats.dtype == tf.float32
    np.testing.assert_allclose(floats, [[-1.0, -0.6, 1.0]], atol=1e-7)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_all_levels_survive_the_round_trip(jit_compile):
    round_trip = tf.function(lambda levels: images.to_uint8(images.to_float(levels)), jit_compile=jit_compile)
    np.testing.assert_array_equal(round_trip(tf.constant(ALL_LEVELS)), ALL_LEVELS)


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32, tf.float64])
def test_to_uint8_rounds_clips_and_blackens_nan(dtype):
    floats = tf.cast([-1.0, 0.0, 0.25, 1.0, 7.0, -7.0, np.inf, -np.inf, np.nan], dtype)
    # (0 + 1) * 127.5 is a tie, which goes to the even 128; 1.25 * 127.5 = 159.375.
    np.testing.assert_array_equal(images.to_uint8(floats), [0, 128, 159, 255, 255, 0, 255, 0, 0])


def test_conversions_refuse_the_other_side():
    with pytest.raises(UsageError, match="to_float: expected uint8 pixels, got float32"):
        images.to_float(np.zeros(3, np.float32))
    with pytest.raises(UsageError, match=r"to_uint8: expected floats in \[-1, 1\], got uint8"):
        images.to_uint8(ALL_LEVELS)


# Decoding: every mode

MODES = {  # one row of pixels as stored -> its grey levels
    "1": (np.array([[False, True]]), [0, 255]),
    "L": (colours([7, 200]), [7, 200]),
    # 0.299 * 255 = 76.2, 0.587 * 255 = 149.7, 0.114 * 255 = 29.1
    "RGB": (colours([[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]]), [76, 150, 29, 9]),
    # (100 * 128 + 255 * 127) / 255 = 177.2
    "LA": (colours([[0, 0], [0, 255], [100, 128]]), [255, 0, 177]),
    "I;16": (np.array([[0, 255, 256, 32767, 32768, 65535]], np.uint16), [0, 0, 1, 127, 128, 255]),
    "I": (np.array([[0, 256, 65535]], np.int32), [0, 1, 255]),
    "F": (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
}


@pytest.mark.parametrize("mode", MODES)
def test_modes(mode):
    stored, levels = MODES[mode]
    image = Image.fromarray(stored)
    assert image.mode == mode
    data = encoded(image, "TIFF")
    np.testing.assert_array_equal(images.decode(data, "a", channels=1)[0, :, 0], levels)
    if mode != "RGB":  # grey in three channels is the same level three times
        np.testing.assert_array_equal(images.decode(data, "a")[0], np.repeat(levels, 3).reshape(-1, 3))


@pytest.mark.parametrize("file_format", ["PNG", "PPM"])
def test_sixteen_bits_in_other_formats(file_format):
    stored, levels = MODES["I;16"]
    pixels = images.decode(encoded(Image.fromarray(stored), file_format), "a", channels=1)
    np.testing.assert_array_equal(pixels[0, :, 0], levels)


def test_sixteen_bits_with_the_upper_byte_first():
    image = Image.frombytes("I;16B", (2, 1), b"\x01\x00\xff\xff")
    data = encoded(image, "TIFF")
    assert data[:2] == b"MM"
    np.testing.assert_array_equal(images.decode(data, "a.tiff", channels=1)[0, :, 0], [1, 255])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[0.0, 200.0]], np.float32), "expected float grey values of 0 to 1, got 0 to 200"),
        (np.array([[0.0, np.nan]], np.float32), "expected float grey values of 0 to 1, got nan to nan"),
        (np.array([[-4, 70000]], np.int32), "expected integer grey values of 0 to 65535, got -4 to 70000"),
    ],
)
def test_deep_grey_of_unknown_range_is_refused(values, message):
    with pytest.raises(DataError, match=rf"^deep\.tiff: {message}"):
        images.decode(encoded(Image.fromarray(values), "TIFF"), "deep.tiff")


def test_transparent_pixels_lie_on_white():
    image = Image.fromarray(colours([[200, 100, 0, 128], [1, 2, 3, 0], [1, 2, 3, 255]]))
    # (200 * 128 + 255 * 127) / 255 = 227.4, and so on
    expected = [[[227, 177, 127], [255, 255, 255], [1, 2, 3]]]
    np.testing.assert_array_equal(images.decode(encoded(image), "a.png"), expected)


@pytest.mark.parametrize(
    ("pixels", "transparent", "expected"),
    [
        (colours([5, 6]), 5, [255, 6]),
        (colours([[5, 5, 5], [6, 6, 6]]), (5, 5, 5), [255, 6]),
        (np.array([[200, 201, 65535]], np.uint16), 200, [255, 0, 255]),
    ],
    ids=["L", "RGB", "I;16"],
)
def test_a_transparent_colour_becomes_white(pixels, transparent, expected):
    data = encoded(Image.fromarray(pixels), transparency=transparent)
    np.testing.assert_array_equal(images.decode(data, "a.png", channels=1)[0, :, 0], expected)


@pytest.mark.parametrize("file_format", ["PNG", "GIF"])
def test_palette_with_transparency(file_format):
    image = Image.fromarray(colours([0, 1, 2]))
    image.putpalette([255, 0, 0, 0, 0, 255, 0, 255, 0])
    pixels = images.decode(encoded(image, file_format, transparency=1), "a")
    np.testing.assert_array_equal(pixels, [[[255, 0, 0], [255, 255, 255], [0, 255, 0]]])


@pytest.mark.parametrize("file_format", ["TIFF", "JPEG"])
def test_cmyk(file_format):
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    pixels = images.decode(encoded(cyan, file_format), "a")
    np.testing.assert_allclose(pixels, np.broadcast_to([0, 255, 255], (8, 8, 3)), atol=2)
    black = Image.new("CMYK", (8, 8), (0, 0, 0, 255))
    assert images.decode(encoded(black, file_format), "a").max() <= 2


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, [[1, 2, 3], [4, 5, 6]]),
        (2, [[3, 2, 1], [6, 5, 4]]),
        (3, [[6, 5, 4], [3, 2, 1]]),
        (4, [[4, 5, 6], [1, 2, 3]]),
        (5, [[1, 4], [2, 5], [3, 6]]),
        (6, [[4, 1], [5, 2], [6, 3]]),
        (7, [[6, 3], [5, 2], [4, 1]]),
        (8, [[3, 6], [2, 5], [1, 4]]),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_exif_orientation(orientation, upright, dtype):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.array([[1, 2, 3], [4, 5, 6]], dtype) * (256 if dtype == np.uint16 else 1)
    data = encoded(Image.fromarray(stored.astype(dtype)), exif=exif)
    found = images.decode(data, "a.png", channels=1, deep_range=lambda: 65535)
    np.testing.assert_array_equal(found[..., 0], upright)


def test_exif_orientation_of_a_jpeg():
    stored = np.zeros((16, 32), np.uint8)
    stored[:8, :8] = 255  # upper left: after a quarter turn clockwise, upper right
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = images.decode(encoded(Image.fromarray(stored), "JPEG", exif=exif), "a.jpg", channels=1)
    assert pixels.shape == (32, 16, 1)
    assert pixels[:8, 8:].min() > 250
    assert pixels[8:].max() < 5


def test_an_animation_gives_its_first_frame():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(images.decode(data, "a.gif"), np.broadcast_to([255, 0, 0], (4, 4, 3)))


@pytest.mark.parametrize("file_format", ["WEBP", "BMP", "PPM", "TGA", "TIFF", "PNG", "JPEG2000", "PCX", "SGI", "QOI"])
def test_lossless_formats(file_format, photo):
    options = {"lossless": True} if file_format == "WEBP" else {}
    pixels = images.decode(encoded(photo, file_format, **options), "photo.tga" if file_format == "TGA" else "photo")
    np.testing.assert_array_equal(pixels, photo)
    assert pixels.flags.writeable


# Decoding: what is refused


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_truncated_file_is_named(file_format, photo):
    data = encoded(photo, file_format)
    with pytest.raises(DataError, match=r"^holiday: broken image \(.+\): replace or remove it$"):
        images.decode(data[: len(data) // 2], "holiday")


def test_damaged_bytes_never_raise_anything_else(photo):
    rng, messages = np.random.default_rng(0), []
    for file_format in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"):
        whole = np.frombuffer(encoded(photo.resize((16, 12)), file_format), np.uint8)
        for _ in range(40):
            data = whole.copy()
            data[rng.integers(0, min(200, len(data)), 3)] = rng.integers(0, 256, 3)
            try:
                images.decode(data.tobytes(), "damaged")
            except DataError as error:
                messages.append(str(error))
    assert len(messages) > 50
    assert all(re.fullmatch("damaged: .+", message) for message in messages)  # a dot matches no line break


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "an empty file"),
        (b"Dear diary,\n", "not an image in a known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "not an image in a known format"),
    ],
    ids=["empty", "text", "EPS"],
)
def test_what_is_no_image_is_named(data, message, tmp_path):
    path = tmp_path / "diary.png"
    path.write_bytes(data)
    with pytest.raises(DataError, match=rf"diary\.png: {message}"):
        images.read(path)


def test_a_decompression_bomb_is_refused_from_its_header():
    header = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    data += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    with pytest.raises(DataError, match=r"^bomb\.png: expected at most 178,956,970 pixels"):
        images.decode(data, "bomb.png")


def test_memory_is_bounded(monkeypatch):
    data = encoded(Image.new("L", (4, 3)))
    monkeypatch.setattr(opening, "MOST_BYTES", 4 * 3 * 12)
    assert images.decode(data, "a.png").shape == (3, 4, 3)
    monkeypatch.setattr(opening, "MOST_BYTES", 4 * 3 * 12 - 1)
    with pytest.raises(DataError, match=r"a\.png: expected an image that decodes in 0 MiB, got"):
        images.decode(data, "a.png")


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.png: cannot be read \(No such file or directory\)"):
        images.read(tmp_path / "gone.png")
    with pytest.raises(DataError, match="Is a directory"):
        images.read(tmp_path)


# Size and channels


def test_fit_crops_the_centre_without_resampling():
    image = np.arange(5 * 8, dtype=np.uint8).reshape(5, 8, 1)
    np.testing.assert_array_equal(images.fit(image, 5, 1), image[:, 1:6])
    tall = image.transpose(1, 0, 2)
    np.testing.assert_array_equal(images.fit(tall, 5, 3), tall[1:6].repeat(3, axis=2))


def test_fit_does_not_alias():
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., np.newaxis]
    small = images.fit(checks, 8, 1)
    assert small.shape == (8, 8, 1)
    assert np.abs(small.astype(int) - 127.5).max() < 8  # every second pixel alone would be all 0 or all 255


def test_fit_enlarges_and_changes_channels():
    np.testing.assert_array_equal(images.fit(np.full((1, 3, 1), 77, np.uint8), 4, 3), np.full((4, 4, 3), 77))
    assert images.fit(np.full((2, 2, 3), (255, 0, 0), np.uint8), 1, 1).tolist() == [[[76]]]


def test_read_with_a_size_is_read_then_fit(tmp_path, photo):
    photo.save(tmp_path / "photo.png")
    expected = images.fit(np.asarray(photo), 20, 3)
    np.testing.assert_array_equal(images.read(tmp_path / "photo.png", size=20), expected)


@pytest.mark.parametrize(
    ("size", "longest", "wanted"),
    [
        ((60, 90), 45, (30, 45)),
        ((90, 60), 45, (45, 30)),
        ((60, 90), 90, (60, 90)),
        ((60, 90), 200, (60, 90)),
        ((2, 1000), 100, (1, 100)),
        ((75, 100), 10, (8, 10)),  # 7.5 is rounded to the even 8
    ],
)
def test_shrink_keeps_the_aspect(size, longest, wanted):
    assert images.shrunk_size(*size, longest) == wanted
    assert images.shrink(np.full((*size, 3), 9, np.uint8), longest).tolist() == np.full((*wanted, 3), 9).tolist()


def test_shrink_does_not_alias():
    checks = (np.indices((64, 32)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., np.newaxis]
    small = images.shrink(checks, 8)
    assert small.shape == (8, 4, 1)
    assert np.abs(small.astype(int) - 127.5).max() < 8
    with pytest.raises(UsageError, match="longest: expected at least 1 pixel, got 0"):
        images.shrink(checks, 0)


def test_letterbox():
    wide = np.full((2, 4, 1), 9, np.uint8)
    assert images.letterbox(wide, 4)[..., 0].tolist() == [[128] * 4, [9] * 4, [9] * 4, [128] * 4]
    assert images.letterbox(wide.transpose(1, 0, 2), 8, level=0)[..., 0].tolist() == [[0] * 2 + [9] * 4 + [0] * 2] * 8
    assert images.letterbox(np.full((300, 1, 3), 9, np.uint8), 10)[:, 4].tolist() == [[9] * 3] * 10
    with pytest.raises(UsageError, match="size: expected at least 1 pixel, got 0"):
        images.letterbox(wide, 0)


def test_a_pillow_image_is_read_as_its_file(photo):
    exif = Image.Exif()
    exif[0x0112] = 6
    opened = Image.open(io.BytesIO(encoded(photo, exif=exif)))
    assert np.array_equal(images.from_pillow(opened, "a", 3), images.decode(encoded(photo, exif=exif), "a"))
    assert opened.size == photo.size, "it stays as it was"


@pytest.mark.parametrize("image", [np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4, 3), np.uint8)])
def test_fit_refuses_what_is_no_image(image):
    with pytest.raises(UsageError, match="image: expected uint8"):
        images.fit(image, 4, 1)


def test_impossible_targets():
    with pytest.raises(UsageError, match="channels: expected 1"):
        images.decode(b"", "a.png", channels=4)
    with pytest.raises(UsageError, match="size: expected at least 1 pixel, got 0"):
        images.fit(np.zeros((4, 4, 1), np.uint8), 0, 1)


# Writing


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


def test_importing_is_light():
    code = "import sys, ganzoo.core.images, ganzoo.core.figures; print({'tensorflow', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# Odd files


def gradient(height=32, width=32) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns * 255 // width, rows * 255 // height, (rows + columns) * 4 % 256], -1).astype(np.uint8)


def lab(pixels: np.ndarray) -> Image.Image:
    spaces = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    to_lab = ImageCms.buildTransform(*spaces, "RGB", "LAB")
    return ImageCms.applyTransform(Image.fromarray(pixels), to_lab)


def test_lab_is_read_as_colour_and_as_grey():
    data = encoded(lab(gradient()), "TIFF")
    for channels, expected in ((3, gradient()), (1, np.asarray(Image.fromarray(gradient()).convert("L"))[..., None])):
        found = images.decode(data, "lab.tif", channels=channels).astype(int)
        assert np.abs(found - expected).mean() < 2


@pytest.mark.parametrize("mode", ["HSV", "YCbCr", "LAB"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_pillow_image_of_any_mode_is_converted(mode, channels):
    image = lab(gradient()) if mode == "LAB" else Image.fromarray(gradient()).convert(mode)
    expected = images.from_pillow(Image.fromarray(gradient()), "a", channels).astype(int)
    assert np.abs(images.from_pillow(image, "a", channels) - expected).mean() < 3


def test_what_cannot_be_converted_is_named(monkeypatch):
    def fail(*_):
        raise ValueError("conversion from X\nnot supported")

    monkeypatch.setattr(Image.Image, "convert", fail)
    with pytest.raises(DataError, match=r"^a: broken image \(conversion from X not supported\)"):
        images.from_pillow(Image.new("CMYK", (4, 4)), "a", 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["tif", "jpg", "png"])
def test_the_header_has_the_size_that_is_read(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(gradient(30, 40)).save(path, exif=exif)
    found = images.header(path)
    pixels = images.read(path)
    assert (found.height, found.width, found.channels) == pixels.shape
    assert pixels.shape[:2] == ((30, 40) if orientation < 5 else (40, 30))
    if suffix != "jpg":
        np.testing.assert_array_equal(pixels, ImageOps.exif_transpose(Image.open(path)))


def test_the_header_of_a_truncated_file_and_of_exif_behind_the_pixels(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(gradient(30, 40)), exif=exif)
    (tmp_path / "half.png").write_bytes(encoded(Image.fromarray(gradient(30, 40)))[:100])
    assert images.header(tmp_path / "half.png") == images.Header(30, 40, 3)
    at = data.index(b"eXIf") - 4
    chunk = data[at : at + 12 + int.from_bytes(data[at : at + 4], "big")]
    (tmp_path / "late.png").write_bytes(data[:at] + data[at + len(chunk) : -12] + chunk + data[-12:])
    assert images.header(tmp_path / "late.png") == images.Header(40, 30, 3)
    assert images.read(tmp_path / "late.png").shape == (40, 30, 3)


def wide_gamut() -> bytes:
    """An RGB profile that is not sRGB: sRGB with red and blue exchanged."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = {data[at : at + 4].decode(): at for at in range(132, 132 + 12 * int.from_bytes(data[128:132], "big"), 12)}
    red, blue = tags["rXYZ"], tags["bXYZ"]
    data[red + 4 : red + 12], data[blue + 4 : blue + 12] = data[blue + 4 : blue + 12], data[red + 4 : red + 12]
    return bytes(data)


def test_colours_are_converted_by_their_profile():
    data = encoded(Image.fromarray(gradient()), icc_profile=wide_gamut())
    swapped = images.decode(data, "a.png").astype(int)
    assert np.abs(swapped - gradient()[..., ::-1]).max() <= 2
    clear = Image.fromarray(np.dstack([gradient(), np.full((32, 32), 255, np.uint8)]))
    np.testing.assert_array_equal(images.decode(encoded(clear, icc_profile=wide_gamut()), "a.png"), swapped)


def test_profiles_of_srgb_and_broken_ones_change_nothing():
    for profile in (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), b"no profile"):
        data = encoded(Image.fromarray(gradient()), icc_profile=profile)
        np.testing.assert_array_equal(images.decode(data, "a.png"), gradient())


def test_grey_of_twelve_bits_is_not_black(caplog):
    data = encoded(Image.fromarray(np.array([[0, 16, 2048, 4095]], np.uint16)))
    assert images.decode(data, "a.png", channels=1)[0, :, 0].tolist() == [0, 1, 128, 255]
    assert caplog.messages == [
        "a.png: 16-bit grey whose values end at 4095, without a declared range: 4095 is taken for white"
    ]


def test_the_declared_range_is_used(caplog):
    stored = Image.fromarray(np.array([[0, 100, 500]], np.uint16))
    tiff = encoded(stored, "TIFF", tiffinfo={281: 1023})
    assert images.decode(tiff, "a.tif", channels=1)[0, :, 0].tolist() == [0, 25, 125]
    png = encoded(stored)
    bits = struct.pack(">I", 1) + b"sBIT\x0b"
    bits += struct.pack(">I", zlib.crc32(bits[4:]))
    assert images.decode(png[:33] + bits + png[33:], "a.png", channels=1)[0, :, 0].tolist() == [0, 12, 62]
    assert not caplog.messages


def test_one_range_for_a_set(tmp_path, caplog):
    paths = [tmp_path / "dark.png", tmp_path / "light.png", tmp_path / "gone.png"]
    Image.fromarray(np.array([[0, 512]], np.uint16)).save(paths[0])
    Image.fromarray(np.array([[0, 4000]], np.uint16)).save(paths[1])
    shared = images.SharedRange("set", paths)
    found = [images.read(path, channels=1, deep_range=shared)[0, 1, 0] for path in paths[:2]]
    assert found == [32, 250]
    assert len(caplog.messages) == 1


def test_dark_colour_of_sixteen_bits_is_refused():
    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" + b"\x0f\xff" * 3)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n"
    for name, content in chunks:
        data += struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    with pytest.raises(DataError, match=r"^a\.png: expected 16-bit samples of 0 to 65535, got none above 4095"):
        images.decode(data, "a.png")


def webp(width, height, extra=0) -> bytes:
    body = b"VP8X\x0a\0\0\0\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little") + bytes(4)
    return b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body + bytes(extra)


def test_a_webp_header_costs_nothing():
    started = time.process_time()
    with pytest.raises(DataError, match=r"a\.webp: broken image \(34 bytes claim 169,000,000 pixels\)"):
        images.decode(webp(13_000, 13_000), "a.webp")
    with pytest.raises(
        DataError, match=r"a\.webp: expected an image that decodes in 1024 MiB, got one that takes 4029"
    ):
        images.decode(webp(13_000, 13_000, extra=100_000), "a.webp")
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(("options", "size"), [({"lossless": True}, (301, 203)), ({"quality": 50}, (70, 1))])
def test_the_size_of_webp_is_in_its_first_bytes(options, size):
    data = encoded(Image.new("RGB", size), "WEBP", **options)
    assert opening.webp.pixels_in(data[: opening.webp.START]) == size[0] * size[1]
    assert opening.webp.pixels_in(encoded(Image.new("RGB", size))) == 0


def test_memory_is_shared_between_threads():
    memory, most = opening.Memory(10), []
    held: list[int] = []

    def take(amount):
        with memory.held(amount):
            held.append(amount)
            most.append(sum(held))
            time.sleep(0.001)
            held.remove(amount)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(take, [4, 7, 10, 1] * 5))
    assert (max(most), memory.free) == (10, 10)


def test_a_large_jpeg_is_decoded_at_a_fraction():
    smooth = Image.fromarray(gradient()).resize((512, 512), Image.Resampling.BICUBIC)
    data = encoded(smooth, "JPEG", quality=95)
    found = images.decode(data, "a.jpg", 32).astype(int)
    assert np.abs(found - images.fit(images.decode(data, "a.jpg"), 32, 3)).max() <= 4


def test_an_icon_is_not_taken_for_tga():
    icon = Image.new("RGBA", (16, 16), "red")
    assert images.decode(encoded(icon, "ICO"), "a.ico")[0, 0].tolist() == [255, 0, 0]
    tga = encoded(Image.new("RGB", (16, 16), "red"), "TGA")
    with pytest.raises(DataError, match="not an image in a known format"):
        images.decode(tga, "a.ico")


def test_all_suffixes_of_pillow():
    Image.init()
    known = {suffix for suffix, file_format in Image.EXTENSION.items() if file_format in (*opening.FORMATS, "MPO")}
    assert set(images.SUFFIXES) == known


def test_files_in_follows_links_and_counts_the_others(tmp_path):
    for name in ("a.jfif", "b.JPE", "deep/c.pbm", "deep/.hidden.png", "notes.txt", "more.txt", "plain"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "d.png").touch()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "deep" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    found = images.files_in(tmp_path / "in")
    names = [str(path.relative_to(tmp_path / "in")) for path in found.files]
    assert names == ["a.jfif", "b.JPE", "deep/c.pbm", "link/d.png"]
    others = "2 .txt, 1 broken links, 1 hidden, 1 linked twice, 1 without suffix"
    assert images.counted(sorted(found.passed_over)) == others
    assert images.files_in(tmp_path / "in", nested=False).passed_over.count("subfolders") == 2
