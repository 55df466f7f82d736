"""Values over training steps."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from ganzoo.core.figures import canvas
from ganzoo.errors import UsageError


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
    figure = canvas.figure(8.0, 4.5)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    lines = []
    for index, (name, (steps, values)) in enumerate(series.items()):
        x, y = np.asarray(steps, np.float64), np.asarray(values, np.float64)
        if x.ndim != 1 or x.shape != y.shape:
            raise UsageError(f"curves: {name}: {list(x.shape)} steps for {list(y.shape)} values: give as many of both")
        y = np.where(np.isfinite(y) & ((y > 0) | (not log)), y, np.nan)
        # Beyond seven names the colours come again, dashed; a few values get dots, since one alone draws no line.
        style = "-" if index // len(canvas.COLOURS) % 2 == 0 else "--"
        marker = "o" if np.isfinite(y).sum() <= 30 else ""
        colour = canvas.COLOURS[index % len(canvas.COLOURS)]
        lines += axes.plot(x, y, linestyle=style, marker=marker, markersize=4, color=colour, linewidth=1.5)
    axes.set(xlabel="step", ylabel=y_label, yscale="log" if log else "linear")
    axes.set_title(canvas.wrap(title, 80), fontsize=12, parse_math=False)
    axes.grid(color="0.9", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    for columns in (3, 2, 1):
        legend = figure.legend(lines, list(series), loc="outside lower center", ncols=columns, frameon=False)
        if columns == 1 or legend.get_window_extent().width < 780:
            break
        legend.remove()
    figure.set_figheight(4.5 + 0.22 * (math.ceil(len(series) / columns) - 1))
    return canvas.render(figure)
