"""Parts shared by all plots: colours, figure, title, legend and rendering.

Plots use matplotlib's objects without pyplot: no global state, no display.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REAL_COLOUR, FAKE_COLOUR = "#8c8c8c", "#d55e00"
# Palette of Okabe and Ito, safe for colour-blind readers; without its yellow, which is faint on white.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")


def figure(width: float, height: float) -> Figure:
    """Return a white figure; sizes are in hundreds of pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def head(figure: Figure, title: str) -> None:
    """Draw title and legend at fixed positions above the single plot, so that frames of an animation line up."""
    figure.text(0.535, 0.985, wrap(title, 50), ha="center", va="top", fontsize=12, parse_math=False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    place = (0.535, 0.891)
    figure.legend(handles, labels, loc="center", bbox_to_anchor=place, ncols=2, frameon=False, markerscale=2)


def wrap(text: str, width: int) -> str:
    """Wrap text to at most two lines of `width` characters."""
    return textwrap.fill(text, width, max_lines=2, placeholder=" …")


def render(figure: Figure) -> np.ndarray:
    """Return the figure's pixels, uint8 `[H, W, 3]`."""
    canvas = figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[attr-defined]  # an Agg canvas: see figure
