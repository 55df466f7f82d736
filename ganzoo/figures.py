"""Pictures of results: sheets of samples, animations and plots; arrays in, uint8 images (or a GIF file) out.

Plots are drawn with matplotlib's objects, without pyplot: nothing global is kept and no screen is needed.
"""

from __future__ import annotations

import io
import math
import os
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from ganzoo.errors import UsageError
from ganzoo.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAP_LEVEL = 128  # mid-grey: neither the black of a digit's background nor the white of a page
CELL = 56  # pixels: the smallest side at which a sample is still easy to judge
LONGEST_FRAME = 655.35  # seconds: GIF counts hundredths in 16 bits
REAL_COLOUR, FAKE_COLOUR = "#8c8c8c", "#d55e00"
# Okabe and Ito's colours, which colour-blind readers can tell apart, without their yellow, which is faint on white.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")


def sheet(images: np.ndarray, columns: int | None = None, scale: int | None = None, gap: int = 2) -> np.ndarray:
    """Lays samples out in a grid, row by row.

    Args:
      images: uint8 `[N, H, W, C]`, N at least 1, C = 1 or 3.
      columns: samples in a row. By default near-square; for a multiple of 10 also a multiple of 10, so that samples
        that cycle through 10 classes show one class a column.
      scale: whole-number enlargement, each pixel a square. By default the smallest that makes a sample 56 pixels
        high and wide.
      gap: pixels of mid-grey between samples (none around the sheet); unused cells are mid-grey too.

    Returns:
      uint8 `[rows * (H * scale + gap) - gap, columns * (W * scale + gap) - gap, C]`.

    Raises:
      UsageError: not such images, or an impossible number.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
        found = f"{images.dtype} {list(images.shape)}"
        raise UsageError(f"sheet: expected uint8 [N, height, width, 1 or 3], got {found}: see ganzoo.images.to_uint8")
    count, height, width, channels = images.shape
    if columns is None:
        root = math.sqrt(count)
        columns = math.ceil(root) if count % 10 else max(10, round(root / 10) * 10)
    scale = math.ceil(CELL / min(height, width)) if scale is None else scale
    if columns < 1 or scale < 1 or gap < 0:
        raise UsageError(f"sheet: columns={columns}, scale={scale}, gap={gap}: columns and scale from 1, gap from 0")
    rows = math.ceil(count / columns)
    down, right = height * scale + gap, width * scale + gap
    page = np.full((rows * down - gap, columns * right - gap, channels), GAP_LEVEL, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * down, index % columns * right
        enlarged = image.repeat(scale, axis=0).repeat(scale, axis=1)
        page[top : top + height * scale, left : left + width * scale] = enlarged
    return page


def write_gif(
    path: str | os.PathLike[str],
    frames: Sequence[np.ndarray],
    seconds_per_frame: float = 0.12,
    hold_last: float = 1.5,
) -> None:
    """Writes an animation that loops for ever; whole or not at all (see `files.write_bytes`).

    Grey frames keep all of their 256 levels. Colour frames share one palette of 256 colours, undithered: smaller than
    a palette each, and still areas do not flicker. Equal neighbours are stored as one frame that is shown for longer.

    Args:
      path: the file; its folder is made.
      frames: at least one uint8 `[H, W, C]`, C = 1 or 3, all of one shape.
      seconds_per_frame: how long each but the last is shown, 0.02 to 655.35 in steps of 0.01.
      hold_last: the same for the last one.

    Raises:
      UsageError: no frames, not such frames, or an impossible time.
      RunError: the file cannot be written.
    """
    shapes = {np.shape(frame) for frame in frames}
    channels = [shape[-1] for shape in shapes if len(shape) == 3 and shape[-1] in (1, 3) and 0 not in shape]
    if len(shapes) != 1 or not channels or any(np.asarray(frame).dtype != np.uint8 for frame in frames):
        found = ", ".join(str(list(shape)) for shape in sorted(shapes)) or "none"
        raise UsageError(f"write_gif: frames of {found}: give uint8 [height, width, 1 or 3], all of one shape")
    for name, seconds in (("seconds_per_frame", seconds_per_frame), ("hold_last", hold_last)):
        if not 0.02 <= seconds <= LONGEST_FRAME:
            raise UsageError(f"write_gif: {name}={seconds}: use 0.02 to {LONGEST_FRAME}")
    pictures, palette = _grey(frames) if channels == [1] else _coloured(frames)
    durations = [round(seconds_per_frame * 100) * 10] * (len(pictures) - 1) + [round(hold_last * 100) * 10]
    # Given a palette, Pillow stores it once. Left to choose, it stores one a frame, and its own reader then shows some
    # grey frames wrong (Pillow 13; TensorFlow's reader shows them right).
    options = {"append_images": pictures[1:], "duration": durations, "loop": 0, "optimize": True, "palette": palette}
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, **options)
    write_bytes(path, buffer.getvalue())


def points(points: ArrayLike, reference: ArrayLike | None = None, title: str = "") -> np.ndarray:
    """Draws generated points of any number of columns over real ones.

    One column is drawn as `histogram`, two as `scatter`; of more the first two, and the title says so.

    Args:
      points: generated, `[N, D]`, D at least 1.
      reference: real, `[M, D]`.
      title: one or two lines.

    Returns:
      uint8 `[540, 500, 3]`.

    Raises:
      UsageError: not such points, or no finite one to fit the frame to.
    """
    columns = np.shape(points)[-1] if np.ndim(points) == 2 else 0
    if columns < 1:
        raise UsageError(f"points: expected [N, columns], got {list(np.shape(points))}: one row a point")
    fake = _table(points, "points", columns)
    real = None if reference is None else _table(reference, "reference", columns)
    if columns == 1:
        return histogram(fake, real, title=title)
    if columns > 2:
        shown = f"x0 and x1 of {columns} columns"
        title = f"{title}: {shown}" if title else shown
    return scatter(fake[:, :2], None if real is None else real[:, :2], title=title)


def scatter(
    points: ArrayLike, reference: ArrayLike | None = None, limit: float | None = None, title: str = ""
) -> np.ndarray:
    """Draws generated points over real ones.

    The frame depends on `limit` and `reference` alone, not on `points`: pictures of successive steps line up. Generated
    points beyond it (or NaN) are counted in the legend.

    Args:
      points: generated, `[N, 2]`.
      reference: real, `[M, 2]`.
      limit: both axes run from -limit to limit; by default a square around the reference (without one, the points).
      title: one or two lines.

    Returns:
      uint8 `[540, 500, 3]`.

    Raises:
      UsageError: not such points, or no finite one to fit the frame to.
    """
    fake = _table(points, "points", 2)
    real = None if reference is None else _table(reference, "reference", 2)
    low, high = _frame(fake if real is None else real, limit)
    figure = _figure(5.0, 5.4)
    axes = figure.add_axes((0.105, 0.07, 0.86, 0.796), aspect="equal")
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    if real is not None:
        axes.scatter(real[:, 0], real[:, 1], s=8, color=REAL_COLOUR, alpha=0.5, linewidths=0, label="real")
    label = _label(fake, low, high)
    axes.scatter(fake[:, 0], fake[:, 1], s=8, color=FAKE_COLOUR, alpha=0.6, linewidths=0, label=label)
    _head(figure, title)
    return _render(figure)


def histogram(
    points: ArrayLike, reference: ArrayLike | None = None, limit: float | None = None, title: str = ""
) -> np.ndarray:
    """Draws the density of generated numbers over that of real ones; `scatter` for one dimension.

    Args:
      points: generated, `[N]` or `[N, 1]`.
      reference: real, `[M]` or `[M, 1]`.
      limit: the axis runs from -limit to limit; by default around the reference (without one, the points).
      title: one or two lines.

    Returns:
      uint8 `[540, 500, 3]`. A bar's area is the share of all points, those beyond the frame included, in its bin.

    Raises:
      UsageError: not such points, or no finite one to fit the frame to.
    """
    fake = _table(points, "points", 1)
    real = None if reference is None else _table(reference, "reference", 1)
    low, high = _frame(fake if real is None else real, limit)
    edges = np.linspace(low[0], high[0], 61)
    figure = _figure(5.0, 5.4)
    axes = figure.add_axes((0.125, 0.07, 0.84, 0.796), xlim=(low[0], high[0]))
    if real is not None:
        axes.stairs(_density(real, edges), edges, fill=True, color=REAL_COLOUR, alpha=0.5, label="real")
    axes.stairs(_density(fake, edges), edges, color=FAKE_COLOUR, linewidth=1.8, label=_label(fake, low, high))
    axes.set_ylabel("density")
    _head(figure, title)
    return _render(figure)


def curves(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]], title: str = "", y_label: str = "", log: bool = False
) -> np.ndarray:
    """Draws values over training steps, one line a name, the legend below the plot.

    Args:
      series: name -> (steps, values), two sequences of one length. NaN and infinity leave a hole in the line.
      title: one or two lines.
      y_label: what the values are.
      log: a logarithmic value axis; values of 0 and less leave a hole.

    Returns:
      uint8 `[H, 800, 3]`; H = 450, and 22 more for each further row of names.

    Raises:
      UsageError: no series, or one whose sequences differ in length.
    """
    if not series:
        raise UsageError("curves: no series: give at least one name with (steps, values)")
    figure = _figure(8.0, 4.5)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    lines = []
    for index, (name, (steps, values)) in enumerate(series.items()):
        x, y = np.asarray(steps, np.float64), np.asarray(values, np.float64)
        if x.ndim != 1 or x.shape != y.shape:
            raise UsageError(f"curves: {name}: {list(x.shape)} steps for {list(y.shape)} values: give as many of both")
        y = np.where(np.isfinite(y) & ((y > 0) | (not log)), y, np.nan)
        # Beyond seven names the colours come again, dashed; a few values get dots, since one alone draws no line.
        style = "-" if index // len(COLOURS) % 2 == 0 else "--"
        marker = "o" if np.isfinite(y).sum() <= 30 else ""
        colour = COLOURS[index % len(COLOURS)]
        lines += axes.plot(x, y, linestyle=style, marker=marker, markersize=4, color=colour, linewidth=1.5)
    axes.set(xlabel="step", ylabel=y_label, yscale="log" if log else "linear")
    axes.set_title(_wrap(title, 80), fontsize=12, parse_math=False)
    axes.grid(color="0.9", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    for columns in (3, 2, 1):
        legend = figure.legend(lines, list(series), loc="outside lower center", ncols=columns, frameon=False)
        if columns == 1 or legend.get_window_extent().width < 780:
            break
        legend.remove()
    figure.set_figheight(4.5 + 0.22 * (math.ceil(len(series) / columns) - 1))
    return _render(figure)


def _grey(frames: Sequence[np.ndarray]) -> tuple[list[Image.Image], bytes]:
    return [Image.fromarray(np.asarray(frame)[..., 0]) for frame in frames], bytes(np.arange(256).repeat(3).tolist())


def _coloured(frames: Sequence[np.ndarray]) -> tuple[list[Image.Image], bytes]:
    """Mode P, with the one palette of at most 16 frames spread over the animation."""
    spread = sorted({round(index) for index in np.linspace(0, len(frames) - 1, 16)})
    montage = Image.fromarray(np.concatenate([np.asarray(frames[index]) for index in spread]))
    # Measured on scatter plots: white becomes 254 (median cut: 252, a page that looks grey), error 1.4 instead of 2.9.
    palette = montage.quantize(256, Image.Quantize.FASTOCTREE)
    pictures = [Image.fromarray(np.asarray(frame)) for frame in frames]
    pictures = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    return pictures, bytes(palette.getpalette() or [])


def _table(values: ArrayLike, name: str, columns: int) -> np.ndarray:
    table = np.asarray(values, np.float64)
    if columns == 1 and table.ndim == 1:
        table = table[:, np.newaxis]
    if table.ndim != 2 or table.shape[1] != columns:
        raise UsageError(f"{name}: expected [N, {columns}], got {list(np.shape(values))}: one row a point")
    return table


def _frame(table: np.ndarray, limit: float | None) -> tuple[np.ndarray, np.ndarray]:
    """The lower and upper corners of a square: `limit` around 0, or the table's range and a tenth more each way."""
    if limit is not None:
        if not 0 < limit < math.inf:
            raise UsageError(f"limit={limit}: use a number above 0, or None")
        return np.full(table.shape[1], -limit), np.full(table.shape[1], limit)
    finite = table[np.isfinite(table).all(axis=1)]
    if not len(finite):
        raise UsageError("no finite point to fit the frame to: give limit=…")
    low, high = finite.min(axis=0), finite.max(axis=0)
    half = float((high - low).max()) * 0.6 or 1.0
    return (low + high) / 2 - half, (low + high) / 2 + half


def _label(fake: np.ndarray, low: np.ndarray, high: np.ndarray) -> str:
    beyond = int((~((fake >= low) & (fake <= high)).all(axis=1)).sum())
    return f"generated ({beyond} of {len(fake)} outside)" if beyond else "generated"


def _density(table: np.ndarray, edges: np.ndarray) -> np.ndarray:
    counts, _ = np.histogram(table[np.isfinite(table)], edges)
    return counts / max(1, len(table)) / (edges[1] - edges[0])


def _figure(width: float, height: float) -> Figure:
    """A white figure, its sizes in hundreds of pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _head(figure: Figure, title: str) -> None:
    """Title and legend at fixed places above the one plot, so that frames of an animation line up."""
    figure.text(0.535, 0.985, _wrap(title, 50), ha="center", va="top", fontsize=12, parse_math=False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    place = (0.535, 0.891)
    figure.legend(handles, labels, loc="center", bbox_to_anchor=place, ncols=2, frameon=False, markerscale=2)


def _wrap(text: str, width: int) -> str:
    return textwrap.fill(text, width, max_lines=2, placeholder=" …")


def _render(figure: Figure) -> np.ndarray:
    canvas = figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[attr-defined]  # an Agg canvas: see _figure
