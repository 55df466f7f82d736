"""The one edge between uint8 pictures and the floats in [-1, 1] of the networks; reading and writing files.

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

# A larger image is refused from its header: decoded it would take over 500 MB. Pillow's own limit is the same.
MAX_PIXELS = 178_956_970

# A list and not "all that Pillow knows": some of its formats (EPS) start other programs.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "TGA", "JPEG2000", "AVIF", "ICO", "PCX", "SGI", "QOI")


def to_float(images: Any) -> tf.Tensor:
    """Turns pixels into what the networks see: `x / 127.5 - 1`.

    Args:
      images: uint8, any shape (array or tensor).

    Returns:
      float32 tensor of the same shape, in [-1, 1].

    Raises:
      UsageError: the images are not uint8.
    """
    import tensorflow as tf

    images = tf.convert_to_tensor(images)
    if images.dtype != tf.uint8:
        raise UsageError(f"to_float: expected uint8 pixels, got {images.dtype.name}: floats need no conversion")
    return tf.cast(images, tf.float32) / 127.5 - 1.0


def to_uint8(images: Any) -> tf.Tensor:
    """Turns what the networks make into pixels: `round((x + 1) * 127.5)`; the exact inverse of `to_float`.

    Args:
      images: any float dtype and shape, in [-1, 1]. Values beyond are clipped; NaN becomes 0 (black).

    Returns:
      uint8 tensor of the same shape.

    Raises:
      UsageError: the images are not floats.
    """
    import tensorflow as tf

    images = tf.convert_to_tensor(images)
    if not images.dtype.is_floating:
        raise UsageError(f"to_uint8: expected floats in [-1, 1], got {images.dtype.name}: pixels need no conversion")
    levels = tf.round((tf.cast(images, tf.float32) + 1.0) * 127.5)
    levels = tf.where(tf.math.is_nan(levels), 0.0, levels)
    return tf.cast(tf.clip_by_value(levels, 0.0, 255.0), tf.uint8)


def levels(arrays: Sequence[np.ndarray], names: Sequence[str]) -> list[np.ndarray]:
    """Pixels of arrays as people have them: uint8 as they are, floats converted by the range that they have.

    The range is one for all of the arrays: [-1, 1] if any float is below 0, otherwise [0, 1].

    Args:
      arrays: uint8 or floats, any shapes.
      names: of the arrays, for messages.

    Returns:
      uint8 arrays of the same shapes; floats are rounded to the nearest level, as by `to_uint8`.

    Raises:
      UsageError: another type, or values beyond these ranges; the message has the range found.
    """
    signed = False
    for array, name in zip(arrays, names, strict=True):
        if array.dtype == np.uint8 or not array.size:
            continue
        if not np.issubdtype(array.dtype, np.floating):
            raise UsageError(
                f"{name}: expected uint8 or floats, got {array.dtype} {list(array.shape)}: convert levels of 0 to 255 "
                "with x.astype(np.uint8)"
            )
        least, most = float(array.min()), float(array.max())
        if not (least >= -1.0 and most <= 1.0):  # written so that NaN fails too
            mend = " (divide them by 255, or convert them to uint8)" if least >= 0.0 and most <= 255.0 else ""
            raise UsageError(
                f"{name}: expected floats in [0, 1] or [-1, 1], got values from {least:g} to {most:g}{mend}"
            )
        signed = signed or least < 0.0
    return [array if array.dtype == np.uint8 else _rounded(array, signed) for array in arrays]


def read(path: str | os.PathLike[str], size: int | None = None, channels: int = 3) -> np.ndarray:
    """Reads an image file of any common format and mode; see `decode`.

    Args:
      path: the file.
      size: side of the square that is returned (see `fit`); None keeps the size of the file.
      channels: 1 or 3.

    Returns:
      uint8 `[H, W, channels]`.

    Raises:
      DataError: the file is missing, unreadable, broken, or no image; one line that names it.
      UsageError: an impossible size or number of channels.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): check the path and its permissions") from error
    return decode(data, str(path), size, channels)


