"""Conversion between uint8 images and the networks' floats in [-1, 1]; reading and writing of image files.

Outside the networks an image is uint8 `[H, W, C]` with C = 1 (grey) or 3 (RGB).
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin

from ganzoo.core.files import write_bytes
from ganzoo.errors import DataError, UsageError

if TYPE_CHECKING:
    import tensorflow as tf

# Larger images are refused by their header; decoded they would take over 500 MB. Same limit as Pillow's own.
MAX_PIXELS = 178_956_970

# An explicit list: some formats that Pillow knows (EPS) start other programs.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA", "JPEG2000", "AVIF", "ICO", "PCX", "SGI", "QOI")


def to_float(images: Any) -> tf.Tensor:
    """Convert pixels to the networks' range: `x / 127.5 - 1`.

    Args:
      images: uint8, any shape (array or tensor).

    Returns:
      float32 tensor of the same shape, in [-1, 1].

    Raises:
      UsageError: if the images are not uint8.
    """
    import tensorflow as tf

    images = tf.convert_to_tensor(images)
    if images.dtype != tf.uint8:
        raise UsageError(f"to_float: expected uint8 pixels, got {images.dtype.name} (floats need no conversion)")
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def to_uint8(images: Any) -> tf.Tensor:
    """Convert the networks' output to pixels: `round((x + 1) * 127.5)`, the exact inverse of `to_float`.

    Args:
      images: any float dtype and shape, in [-1, 1]. Values outside are clipped; NaN becomes 0 (black).

    Returns:
      uint8 tensor of the same shape.

    Raises:
      UsageError: if the images are not floats.
    """
    import tensorflow as tf

    images = tf.convert_to_tensor(images)
    if not images.dtype.is_floating:
        raise UsageError(f"to_uint8: expected floats in [-1, 1], got {images.dtype.name} (pixels need no conversion)")
    levels = tf.round((tf.cast(images, tf.float32) + 1.0) * 127.5)
    levels = tf.where(tf.math.is_nan(levels), 0.0, levels)
    return tf.cast(tf.clip_by_value(levels, 0.0, 255.0), tf.uint8)


def levels(arrays: Sequence[np.ndarray], names: Sequence[str]) -> list[np.ndarray]:
    """Convert users' arrays to uint8 pixels: uint8 is kept, floats are scaled by their range.

    All arrays share one range: [-1, 1] if any float is negative, otherwise [0, 1].

    Args:
      arrays: uint8 or floats, any shapes.
      names: names of the arrays, for messages.

    Returns:
      uint8 arrays of the same shapes; floats are rounded to the nearest level, as by `to_uint8`.

    Raises:
      UsageError: if the dtype is another one, or values are out of range; the message has the range found.
    """
    signed = False
    for array, name in zip(arrays, names, strict=True):
        if array.dtype == np.uint8 or not array.size:
            continue
        if not np.issubdtype(array.dtype, np.floating):
            raise UsageError(
                f"{name}: expected uint8 or floats, got {array.dtype} {list(array.shape)} (convert levels of 0 to 255 "
                "with x.astype(np.uint8))"
            )
        least, most = float(array.min()), float(array.max())
        if not (least >= -1.0 and most <= 1.0):  # NaN fails too
            mend = " (divide them by 255, or convert them to uint8)" if least >= 0.0 and most <= 255.0 else ""
            raise UsageError(
                f"{name}: expected floats in [0, 1] or [-1, 1], got values from {least:g} to {most:g}{mend}"
            )
        signed = signed or least < 0.0
    return [array if array.dtype == np.uint8 else _rounded(array, signed) for array in arrays]


def read(path: str | os.PathLike[str], size: int | None = None, channels: int = 3) -> np.ndarray:
    """Read an image file of any common format and mode; see `decode`.

    Args:
      path: the file.
      size: side of the square result (see `fit`); None keeps the file's size.
      channels: 1 or 3.

    Returns:
      uint8 `[H, W, channels]`.

    Raises:
      DataError: if the file is missing, unreadable, broken or not an image; one line that names it.
      UsageError: if the size or the number of channels is invalid.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): check the path and its permissions") from error
    return decode(data, str(path), size, channels)


