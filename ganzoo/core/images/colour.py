"""Conversion of Pillow images of any mode to uint8 grey or sRGB."""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from ganzoo.core.images import deep
from ganzoo.core.images.shapes import with_channels

STRIP = 2**20  # pixels converted at a time, which bounds the memory of intermediate copies
SAME = 2  # levels: a profile that changes no colour by more is sRGB, up to rounding
GREY = ("1", "L", "LA", "La")


def is_grey(image: Image.Image) -> bool:
    """Return whether the image has no colour, by its mode."""
    return image.mode in GREY or deep.is_deep(image)


def to_array(image: Image.Image, channels: int, deep_range: Callable[[], int]) -> np.ndarray:
    """Convert an image of any mode to uint8 `[H, W, channels]` by the rules of `decode`.

    Args:
      image: the image, upright.
      channels: 1 or 3.
      deep_range: returns the value that is white in 16-bit grey; called for such images only.

    Raises:
      ValueError: if deep grey values are out of range, or Pillow cannot convert the mode.
    """
    profile = image.info.get("icc_profile")
    if deep.is_deep(image):
        image = deep.to_levels(image, deep_range)
    pixels = np.empty((image.height, image.width, channels), np.uint8)
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(top + rows, image.height)))
        upright = _in_srgb(strip, profile)
        pixels[top : top + rows] = with_channels(upright.convert("L" if channels == 1 else "RGB"))
    return pixels


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return grey or RGB on white, in sRGB."""
    given, transform = _to_srgb(profile) if profile else ("", None)
    fits = (given == "RGB" and image.mode != "CMYK") or (given == "CMYK" == image.mode)
    fits = fits or (given == "L" and image.mode in GREY)
    clear = image.has_transparency_data
    if not clear and not (fits and transform):
        return image if image.mode in GREY else image.convert("RGB")
    colour = image if image.mode == "CMYK" else image.convert("RGBA" if clear else "RGB")
    alpha = colour.getchannel("A") if clear else None
    if fits and transform:
        colour = transform.apply(colour if colour.mode == given else colour.convert("RGB").convert(given))
    if alpha is None:
        return colour
    colour.putalpha(alpha)
    return Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour)


@functools.lru_cache(maxsize=64)
def _to_srgb(profile: bytes) -> tuple[str, Any]:
    """Return the mode that an ICC profile describes, and its transform to sRGB; None if invalid, or sRGB itself."""
    with contextlib.suppress(ImageCms.PyCMSError, OSError):
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        given = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}.get(opened.profile.xcolor_space.strip(), "")
        if given:
            transform = ImageCms.buildTransform(opened, ImageCms.createProfile("sRGB"), given, "RGB")
            probe = _probe(given)
            changed = np.asarray(transform.apply(probe)).astype(int) - np.asarray(probe.convert("RGB"))
            return given, transform if np.abs(changed).max() > SAME else None
    return "", None


def _probe(mode: str) -> Image.Image:
    """Return an image of colours from all over the space."""
    if mode != "RGB":
        return Image.fromarray(np.arange(0, 256, 5, dtype=np.uint8)[np.newaxis]).convert(mode)
    colours = np.stack(np.meshgrid(*[np.arange(0, 256, 17, dtype=np.uint8)] * 3), axis=-1)
    return Image.fromarray(colours.reshape(1, -1, 3))
