"""Sizes of images: crops, shrinking, bars."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ganzoo.errors import UsageError


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
    check_target(size, channels)
    picture = to_pillow(image)
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    mode = "L" if channels == 1 else "RGB"
    if picture.mode != mode:  # `convert` to the same mode would copy it
        picture = picture.convert(mode)
    if side == size:
        picture = picture.crop((left, top, left + side, top + side))
    else:
        picture = picture.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    return with_channels(picture)


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
    picture = to_pillow(image)
    height, width = shrunk_size(picture.height, picture.width, longest)
    if (height, width) == (picture.height, picture.width):
        return image
    return with_channels(picture.resize((width, height), Image.Resampling.BICUBIC))


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
    picture = to_pillow(image)
    check_target(side, 3)
    longer = max(picture.size)
    width, height = (max(1, round(length * side / longer)) for length in picture.size)
    if (width, height) != picture.size:
        picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    page = np.full((side, side, image.shape[2]), level, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    page[top : top + height, left : left + width] = with_channels(picture)
    return page


def check_target(size: int | None, channels: int) -> None:
    """Refuse an impossible size or number of channels.

    Raises:
      UsageError: if the size is below 1, or the channels are not 1 or 3.
    """
    if channels not in (1, 3):
        raise UsageError(f"channels: expected 1 (grey) or 3 (RGB), got {channels!r}")
    if size is not None and size < 1:
        raise UsageError(f"size: expected at least 1 pixel, got {size!r}")


def to_pillow(image: np.ndarray) -> Image.Image:
    """Convert uint8 `[H, W, 1 or 3]` to a Pillow image.

    Raises:
      UsageError: if the image is not as above.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (1, 3) or 0 in image.shape:
        found = f"{image.dtype} {list(image.shape)}"
        raise UsageError(
            f"image: expected uint8 [height, width, 1 or 3], got {found} (see ganzoo.core.images.to_uint8)"
        )
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)


def with_channels(image: Image.Image) -> np.ndarray:
    """Convert mode L or RGB to uint8 `[H, W, C]`, writable and contiguous."""
    pixels = np.array(image)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
