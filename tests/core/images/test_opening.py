"""Formats, headers and memory, before any pixel is decoded."""

import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from drawn_images import encoded
from PIL import Image

from ganzoo.core import images
from ganzoo.core.images import opening
from ganzoo.errors import DataError


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


def test_an_icon_is_not_taken_for_tga():
    icon = Image.new("RGBA", (16, 16), "red")
    assert images.decode(encoded(icon, "ICO"), "a.ico")[0, 0].tolist() == [255, 0, 0]
    tga = encoded(Image.new("RGB", (16, 16), "red"), "TGA")
    with pytest.raises(DataError, match="not an image in a known format"):
        images.decode(tga, "a.ico")


@pytest.mark.parametrize("kind", ["PNG", "DIB"])
def test_an_icon_is_refused_from_the_header_in_it(kind):
    inner = encoded(Image.new("1", (16, 16)), kind)
    if kind == "PNG":
        header = b"IHDR" + struct.pack(">II", 13_000, 13_000) + inner[24:29]
        inner = inner[:12] + header + struct.pack(">I", zlib.crc32(header)) + inner[33:]
    else:
        inner = inner[:4] + struct.pack("<II", 13_000, 13_000) + inner[12:]
    icon = struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(inner), 22) + inner
    with pytest.raises(DataError, match=r"^a\.ico: expected an image that decodes in 1024 MiB, got one"):
        images.decode(icon, "a.ico")
    with pytest.raises(DataError, match=r"^a\.ico: broken image"):
        images.decode(icon[:20], "a.ico")


def test_an_icon_takes_its_memory_once(monkeypatch):
    data = encoded(Image.new("RGBA", (16, 16), "red"), "ICO")
    monkeypatch.setattr(opening, "MOST_BYTES", 16 * 16 * 12)
    monkeypatch.setattr(opening.MEMORY, "free", 16 * 16 * 12)
    assert images.decode(data, "a.ico").shape == (16, 16, 3)
