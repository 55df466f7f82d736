"""Odd inputs from the world, each in a folder of its own: python tests/cases/inputs.py DIR."""

import json
import struct
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms


def photo(height, width):
    """A smooth picture in colour, uint8 `[height, width, 3]`."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 / width, y * 255 / height, 128 + 60 * np.sin(x / 5) * np.cos(y / 7)], -1).astype("uint8")


def odd_modes(at):
    profiles = [ImageCms.createProfile(space) for space in ("sRGB", "LAB")]
    to_lab = ImageCms.buildTransform(*profiles, "RGB", "LAB")
    picture = Image.fromarray(photo(32, 32))
    ImageCms.applyTransform(picture, to_lab).save(at / "lab.tif")
    picture.convert("YCbCr").save(at / "ycbcr.jpg")
    Image.fromarray(np.random.default_rng(0).random((32, 32)).astype("float32")).save(at / "float.tif")
    picture.convert("1").save(at / "one_bit.png")
    picture.save(at / "plain.png")
    picture.convert("L").save(at / "grey.png")


def orientation(at):
    Image.fromarray(photo(30, 40)).save(at / "a.tif")
    turned = Image.Exif()
    turned[274] = 6
    Image.fromarray(photo(40, 30)).save(at / "b.tif", exif=turned)


def suffixes(at):
    formats = {"png": "PNG", "webp": "WEBP"}
    for number, suffix in enumerate(("jpg", "jfif", "jpe", "JPEG", "png", "webp")):
        picture = Image.fromarray(photo(32, 32) // (number + 1))
        picture.save(at / f"{number}.{suffix}", format=formats.get(suffix, "JPEG"))


def sixteen_bit(at):
    noise = np.random.default_rng(0).random((32, 32))
    Image.fromarray((noise * 4095).astype("uint16")).save(at / "twelve_bit.png")
    Image.fromarray((np.mgrid[:32, :32][1] * 60).astype("uint16")).save(at / "low.tif")


def numbered(at):
    for label in range(12):
        (at / str(label)).mkdir()
        for number in range(4):
            Image.fromarray(np.full((28, 28), 10 + 20 * label, "uint8")).save(at / str(label) / f"{number}.png")


def one_grey(at):
    for number in range(6):
        Image.fromarray(photo(40, 40) // (number + 1)).save(at / f"{number}.jpg")
    Image.fromarray(photo(40, 40)).convert("L").save(at / "grey.jpg")


def yaml(at):
    aliases = "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
    (at / "aliases.txt").write_text("a0: &a0 [1,1,1,1,1,1,1,1,1]\n" + aliases)
    (at / "digits.txt").write_text("1" * 40000 + "e")
    (at / "sixty.txt").write_text(":".join(["59"] * 20000))


def log(at):
    lines = [b'{"step": 1, "generator_loss": 1.0}', b"[1]", b"null", b'{"generator_loss": 2}', b"\xff\xfe"]
    (at / "log.jsonl").write_bytes(b"\n".join([*lines, b'{"step": 2, "generator_loss": 1.0}', b""]))


def safetensors(path, arrays, dtype):
    """A file by hand, as its writer refuses what is tried here."""
    head, at, body = {}, 0, b""
    for name, array in arrays.items():
        head[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
        body += array.tobytes()
    written = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(written)) + written + body)


FOLDERS = [odd_modes, orientation, suffixes, sixteen_bit, numbered, one_grey, yaml, log]


def write(out):
    """Write all of them."""
    for make in FOLDERS:
        at = Path(out) / make.__name__
        at.mkdir(parents=True)
        make(at)


if __name__ == "__main__":
    write(sys.argv[1])