def decode(data: bytes, name: str, size: int | None = None, channels: int = 3) -> np.ndarray:
    """Decode the bytes of an image file.

    - The EXIF orientation is applied. Of an animation the first frame is used.
    - Transparent pixels are composited on white: black would hide the dark drawings that such files mostly hold.
    - 16-bit grey keeps its upper byte (`x >> 8`). 32-bit integers are read as 16-bit values, which they nearly always
      are, and floats as [0, 1]; values out of range are an error.
    - Grey is ITU-R 601 luma, as in Pillow's "L". CMYK is converted without a colour profile.

    Args:
      data: content of the file.
      name: name of the image in messages.
      size: side of the square result (see `fit`); None keeps the file's size.
      channels: 1 or 3.

    Returns:
      uint8 `[H, W, channels]`.

    Raises:
      DataError: if it is broken, truncated, not an image, or exceeds `MAX_PIXELS` pixels; one line that names it.
      UsageError: if the size or the number of channels is invalid.
    """
    _check_target(size, channels)
    too_large = DataError(f"{name}: expected at most {MAX_PIXELS:,} pixels, got more: shrink or remove it")
    try:
        with quiet_about_size(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise too_large
            pixels = from_pillow(image, name, channels)
    except Image.DecompressionBombError as error:
        raise too_large from error
    except Image.UnidentifiedImageError as error:
        what = "not an image in a known format" if data else "an empty file"
        raise DataError(f"{name}: {what}: replace or remove it") from error
    except DataError:
        raise
    except Exception as error:  # Pillow raises nearly any type on broken files, from IndexError to struct.error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{name}: broken image ({reason}): replace or remove it") from error
    return pixels if size is None else fit(pixels, size, channels)


def from_pillow(image: Image.Image, name: str, channels: int) -> np.ndarray:
    """Convert a Pillow image of any mode by the rules of `decode`; the image itself is not modified.

    Args:
      image: the image; its EXIF orientation is applied.
      name: name of the image in messages.
      channels: 1 or 3.

    Returns:
      uint8 `[H, W, channels]`.

    Raises:
      DataError: if 32-bit values are out of range.
    """
    image.load()
    return _to_array(ImageOps.exif_transpose(image), name, channels)


def shrink(image: np.ndarray, longest: int) -> np.ndarray:
    """Shrink an image to `longest` pixels on its longer side; keep the aspect ratio and use the filter of `fit`.

    Args:
      image: uint8 `[H, W, C]`, C = 1 or 3.
      longest: longer side of the result in pixels, >= 1. An image that is not larger is returned unchanged.

    Returns:
      uint8 `[h, w, C]`, with the size from `shrunk_size`.

    Raises:
      UsageError: if the image is not as above, or `longest` is below 1.
    """
    picture = _to_pillow(image)
    height, width = shrunk_size(picture.height, picture.width, longest)
    if (height, width) == (picture.height, picture.width):
        return image
    return _with_channels(picture.resize((width, height), Image.Resampling.BICUBIC))


def letterbox(image: np.ndarray, side: int, level: int = 128) -> np.ndarray:
    """Resize an image to fit a square with its aspect ratio kept, centred between bars.

    Args:
      image: uint8 `[H, W, C]`, C = 1 or 3.
      side: side of the square in pixels, >= 1.
      level: level of the bars; mid-grey contrasts with black and white.

    Returns:
      uint8 `[side, side, C]`.

    Raises:
      UsageError: if the image is not as above, or `side` is below 1.
    """
    picture = _to_pillow(image)
    _check_target(side, 3)
    longer = max(picture.size)
    width, height = (max(1, round(length * side / longer)) for length in picture.size)
    if (width, height) != picture.size:
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    page = np.full((side, side, image.shape[2]), level, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    page[top : top + height, left : left + width] = _with_channels(picture)
    return page


def shrunk_size(height: int, width: int, longest: int) -> tuple[int, int]:
    """Return height and width after `shrink`; the shorter side is rounded, and at least 1 pixel.

    Raises:
      UsageError: if `longest` is below 1.
    """
    if longest < 1:
        raise UsageError(f"longest: expected at least 1 pixel, got {longest!r}")
    longer = max(height, width)
    if longer <= longest:
        return height, width
    return max(1, round(height * longest / longer)), max(1, round(width * longest / longer))


def fit(image: np.ndarray, size: int, channels: int) -> np.ndarray:
    """Crop the central square and resize it with Pillow's antialiased bicubic filter.

    This filter does not distort FID by aliasing (Parmar et al. 2022, arXiv:2104.11222).

    Args:
      image: uint8 `[H, W, C]`, C = 1 or 3.
      size: side of the result in pixels, >= 1.
      channels: 1 or 3; colour becomes ITU-R 601 luma, grey is repeated.

    Returns:
      uint8 `[size, size, channels]`.

    Raises:
      UsageError: if the image is not as above, or the size or the number of channels is invalid.
    """
    _check_target(size, channels)
    picture = _to_pillow(image)
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    picture = picture.convert("L" if channels == 1 else "RGB")
    if side == size:
        picture = picture.crop((left, top, left + side, top + side))
    else:
        picture = picture.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    return _with_channels(picture)


def encode_png(image: np.ndarray, metadata: dict[str, str] | None = None) -> bytes:
    """Encode a PNG; equal images and metadata give equal bytes.

    Args:
      image: uint8 `[H, W, C]`, C = 1 or 3.
      metadata: texts to store by keyword (tEXt chunks, or iTXt if Latin-1 does not suffice). Keywords have 1 to 79
        Latin-1 characters, as PNG requires.

    Raises:
      UsageError: if the image is not as above, or a keyword is invalid.
    """
    texts = PngImagePlugin.PngInfo()
    for key, value in (metadata or {}).items():
        if not 1 <= len(key) <= 79 or not key.isprintable() or any(ord(character) > 255 for character in key):
            raise UsageError(f"PNG metadata: expected keywords of 1 to 79 printable Latin-1 characters, got {key!r}")
        texts.add_text(key, value)
    buffer = io.BytesIO()
    _to_pillow(image).save(buffer, "PNG", pnginfo=texts)
    return buffer.getvalue()


def write_png(path: str | os.PathLike[str], image: np.ndarray, metadata: dict[str, str] | None = None) -> None:
    """Write a PNG file atomically and create its folder. See `encode_png` and `files.write_bytes`."""
    write_bytes(path, encode_png(image, metadata))


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read the texts that `write_png` stored in a PNG file, by keyword; empty if there are none.

    Raises:
      DataError: if the file is missing, broken, or not a PNG.
    """
    try:
        with Image.open(path, formats=("PNG",)) as image:
            assert isinstance(image, PngImagePlugin.PngImageFile)
            return {str(key): str(value) for key, value in image.text.items()}
    except Image.UnidentifiedImageError as error:
        raise DataError(f"{path}: expected a PNG file, got another format") from error
    except Exception as error:  # see `decode`
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(f"{path}: metadata cannot be read ({reason}): check the file") from error


@contextlib.contextmanager
def quiet_about_size() -> Iterator[None]:
    """Silence Pillow's warning about images above half of `MAX_PIXELS`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _rounded(floats: np.ndarray, signed: bool) -> np.ndarray:
    """Convert floats in [-1, 1] (if signed, otherwise [0, 1]) to uint8."""
    values = floats.astype(np.float32)
    values = (values + np.float32(1.0)) * np.float32(127.5) if signed else values * np.float32(255.0)
    return np.rint(values, out=values).astype(np.uint8)


def _check_target(size: int | None, channels: int) -> None:
    if channels not in (1, 3):
        raise UsageError(f"channels: expected 1 (grey) or 3 (RGB), got {channels!r}")
    if size is not None and size < 1:
        raise UsageError(f"size: expected at least 1 pixel, got {size!r}")


def _to_array(image: Image.Image, name: str, channels: int) -> np.ndarray:
    """Convert any Pillow mode to uint8 `[H, W, channels]`; see the rules in `decode`."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _deep_grey(image, name)
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return _with_channels(image.convert("L" if channels == 1 else "RGB"))


def _deep_grey(image: Image.Image, name: str) -> Image.Image:
    """Convert modes I;16 (any byte order), I and F to mode L."""
    values = np.asarray(image)
    top, kind = (1, "float") if image.mode == "F" else (65535, "integer")
    if not (values.min() >= 0 and values.max() <= top):  # NaN fails too
        found = f"{values.min():g} to {values.max():g}"
        raise DataError(f"{name}: expected {kind} grey values of 0 to {top}, got {found}: convert it to 8 or 16 bits")
    levels = np.round(values * 255.0) if image.mode == "F" else values.astype(np.uint16) >> 8
    if isinstance(transparent := image.info.get("transparency"), int):
        levels = np.where(values == transparent, 255, levels)
    return Image.fromarray(levels.astype(np.uint8))


def _to_pillow(image: np.ndarray) -> Image.Image:
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3) or 0 in image.shape:
        found = f"{image.dtype} {list(image.shape)}"
        raise UsageError(
            f"image: expected uint8 [height, width, 1 or 3], got {found} (see ganzoo.core.images.to_uint8)"
        )
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)


def _with_channels(image: Image.Image) -> np.ndarray:
    """Convert mode L or RGB to uint8 `[H, W, C]`, writable and contiguous."""
    pixels = np.array(image)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
