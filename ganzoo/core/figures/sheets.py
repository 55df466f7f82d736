"""Grids of images, and animations."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganzoo.core.files import write_bytes
from ganzoo.errors import UsageError

GAP_LEVEL = 128  # mid-grey: visible beside black digits and a white page
CAPTION = 14  # pixels: height of the strip above a row that has captions
CELL = 56  # pixels: the smallest side at which a sample is easy to judge
LONGEST_FRAME = 655.35  # seconds; GIF counts hundredths in 16 bits


def sheet(
    images: np.ndarray,
    columns: int | None = None,
    scale: int | None = None,
    gap: int = 2,
    captions: Sequence[str] = (),
) -> np.ndarray:
    """Arrange samples in a grid, row by row.

    Args:
      images: uint8 `[N, H, W, C]`, N >= 1, C = 1 or 3.
      columns: samples per row. The default is near-square; if N is a multiple of 10 so is the default, which puts
        each of 10 cyclic classes in its own column.
      scale: integer enlargement. The default is the smallest that makes samples at least 56 pixels high and wide.
      gap: mid-grey pixels between samples, with no border; unused cells are mid-grey too.
      captions: one text per sample, drawn in a strip above its row; a row with the captions of the row above has none.
        Text that is too wide is cut.

    Returns:
      uint8 `[rows * (H * scale + gap) - gap, columns * (W * scale + gap) - gap, C]`, plus `CAPTION` rows per strip.

    Raises:
      UsageError: if the images are not as above, or a number is out of range.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
        found = f"{images.dtype} {list(images.shape)}"
        raise UsageError(
            f"sheet: expected uint8 [N, height, width, 1 or 3], got {found} (see ganzoo.core.images.to_uint8)"
        )
    count, height, width, channels = images.shape
    if columns is None:
        root = math.sqrt(count)
        columns = math.ceil(root) if count % 10 else max(10, round(root / 10) * 10)
    scale = math.ceil(CELL / min(height, width)) if scale is None else scale
    if columns < 1 or scale < 1 or gap < 0:
        raise UsageError(f"sheet: expected columns, scale >= 1 and gap >= 0, got {columns}, {scale} and {gap}")
    rows = math.ceil(count / columns)
    down, right = height * scale + gap, width * scale + gap
    page = np.full((rows * down - gap, columns * right - gap, channels), GAP_LEVEL, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * down, index % columns * right
        enlarged = image.repeat(scale, axis=0).repeat(scale, axis=1)
        page[top : top + height * scale, left : left + width * scale] = enlarged
    lines = [list(captions[row * columns : (row + 1) * columns]) for row in range(rows)]
    for row in reversed(range(rows)):
        if lines[row] and (not row or lines[row] != lines[row - 1][: len(lines[row])]):
            strip = _strip(lines[row], page.shape[1], width * scale, right)
            page = np.insert(page, row * down, strip[..., np.newaxis], axis=0)
    return page


def _strip(captions: Sequence[str], width: int, cell: int, right: int) -> np.ndarray:
    """Draw a line of captions, each over its cell, black on mid-grey, uint8 `[CAPTION, width]`."""
    from matplotlib import get_data_path

    # Pillow's own font has ASCII only.
    font = ImageFont.truetype(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), CAPTION - 4)
    strip = Image.new("L", (width, CAPTION), GAP_LEVEL)
    for column, caption in enumerate(captions):
        box = Image.new("L", (cell, CAPTION), GAP_LEVEL)
        ImageDraw.Draw(box).text((0, 0), caption, 0, font)
        strip.paste(box, (column * right, 0))
    return np.asarray(strip)


def write_gif(
    path: str | os.PathLike[str],
    frames: Sequence[np.ndarray],
    seconds_per_frame: float = 0.12,
    hold_last: float = 1.5,
) -> None:
    """Write a GIF that loops for ever, atomically (see `files.write_bytes`).

    Grey frames keep all 256 levels. Colour frames share one undithered palette of 256 colours: the file is smaller
    than with a palette per frame, and constant areas do not flicker. Equal neighbours become one longer frame.

    Args:
      path: the file; its folder is created.
      frames: at least one uint8 `[H, W, C]`, C = 1 or 3, all of one shape.
      seconds_per_frame: duration of every frame except the last, 0.02 to 655.35 in steps of 0.01.
      hold_last: duration of the last frame.

    Raises:
      UsageError: if the frames are not as above, or a duration is out of range.
      RunError: if the file cannot be written.
    """
    shapes = {np.shape(frame) for frame in frames}
    channels = [shape[-1] for shape in shapes if len(shape) == 3 and shape[-1] in (1, 3) and 0 not in shape]
    if len(shapes) != 1 or not channels or any(np.asarray(frame).dtype != np.uint8 for frame in frames):
        found = ", ".join(str(list(shape)) for shape in sorted(shapes)) or "none"
        raise UsageError(f"write_gif: expected uint8 frames [height, width, 1 or 3] of one shape, got {found}")
    for name, seconds in (("seconds_per_frame", seconds_per_frame), ("hold_last", hold_last)):
        if not 0.02 <= seconds <= LONGEST_FRAME:
            raise UsageError(f"write_gif: {name}: expected 0.02 to {LONGEST_FRAME}, got {seconds}")
    pictures, palette = _grey(frames) if channels == [1] else _coloured(frames)
    durations = [round(seconds_per_frame * 100) * 10] * (len(pictures) - 1) + [round(hold_last * 100) * 10]
    # With an explicit palette Pillow stores it once. Otherwise it stores one per frame, and its own reader shows some
    # grey frames wrong (Pillow 13; TensorFlow's reader is right).
    options = {"append_images": pictures[1:], "duration": durations, "loop": 0, "optimize": True, "palette": palette}
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, **options)
    write_bytes(path, buffer.getvalue())


def _grey(frames: Sequence[np.ndarray]) -> tuple[list[Image.Image], bytes]:
    return [Image.fromarray(np.asarray(frame)[..., 0]) for frame in frames], bytes(np.arange(256).repeat(3).tolist())


def _coloured(frames: Sequence[np.ndarray]) -> tuple[list[Image.Image], bytes]:
    """Convert frames to mode P with one palette, computed from at most 16 frames spread over the animation."""
    spread = sorted({round(index) for index in np.linspace(0, len(frames) - 1, 16)})
    montage = Image.fromarray(np.concatenate([np.asarray(frames[index]) for index in spread]))
    # Measured on scatter plots: white becomes 254 (median cut: 252, a page that looks grey), error 1.4 instead of 2.9.
    palette = montage.quantize(256, Image.Quantize.FASTOCTREE)
    pictures = [Image.fromarray(np.asarray(frame)) for frame in frames]
    pictures = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    return pictures, bytes(palette.getpalette() or [])
