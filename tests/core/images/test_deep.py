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


def test_dark_colour_of_sixteen_bits_is_refused():
    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" + b"\x0f\xff" * 3)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n"
    for name, content in chunks:
        data += struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    with pytest.raises(DataError, match=r"^a\.png: expected 16-bit samples of 0 to 65535, got none above 4095"):
        images.decode(data, "a.png")
