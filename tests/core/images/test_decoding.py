"""Image files as they are read: formats, orientation, headers, and broken ones."""

import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drawn_images import encoded, gradient
from PIL import Image, ImageOps, PngImagePlugin

from ganzoo.core import images
from ganzoo.errors import DataError

REPOSITORY = Path(__file__).parents[3]


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


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.png: cannot be read \(No such file or directory\)"):
        images.read(tmp_path / "gone.png")
    with pytest.raises(DataError, match="Is a directory"):
        images.read(tmp_path)


def test_read_with_a_size_is_read_then_fit(tmp_path, photo):
    photo.save(tmp_path / "photo.png")
    expected = images.fit(np.asarray(photo), 20, 3)
    np.testing.assert_array_equal(images.read(tmp_path / "photo.png", size=20), expected)


def test_a_pillow_image_is_read_as_its_file(photo):
    exif = Image.Exif()
    exif[0x0112] = 6
    opened = Image.open(io.BytesIO(encoded(photo, exif=exif)))
    assert np.array_equal(images.from_pillow(opened, "a", 3), images.decode(encoded(photo, exif=exif), "a"))
    assert opened.size == photo.size, "it stays as it was"


def test_importing_is_light():
    code = "import sys, ganzoo.core.images, ganzoo.core.figures; print({'tensorflow', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


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


XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def png_texts(*, raw=False, late=False) -> bytes:
    """A PNG of 40x30 on its side, as XMP or ImageMagick's raw profile says; `late` is behind the pixels."""
    exif = Image.Exif()
    exif[0x0112] = 6
    texts = PngImagePlugin.PngInfo()
    if raw:
        data = exif.tobytes()
        texts.add_text("Raw profile type exif", f"\nexif\n{len(data):8}\n{data.hex()}\n", zip=True)
    else:
        texts.add_itxt("XML:com.adobe.xmp", XMP.decode() + " " * 100_000)
    data = encoded(Image.fromarray(gradient(30, 40)), pnginfo=texts)
    if not late:
        return data
    end = data.index(b"IDAT") - 4  # the texts are between the header and the pixels
    return data[:33] + data[end:-12] + data[33:end] + data[-12:]


@pytest.mark.parametrize("suffix", ["raw.png", "raw late.png", "xmp.png", "xmp late.png", "tif", "jpg", "webp"])
def test_the_header_knows_every_orientation_that_is_applied(tmp_path, suffix):
    path, stored = tmp_path / f"a.{suffix}", Image.fromarray(gradient(30, 40))
    if suffix.endswith("png"):
        path.write_bytes(png_texts(raw="raw" in suffix, late="late" in suffix))
    elif suffix == "tif":
        stored.save(path, tiffinfo={700: XMP})
    else:
        stored.save(path, xmp=XMP, **({"lossless": True} if suffix == "webp" else {}))
    assert images.header(path) == images.Header(40, 30, 3)
    found = images.read(path)
    assert found.shape == (40, 30, 3)
    if suffix != "jpg":
        np.testing.assert_array_equal(found, np.rot90(gradient(30, 40), -1))


def test_an_orientation_that_does_not_exist_turns_nothing(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 9
    Image.fromarray(gradient(30, 40)).save(tmp_path / "a.png", exif=exif)
    assert images.header(tmp_path / "a.png") == images.Header(30, 40, 3)
    assert images.read(tmp_path / "a.png").shape == (30, 40, 3)


def test_a_large_jpeg_is_decoded_at_a_fraction():
    smooth = Image.fromarray(gradient()).resize((512, 512), Image.Resampling.BICUBIC)
    data = encoded(smooth, "JPEG", quality=95)
    found = images.decode(data, "a.jpg", 32).astype(int)
    assert np.abs(found - images.fit(images.decode(data, "a.jpg"), 32, 3)).max() <= 4
