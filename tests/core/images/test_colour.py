"""Every mode, transparency and profile becomes sRGB or grey."""

import numpy as np
import pytest
from drawn_images import colours, encoded, gradient
from PIL import Image, ImageCms

from ganzoo.core import images
from ganzoo.errors import DataError

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