def decode(data: bytes, name: str, size: int | None = None, channels: int = 3) -> np.ndarray:
    """Decodes an image file's bytes.

    - The EXIF orientation is applied; of an animation the first frame is taken.
    - Transparent pixels are laid on white: black would hide the dark drawings that such files mostly hold.
    - 16-bit grey keeps its upper byte (`x >> 8`); 32-bit integers are read as 16-bit values, which is what they
      nearly always hold, and floats as [0, 1]; values outside those ranges are an error, not a guess.
    - Grey is ITU-R 601 luma, as in Pillow's "L". CMYK is converted without a colour profile.

    Args:
      data: the content of the file.
      name: what to call it in an error.
      size: side of the square that is returned (see `fit`); None keeps the size of the file.
      channels: 1 or 3.

    Returns:
      uint8 `[H, W, channels]`.

    Raises:
      DataError: broken, truncated, no image, or more than `MAX_PIXELS` pixels; one line that names it.
      UsageError: an impossible size or number of channels.
    """
    _check_target(size, channels)
    too_large = DataError(f"{name}: more than {MAX_PIXELS:,} pixels: make it smaller or remove it")
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
    except Exception as error:  # Pillow raises nearly anything on broken files, from IndexError to struct.error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{name}: a broken image ({reason}): replace or remove it") from error
    return pixels if size is None else fit(pixels, size, channels)


def from_pillow(image: Image.Image, name: str, channels: int) -> np.ndarray:
    """Converts a Pillow image of any mode by the rules of `decode`; the image itself stays as it is.

    Args:
      image: the image; its EXIF orientation is applied.
      name: what to call it in an error.
      channels: 1 or 3.

    Returns:
      uint8 `[H, W, channels]`.

    Raises:
      DataError: 32-bit values out of their range.
    """
    image.load()
    return _to_array(ImageOps.exif_transpose(image), name, channels)


def shrink(image: np.ndarray, longest: int) -> np.ndarray:
    """Shrinks an image so that its longer side has `longest` pixels and its aspect stays, with the filter of `fit`.

    Args:
      image: uint8 `[H, W, C]`, C = 1 or 3.
      longest: longer side of the result in pixels, at least 1. An image that is not larger is returned as it is.

    Returns:
      uint8 `[h, w, C]`, of the size that `shrunk_size` gives.

    Raises:
      UsageError: not such an image, or an impossible size.
    """
    picture = _to_pillow(image)
    height, width = shrunk_size(picture.height, picture.width, longest)
    if (height, width) == (picture.height, picture.width):
        return image
    return _with_channels(picture.resize((width, height), Image.Resampling.BICUBIC))


def letterbox(image: np.ndarray, side: int, level: int = 128) -> np.ndarray:
    """Resizes an image to fill a square as far as its aspect allows, centred between bars of one level.

    Args:
      image: uint8 `[H, W, C]`, C = 1 or 3.
      side: side of the square in pixels, at least 1.
      level: level of the bars; mid-grey is seen beside black and white.

    Returns:
      uint8 `[side, side, C]`.

    Raises:
      UsageError: not such an image, or an impossible size.
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
    """Height and width after `shrink`: the shorter side is rounded, and has at least 1 pixel.

    Raises:
      UsageError: `longest` is below 1.
    """
    if longest < 1:
        raise UsageError(f"longest={longest!r}: use at least 1 pixel")
    longer = max(height, width)
    if longer <= longest:
        return height, width
    return max(1, round(height * longest / longer)), max(1, round(width * longest / longer))


def fit(image: np.ndarray, size: int, channels: int) -> np.ndarray:
    """Crops the central square and resizes it, with Pillow's antialiased bicubic filter.

    This is the filter whose FID is not distorted by aliasing (Parmar et al. 2022, arXiv:2104.11222).

    Args:
      image: uint8 `[H, W, C]`, C = 1 or 3.
      size: side of the result in pixels, at least 1.
      channels: 1 or 3; colour becomes ITU-R 601 luma, grey is repeated.

    Returns:
      uint8 `[size, size, channels]`.

    Raises:
      UsageError: not such an image, or an impossible size or number of channels.
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
    """Encodes a PNG, without loss; the same image and metadata give the same bytes.

    Args:
      image: uint8 `[H, W, C]`, C = 1 or 3.
      metadata: texts to store by keyword (tEXt chunks, iTXt where Latin-1 does not suffice). Keywords are 1 to 79
        Latin-1 characters, as PNG demands.

    Raises:
      UsageError: not such an image, or an impossible keyword.
    """
    texts = PngImagePlugin.PngInfo()
    for key, value in (metadata or {}).items():
        if not 1 <= len(key) <= 79 or not key.isprintable() or any(ord(character) > 255 for character in key):
            raise UsageError(f"PNG metadata: keyword {key!r}: use 1 to 79 printable Latin-1 characters")
        texts.add_text(key, value)
    buffer = io.BytesIO()
    _to_pillow(image).save(buffer, "PNG", pnginfo=texts)
    return buffer.getvalue()


