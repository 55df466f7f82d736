"""Image files in a graph: the pixels of `images.decode`, and nothing is decoded that its header makes too large."""

import io
import resource
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ganzoo import images
from ganzoo.serving import pictures

PIXELS = np.random.default_rng(0).integers(0, 256, (13, 21, 4), np.uint8)


def saved(image, **arguments):
    buffer = io.BytesIO()
    image.save(buffer, **arguments)
    return buffer.getvalue()


def png(mode, pixels, **arguments):
    return saved(Image.fromarray(pixels).convert(mode), format="PNG", **arguments)


def jpeg(mode, **arguments):
    smooth = Image.fromarray(PIXELS[..., :3]).resize((50, 37), Image.Resampling.BICUBIC)
    return saved(smooth.convert(mode), format="JPEG", **arguments)


DEEP = PIXELS[..., 0].astype(np.uint16) * 256 + PIXELS[..., 1]
FILES = {
    "RGB": png("RGB", PIXELS),
    "RGBA": png("RGBA", PIXELS),
    "grey": png("L", PIXELS),
    "grey with alpha": png("LA", PIXELS),
    "bits": png("1", PIXELS),
    "a palette of 12": saved(Image.fromarray(PIXELS[..., :3]).quantize(12), format="PNG"),
    "a transparent palette of 4": saved(Image.fromarray(PIXELS[..., :3]).quantize(4), format="PNG", transparency=2),
    "palette": png("P", PIXELS[..., :3]),
    "transparent palette": png("P", PIXELS[..., :3], transparency=7),
    "a transparent grey": png("L", PIXELS, transparency=int(PIXELS[3, 4, 0])),
    "16 bits of grey": saved(Image.fromarray(DEEP), format="PNG"),
    "16 bits of colour": tf.io.encode_png(PIXELS[..., :3].astype(np.uint16) * 256 + 200).numpy(),
    "16 bits with alpha": tf.io.encode_png(PIXELS.astype(np.uint16) * 256 + 200).numpy(),
    "JPEG": jpeg("RGB", quality=80),
    "JPEG without subsampling": jpeg("RGB", quality=95, subsampling=0),
    "progressive JPEG": jpeg("RGB", progressive=True),
    "grey JPEG": jpeg("L"),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", FILES)
def test_pixels_are_those_of_python(name, channels):
    found = tf.function(pictures.decode)(tf.constant(FILES[name]), channels)
    np.testing.assert_array_equal(found, images.decode(FILES[name], name, channels=channels))


def test_cmyk_is_converted_as_by_python_but_for_rounding():
    file = jpeg("CMYK")
    found = pictures.decode(tf.constant(file), 3).numpy().astype(int)
    assert np.abs(found - images.decode(file, "CMYK")).max() <= 2


def png_that_says(width, height):
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rest = b"IDAT" + zlib.compress(b"")
    chunks = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in (header, rest)]
    return pictures.PNG_START + b"".join(chunks)


def jpeg_that_says(width, height):
    file = bytearray(jpeg("RGB"))
    at = file.index(b"\xff\xc0") + 5  # behind the marker, its length and the bits of a sample
    file[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(file)


@pytest.fixture(scope="module")
def checked():
    return tf.function(
        lambda files: pictures.checked_files(files, 8), input_signature=[tf.TensorSpec([None], tf.string)]
    )


def test_right_files_pass(checked):
    files = [png_that_says(4096, 8), jpeg_that_says(8, 4096), *FILES.values()]
    assert checked(tf.constant(files)).numpy().tolist() == files


SIDES = r"image_bytes: 8 to 4096 pixels a side wanted, given \(height, width\)"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([png_that_says(100_000, 100_000)], SIDES + r":\] \[\[100000 100000\]\]"),
        ([png_that_says(2**32 - 1, 2**32 - 1)], SIDES),
        ([png_that_says(0, 0)], SIDES),
        ([jpeg_that_says(65_500, 65_500)], SIDES + r":\] \[\[65500 65500\]\]"),
        ([FILES["RGB"], png_that_says(7, 8)], SIDES + r":\] \[\[13 21\]\[8 7\]\]"),
        ([png_that_says(4096, 1025)], r"image_bytes: 4194304 pixels or fewer an image wanted.*\[4198400\]"),
        ([png_that_says(2048, 2048)] * 5, r"image_bytes: 16777216 pixels or fewer in all wanted.*20971520"),
        ([FILES["RGB"], saved(Image.new("RGB", (9, 9)), format="GIF")], r"PNG or JPEG files wanted.*\[1 0\]"),
        ([b""], "PNG or JPEG files wanted"),
        ([b"\x89PNG"], "PNG or JPEG files wanted"),
        ([png_that_says(9, 9)[:23]], "a PNG file is cut off or broken in its header"),
        ([png_that_says(9, 9).replace(b"IHDR", b"IDAT")], "a PNG file is cut off or broken in its header"),
        ([FILES["JPEG"][:20]], "JPEG"),
        ([], "image_bytes: 1 to 1024 rows wanted, given"),
        ([FILES["RGB"]] * 1025, r"image_bytes: 1 to 1024 rows wanted, given:\] \[1025\]"),
    ],
)
def test_wrong_files_are_refused_before_they_are_decoded(checked, files, message):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        checked(tf.constant(files, tf.string))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
