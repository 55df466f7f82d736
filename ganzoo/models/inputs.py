"""Input images of translators: files, Pillow images and arrays, converted to uint8.

Needs only NumPy and Pillow.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganzoo.core import files
from ganzoo.core import images as pixels
from ganzoo.errors import UsageError

SMALLEST_SIDE = 8  # pixels; leaves two after two halvings, the minimum for reflection

_ONE = "[H, W, C] or [H, W] with C = 1, 3 or 4"


@dataclass(frozen=True)
class Given:
    """Images given to a model or a client.

    Attributes:
      images: uint8 `[n, H, W, C]`, or a list of uint8 `[H, W, C]` of several sizes.
      alone: whether a single image was given, not a list or a batch.
    """

    images: np.ndarray | list[np.ndarray]
    alone: bool

    def mapped(self, function: Callable[[np.ndarray], np.ndarray], strength: float = 1.0) -> Any:
        """Apply a function that keeps the shape, to all images of one size together.

        Args:
          function: uint8 `[n, H, W, C]` -> the same shape.
          strength: weight of the result in [0, 1]; the original image has the rest.

        Returns:
          uint8 `[H, W, C]` for one image, `[n, H, W, C]` for images of one size, else a list of `[H, W, C]`.
        """
        if isinstance(self.images, np.ndarray):
            made = blend(self.images, function(self.images), strength)
            return made[0] if self.alone else made
        results: list[Any] = [None] * len(self.images)
        for shape in dict.fromkeys(image.shape for image in self.images):
            places = [place for place, image in enumerate(self.images) if image.shape == shape]
            batch = np.stack([self.images[place] for place in places])
            for place, image in zip(places, blend(batch, function(batch), strength), strict=True):
                results[place] = image
        return results


def read(given: Any, channels: int, longest: int | None = None) -> Given:
    """Read images of any usual type.

    - A path is read by `ganzoo.core.images.read`; a Pillow image is converted by the same rules: transparency becomes
      white, grey is repeated for colour models, and colour becomes luma for grey models.
    - An array (or tensor) is one image `[H, W]` or `[H, W, C]`, or a batch `[n, H, W, C]`; C is 1 (grey), 3 (RGB) or
      4 (RGBA). The same rules convert its channels.
    - uint8 values are pixels. Floats are in [-1, 1] if any value of the call is below 0, otherwise in [0, 1].
    - A list or tuple holds any of these, one image each, of any sizes; its 16-bit files have one range.

    Args:
      given: the images.
      channels: channels of the result, 1 or 3.
      longest: shrink each image to at most this many pixels on its longer side; None keeps the size.

    Returns:
      The images as uint8 with `channels` channels and sides of at least `SMALLEST_SIDE` pixels.

    Raises:
      DataError: if a file is missing, broken or not an image.
      UsageError: if the type, dtype, shape or range is another one, there is no image, or one is too small.
    """
    many = isinstance(given, list | tuple)
    names = [f"images[{place}]" for place in range(len(given))] if many else ["images"]
    listed = [
        files.expanded(one) if isinstance(one, str | os.PathLike) else one for one in (given if many else [given])
    ]
    deep_range = pixels.SharedRange("images", [one for one in listed if isinstance(one, Path | Image.Image)])
    opened = [
        _opened(one, name, channels, deep_range if many else None) for one, name in zip(listed, names, strict=True)
    ]
    if many and any(one.ndim > 3 for one in opened):
        raise UsageError("images: expected a list of single images, got a batch in it (give the batch alone)")
    opened = pixels.levels(opened, names)
    alone = not many and opened[0].ndim < 4
    parts = [_with_channels(one if one.ndim == 4 else one[np.newaxis], channels) for one in opened]
    if longest is not None and any(max(part.shape[1:3]) > longest for part in parts):
        parts = [np.stack([pixels.shrink(image, longest) for image in part]) for part in parts]
    if not sum(map(len, parts)):
        raise UsageError("images: expected at least one, got none")
    _check_sides(parts, longest)
    if len({part.shape[1:] for part in parts}) == 1:
        return Given(parts[0] if len(parts) == 1 else np.concatenate(parts), alone)
    return Given([part[0] for part in parts], alone)


def check_longest(longest: Any, made_for: Callable[[], int]) -> int | None:
    """Return the requested longer side in pixels, or None.

    Args:
      longest: None, an integer >= `SMALLEST_SIDE`, or `auto`.
      made_for: returns the size that the model was trained at.

    Raises:
      UsageError: if the value is another one.
    """
    if longest is None:
        return None
    if isinstance(longest, str) and longest == "auto":
        return made_for()
    if isinstance(longest, bool) or not isinstance(longest, int | np.integer) or longest < SMALLEST_SIDE:
        raise UsageError(f"longest: expected None, 'auto' or an integer of {SMALLEST_SIDE} or more, got {longest!r}")
    return int(longest)


def check_strength(strength: Any) -> float:
    """Return a strength in [0, 1].

    Raises:
      UsageError: if it is not a number, or out of range.
    """
    number = isinstance(strength, int | float | np.number) and not isinstance(strength, bool)
    if not number or not 0.0 <= float(strength) <= 1.0:
        raise UsageError(f"strength: expected a number in [0, 1], got {strength!r}")
    return float(strength)


def blend(originals: np.ndarray, translations: np.ndarray, strength: float) -> np.ndarray:
    """Mix images linearly: `originals + strength * (translations - originals)`, rounded to the nearest level.

    Args:
      originals, translations: uint8 of the same shape.
      strength: in [0, 1]; 0 gives the originals, 1 the translations.
    """
    if strength == 1.0:
        return translations
    mixed = originals + np.float32(strength) * (translations.astype(np.float32) - originals)
    return np.rint(mixed, out=mixed).astype(np.uint8)


def _opened(one: Any, name: str, channels: int, deep_range: Callable[[], int] | None) -> np.ndarray:
    """Return one given image as an array; its values are not checked yet."""
    if isinstance(one, Path):
        return pixels.read(one, channels=channels, deep_range=deep_range)
    if isinstance(one, Image.Image):
        return pixels.from_pillow(one, name, channels, deep_range)
    try:
        array = np.asarray(one)
    except ValueError:
        raise UsageError(f"{name}: expected an image, got rows of several lengths (give {_ONE})") from None
    shape = list(array.shape)
    right = array.ndim == 2 or (array.ndim in (3, 4) and shape[-1] in (1, 3, 4))
    if not right:
        raise UsageError(f"{name}: expected {_ONE}, or [n, H, W, C], got {array.dtype} {shape}{_hint(shape)}")
    return array


def _hint(shape: Sequence[int]) -> str:
    if len(shape) in (3, 4) and shape[-3] in (1, 3, 4):
        return ": put the channels last (np.moveaxis(x, -3, -1))"
    return ": give a batch of grey images as [n, H, W, 1] (x[..., np.newaxis])" if len(shape) == 3 else ""


def _with_channels(batch: np.ndarray, channels: int) -> np.ndarray:
    """Convert uint8 `[n, H, W]` or `[n, H, W, 1, 3 or 4]` to `[n, H, W, channels]`."""
    batch = batch[..., np.newaxis] if batch.ndim == 3 else batch
    if batch.shape[-1] == channels or 0 in batch.shape:
        return batch
    if batch.shape[-1] == 1:
        return np.repeat(batch, channels, axis=-1)
    return np.stack([pixels.from_pillow(Image.fromarray(image), "images", channels) for image in batch])


def _check_sides(parts: Sequence[np.ndarray], longest: int | None) -> None:
    for part in parts:
        height, width = part.shape[1:3]
        if min(height, width) < SMALLEST_SIDE:
            after = "" if longest is None else f" after shrinking to longest={longest}"
            raise UsageError(
                f"images: expected {SMALLEST_SIDE}x{SMALLEST_SIDE} pixels or more, got {height}x{width}{after}"
            )
