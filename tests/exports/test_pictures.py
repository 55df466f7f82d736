"""Image files in a graph: the pixels of `images.decode`, and nothing is decoded that is too large or takes too long."""

import io
import resource
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from ganzoo.core import images
from ganzoo.exports import pictures

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


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def exif_with(thumbnail):
    """A first directory without entries, and a second with the place and length of the thumbnail behind it."""
    second = struct.pack(">HHHIIHHIII", 2, 0x201, 4, 1, 44, 0x202, 4, 1, len(thumbnail), 0)
    return b"Exif\0\0MM\0*" + struct.pack(">IHI", 8, 0, 14) + second + thumbnail


def texts():
    made = PngImagePlugin.PngInfo()
    for key in ("Title", "Author", "Comment"):
        made.add_text(key, "plain " * 50)
        made.add_text(key, "compressed " * 500, zip=True)
        made.add_itxt(key, "Größe " * 500, zip=True)
    made.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta/>" * 200)
    return made


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GOLD = np.full([13, 21, 3], [0xFF, 0xDA, 0], np.uint8)  # stored without compression it looks like scans of a JPEG
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
    "PNG with a profile and texts": png("RGB", PIXELS, icc_profile=PROFILE, pnginfo=texts()),
    "PNG with something behind its end": png("RGB", PIXELS) + bytes(4096),
    "PNG like scans": png("RGB", GOLD, compress_level=0),
    "JPEG with a thumbnail and a profile": jpeg("RGB", exif=exif_with(jpeg("RGB")), icc_profile=PROFILE),
    "progressive JPEG with a thumbnail": jpeg("RGB", progressive=True, exif=exif_with(jpeg("RGB", progressive=True))),
    "JPEG with a preview behind its end": jpeg("RGB") + jpeg("RGB", quality=100) * 50,
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


def test_the_thumbnails_are_where_exif_wants_them():
    found = Image.open(io.BytesIO(FILES["JPEG with a thumbnail and a profile"])).getexif().get_ifd(ExifTags.IFD.IFD1)
    assert found == {0x201: 44, 0x202: len(jpeg("RGB"))}


def png_that_says(width, height, *chunks):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return pictures.SIGNATURE + header + b"".join(chunks) + chunk(b"IDAT", zlib.compress(b""))


