"""Grey of 16 bits and floats: which range is white."""

import struct
import zlib

import numpy as np
import pytest
from drawn_images import encoded
from PIL import Image

from ganzoo.core import images
from ganzoo.errors import DataError


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


def sixteen_bit_png(*pixels: tuple[int, ...]) -> bytes:
    """One row of pixels of 2 (grey and alpha), 3 or 4 samples."""
    width, channels = len(pixels), len(pixels[0])
    header = struct.pack(">IIBBBBB", width, 1, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    row = struct.pack(f">{width * channels}H", *(sample for pixel in pixels for sample in pixel))
    data = b"\x89PNG\r\n\x1a\n"
    for name, content in [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b"")]:
        data += struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    return data


SGI = struct.pack(">HBBHHHH", 474, 0, 2, 3, 2, 1, 3) + bytes(500) + struct.pack(">6H", *[0x0FFF] * 6)


@pytest.mark.parametrize(
    "data",
    [
        sixteen_bit_png((0x0FFF,) * 3),
        sixteen_bit_png((0x0FFF,) * 4),
        sixteen_bit_png((0x0FFF, 0xFFFF), (0xFFFF, 0)),  # one transparent pixel, which is white on white
        sixteen_bit_png((0, 0x0FFF, 0x100, 0xFFFF), (0, 0, 0, 0)),
        b"P6 2 1 65535\n" + b"\x0f\xff" * 6,
        SGI,
    ],
    ids=["RGB", "RGBA", "LA, clear", "RGBA, clear", "PPM", "SGI"],
)
def test_dark_colour_of_sixteen_bits_is_refused(data):
    with pytest.raises(
        DataError, match=r"^a\.png: expected 16-bit samples of 0 to 65535, got none that is visible above 4095"
    ):
        images.decode(data, "a.png")


def test_a_black_drawing_of_sixteen_bits_is_read():
    data = sixteen_bit_png((0, 0xFFFF), (0, 0), (0, 0x8000))
    assert images.decode(data, "a.png", channels=1)[0, :, 0].tolist() == [0, 255, 127]
    data = sixteen_bit_png((0, 0, 0x1000, 0xFFFF), (0, 0, 0, 0))  # dark blue is above 12 bits
    assert images.decode(data, "a.png")[0].tolist() == [[0, 0, 16], [255, 255, 255]]


def as_pgm(values, white=65535) -> bytes:
    return f"P5 # a comment\n{len(values)} 1 {white}\n".encode() + np.array(values, ">u2").tobytes()


def as_jpeg_2000(values) -> bytes:
    return encoded(Image.fromarray(np.array([values], np.uint16)), "JPEG2000", irreversible=False)


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.fromarray(np.array([[0, 16, 2048, 4095]], np.uint16)), "TIFF", tiffinfo={281: 65535}),
        as_pgm([0, 16, 2048, 4095]),
        as_jpeg_2000([0, 16, 2048, 4095]),
    ],
    ids=["TIFF", "PGM", "JPEG 2000"],
)
def test_a_declared_white_of_all_sixteen_bits_says_nothing(data, caplog):
    assert images.decode(data, "a", channels=1)[0, :, 0].tolist() == [0, 1, 128, 255]
    assert "values end at 4095, without a declared range: 4095 is taken for white" in caplog.text


def test_fewer_declared_bits_are_kept(caplog):
    assert images.decode(as_pgm([0, 100, 1023], 4095), "a.pgm", channels=1)[0, :, 0].tolist() == [0, 6, 63]
    assert not caplog.messages


def test_the_value_of_transparent_pixels_is_no_grey(tmp_path):
    stored = Image.fromarray(np.array([[0, 2048, 4095, 65535]], np.uint16))
    data = encoded(stored, transparency=65535)
    assert images.decode(data, "a.png", channels=1)[0, :, 0].tolist() == [0, 128, 255, 255]
    (tmp_path / "a.png").write_bytes(data)
    assert images.SharedRange("set", [tmp_path / "a.png"])() == 4095


def test_a_set_of_several_ranges_is_warned_of(tmp_path, caplog):
    for name, most in (("a", 4095), ("b", 3000), ("c", 65535), ("black", 0)):
        Image.fromarray(np.array([[0, most]], np.uint16)).save(tmp_path / f"{name}.png")
    assert images.SharedRange("set", sorted(tmp_path.iterdir()))() == 65535
    assert caplog.messages == [
        "set: 16-bit grey without a declared range: 2 of 3 images have no value above 4095, but others have 65535, so "
        "they become nearly black (convert them to 8 bits)"
    ]


def test_a_declared_white_below_the_values_counts_as_none(tmp_path):
    stored = Image.fromarray(np.array([[0, 4000]], np.uint16))
    stored.save(tmp_path / "a.tif", tiffinfo={281: 255})
    assert images.SharedRange("set", [tmp_path / "a.tif", stored, Image.new("L", (1, 1))])() == 4095


@pytest.mark.parametrize("suffix", ["ppm", "jp2", "png", "sgi", "tif"])
def test_images_that_pillow_has_opened(suffix, tmp_path):
    """The bytes of the file are not at hand then."""
    levels = np.random.default_rng(0).integers(0, 256, (16, 12, 3), dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(levels).save(path, **({"irreversible": False} if suffix == "jp2" else {}))
    with Image.open(path) as opened:
        np.testing.assert_array_equal(images.from_pillow(opened, "a", 3), levels)
