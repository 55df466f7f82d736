"""Plots of values over training steps."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from ganzoo.core.figures import canvas
from ganzoo.errors import UsageError

LARGEST = 1e300  # matplotlib's margins overflow beyond it


def curves(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]], title: str = "", y_label: str = "", log: bool = False
) -> np.ndarray:
    """Draw values over training steps, one line per name, with the legend below the plot.

    Args:
      series: maps a name to (steps, values), two sequences of equal length. NaN and values beyond 1e300 leave gaps.
      title: one or two lines.
      y_label: label of the value axis.
      log: use a logarithmic value axis; values <= 0 leave gaps.

    Returns:
      uint8 `[H, 800, 3]`; H is 450, plus 22 for each extra row of the legend.

    Raises:
      UsageError: if there is no series, or its sequences differ in length.
    """
    if not series:
        raise UsageError("curves: expected at least one series, got none")
    figure = canvas.figure(8.0, 4.5)
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    lines = []
    for index, (name, (steps, values)) in enumerate(series.items()):
        x, y = np.asarray(steps, np.float64), np.asarray(values, np.float64)
        if x.ndim != 1 or x.shape != y.shape:
            raise UsageError(f"curves: {name}: expected as many steps as values, got {list(x.shape)}, {list(y.shape)}")
        y = np.where((np.abs(y) < LARGEST) & ((y > 0) | (not log)), y, np.nan)
        # After seven names the colours repeat, dashed. Few values get markers: a single one draws no line.
        style = "-" if index // len(canvas.COLOURS) % 2 == 0 else "--"
        marker = "o" if np.isfinite(y).sum() <= 30 else ""
        colour = canvas.COLOURS[index % len(canvas.COLOURS)]
        lines += axes.plot(x, y, linestyle=style, marker=marker, markersize=4, color=colour, linewidth=1.5)
    axes.set(xlabel="step", yscale="log" if log else "linear")
    axes.set_ylabel(y_label, parse_math=False)
    axes.set_title(canvas.wrap(title, 80), fontsize=12, parse_math=False)
    axes.grid(color="0.9", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    for columns in (3, 2, 1):
        legend = figure.legend(lines, list(series), loc="outside lower center", ncols=columns, frameon=False)
        for text in legend.get_texts():
            text.set_parse_math(False)
        if columns == 1 or legend.get_window_extent().width < 780:
            break
        legend.remove()
    figure.set_figheight(4.5 + 0.22 * (math.ceil(len(series) / columns) - 1))
    return canvas.render(figure)