def jpeg_that_says(width, height):
    file = bytearray(jpeg("RGB"))
    at = file.index(b"\xff\xc0") + 5  # behind the marker, its length and the bits of a sample
    file[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(file)


def jpeg_of_scans(count):
    """A progressive file whose last scan is repeated."""
    file = jpeg("L", progressive=True)
    scan = file[file.rindex(b"\xff\xda") : -2]
    return file[:-2] + scan * (count - file.count(b"\xff\xda")) + file[-2:]


def lengthened(file, length):
    return file + bytes(length - len(file))


TEXT = zlib.compress(bytes(7_900_000), 9)
PLAIN, TRANSLATED, COLOURS = (
    chunk(b"zTXt", b"a\0\0" + TEXT),
    chunk(b"iTXt", b"a\0\1\0\0\0" + TEXT),
    chunk(b"iCCP", b"a\0\0" + TEXT),
)
SIXTEEN = png_that_says(64, 64, *[PLAIN, TRANSLATED] * 8)
EMPTY = chunk(b"abCd", b"")


@pytest.fixture(scope="module")
def checked():
    return tf.function(
        lambda files: pictures.checked_files(files, 8), input_signature=[tf.TensorSpec([None], tf.string)]
    )


def test_right_files_pass(checked):
    files = [png_that_says(4096, 8), jpeg_that_says(8, 4096), *FILES.values()]
    assert checked(tf.constant(files)).numpy().tolist() == files


def test_right_files_pass_up_to_the_bounds(checked):
    """A PNG of 857 chunks and its own 2 has 10,337 bytes: 819 + 40 are allowed where 20 files share the free ones."""
    files = [
        jpeg_of_scans(64),
        *[SIXTEEN] * 16,
        lengthened(FILES["JPEG"], 16 * 50 * 37 + 2**22),
        png_that_says(9, 9, *[EMPTY] * 857),
        png_that_says(64, 64, chunk(b"IDAT", bytes(10 * 64 * 64 + 2**12 - 8))),
    ]
    assert checked(tf.constant(files)).numpy().tolist() == files


def bytewise(file):
    """The same PNG with each byte of its pixels in a chunk of its own, as in PngSuite's oi9n2c16."""
    at = file.index(b"IDAT") - 4
    length = int.from_bytes(file[at : at + 4], "big")
    chunks = [chunk(b"IDAT", file[i : i + 1]) for i in range(at + 8, at + 8 + length)]
    return file[:at] + b"".join(chunks) + file[at + 12 + length :]


def animation():
    """An APNG whose frames change a single pixel."""
    frames = [PIXELS[..., :3].copy() for _ in range(273)]
    for i, frame in enumerate(frames):
        frame[divmod(i, 21)] ^= 255
    first, *others = map(Image.fromarray, frames)
    return saved(first, format="PNG", save_all=True, append_images=others)


@pytest.mark.parametrize("make", [lambda: bytewise(FILES["16 bits of colour"]), animation], ids=["bytewise", "APNG"])
def test_files_of_many_small_chunks_pass(checked, make):
    file = make()
    assert checked(tf.constant([file])).numpy().tolist() == [file]
    np.testing.assert_array_equal(pictures.decode(tf.constant(file), 3), images.decode(file, "a.png"))


SIDES = r"image_bytes: expected sides of 8 to 4096 pixels, got \(height, width\)"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([png_that_says(100_000, 100_000)], SIDES + r"\] \[\[100000 100000\]\]"),
        ([png_that_says(2**32 - 1, 2**32 - 1)], SIDES),
        ([png_that_says(0, 0)], SIDES),
        ([jpeg_that_says(65_500, 65_500)], SIDES + r"\] \[\[65500 65500\]\]"),
        ([FILES["RGB"], png_that_says(7, 8)], SIDES + r"\] \[\[13 21\]\[8 7\]\]"),
        (
            [png_that_says(4096, 1025)],
            r"image_bytes: expected at most 4194304 pixels per image, headers say.*\[4198400\]",
        ),
        (
            [png_that_says(2048, 2048)] * 5,
            r"image_bytes: expected at most 16777216 pixels in all, headers say.*20971520",
        ),
        ([FILES["RGB"], saved(Image.new("RGB", (9, 9)), format="GIF")], r"expected PNG or JPEG files.*\[1 0\]"),
        ([b""], "expected PNG or JPEG files"),
        ([b"\x89PNG"], "expected PNG or JPEG files"),
        ([png_that_says(9, 9)[:23]], "expected PNG files with a complete header"),
        ([png_that_says(9, 9).replace(b"IHDR", b"IDAT")], "expected PNG files with a complete header"),
        ([FILES["JPEG"][:20]], "JPEG"),
        ([jpeg_of_scans(65)], r"image_bytes: expected at most 64 scans in a JPEG file, counted up to 65, got\] \[65\]"),
        ([FILES["RGB"], jpeg_of_scans(10_000)], r"expected at most 64 scans .* \[0 65\]"),
        (
            [png_that_says(64, 64, *[PLAIN] * 500)],
            r"expected at most 16 compressed texts and profiles in a PNG file.* \[500\]",
        ),
        ([png_that_says(64, 64, *[PLAIN, TRANSLATED, COLOURS] * 5, PLAIN, COLOURS)], r"16 compressed texts .* \[17\]"),
        (
            [SIXTEEN] * 16 + [png_that_says(64, 64, PLAIN)],
            r"expected at most 256 compressed texts and profiles in all.*\[257\]",
        ),
        (
            [lengthened(FILES["JPEG"], 16 * 50 * 37 + 2**22 + 1)],
            r"image_bytes: expected at most 16 bytes per pixel and 4194304 more, got\] \[4223905\]",
        ),
        (
            [png_that_says(9, 9, *[EMPTY] * 2147)],
            r"expected at most 2048 chunks in a PNG file \(128 to 2048 among more than 8 files\) and one more "
            r"every 256 bytes, counted up to one too many, got\] \[2149\]",
        ),
        ([png_that_says(9, 9, *[EMPTY] * 100_000)], r"expected at most 2048 chunks in a PNG file"),
        ([png_that_says(9, 9, *[EMPTY] * 200)] * 128, r"expected at most 2048 chunks .* got\] \[138"),
        (
            [png_that_says(64, 64, *[chunk(b"IDAT", bytes(22525))] * 2)],
            r"expected at most 10 bytes of PNG data per pixel and 4096 more, got\] \[45058\]",
        ),
        ([], "image_bytes: expected 1 to 1024 rows, got"),
        ([FILES["RGB"]] * 1025, r"image_bytes: expected 1 to 1024 rows, got\] \[1025\]"),
    ],
)
def test_wrong_files_are_refused_before_they_are_decoded(checked, files, message):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        checked(tf.constant(files, tf.string))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