def write_png(path: str | os.PathLike[str], image: np.ndarray, metadata: dict[str, str] | None = None) -> None:
    """Writes a PNG file, whole or not at all; makes its folder. See `encode_png` and `files.write_bytes`."""
    write_bytes(path, encode_png(image, metadata))


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Reads the texts that `write_png` stored in a PNG file, by keyword; empty where there are none.

    Raises:
      DataError: the file is missing, broken, or no PNG.
    """
    try:
        with Image.open(path, formats=("PNG",)) as image:
            assert isinstance(image, PngImagePlugin.PngImageFile)
            return {str(key): str(value) for key, value in image.text.items()}
    except Image.UnidentifiedImageError as error:
        raise DataError(f"{path}: not a PNG file: metadata can be read from PNG files only") from error
    except Exception as error:  # as in decode: a broken file raises nearly anything
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise DataError(f"{path}: its metadata cannot be read ({reason}): check the file") from error


@contextlib.contextmanager
def quiet_about_size() -> Iterator[None]:
    """Pillow warns of images of half of `MAX_PIXELS` already."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _rounded(floats: np.ndarray, signed: bool) -> np.ndarray:
    """Floats in [-1, 1] if signed, otherwise in [0, 1], as uint8."""
    values = floats.astype(np.float32)
    values = (values + np.float32(1.0)) * np.float32(127.5) if signed else values * np.float32(255.0)
    return np.rint(values, out=values).astype(np.uint8)


def _check_target(size: int | None, channels: int) -> None:
    if channels not in (1, 3):
        raise UsageError(f"channels={channels!r}: use 1 (grey) or 3 (RGB)")
    if size is not None and size < 1:
        raise UsageError(f"size={size!r}: use at least 1 pixel")


def _to_array(image: Image.Image, name: str, channels: int) -> np.ndarray:
    """Any Pillow mode -> uint8 `[H, W, channels]`; the rules are in `decode`."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _deep_grey(image, name)
    elif image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return _with_channels(image.convert("L" if channels == 1 else "RGB"))


def _deep_grey(image: Image.Image, name: str) -> Image.Image:
    """Modes I;16 (and its byte orders), I and F -> mode L."""
    values = np.asarray(image)
    top, kind = (1, "float") if image.mode == "F" else (65535, "integer")
    if not (values.min() >= 0 and values.max() <= top):  # written so that NaN fails too
        found = f"{values.min():g} to {values.max():g}"
        raise DataError(f"{name}: {kind} grey values of {found}, expected 0 to {top}: convert it to 8 or 16 bits")
    levels = np.round(values * 255.0) if image.mode == "F" else values.astype(np.uint16) >> 8
    if isinstance(transparent := image.info.get("transparency"), int):
        levels = np.where(values == transparent, 255, levels)
    return Image.fromarray(levels.astype(np.uint8))


def _to_pillow(image: np.ndarray) -> Image.Image:
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3) or 0 in image.shape:
        found = f"{image.dtype} {list(image.shape)}"
        raise UsageError(
            f"an image must be uint8 [height, width, 1 or 3], got {found}: see ganzoo.core.images.to_uint8"
        )
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)


def _with_channels(image: Image.Image) -> np.ndarray:
    """Mode L or RGB -> uint8 `[H, W, C]`, writable and contiguous."""
    pixels = np.array(image)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
