"""Panels side by side: one for each column of tables or sequences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ganzoo.core.figures import canvas
from ganzoo.errors import UsageError

PANELS = 24  # maximum; more would be illegible
ACROSS = 4
PANEL_WIDTH, PANEL_HEIGHT, HEAD = 2.0, 1.5, 0.7  # hundreds of pixels
BINS = 20
ROOM_ABOVE = 1.5  # panel height relative to the highest real bar; higher generated bars are cut


def histograms(
    rows: ArrayLike, reference: ArrayLike | None = None, names: Sequence[str] = (), title: str = ""
) -> np.ndarray:
    """Draw each column of generated rows as a histogram over that of the real rows.

    The axes depend only on the reference (or the rows without one), so that frames of an animation line up. Values
    outside the axes are not drawn but count in the total, so bars show shares of all rows. Bars higher than 1.5 times
    the highest real bar are cut. At most 24 columns are drawn; the title says so.

    Args:
      rows: generated rows, `[N, columns]`.
      reference: real rows, `[M, columns]`.
      names: column names; by default `x0`, `x1`, …
      title: one or two lines.

    Returns:
      uint8 `[H, W, 3]`, 200x150 pixels per column, four per row.

    Raises:
      UsageError: if the shapes are wrong, or a column has no finite number.
    """
    fake, real = _arrays(rows, reference, "rows", "[N, columns]", 2)
    count = fake.shape[1]

    def draw(axes: Any, column: int) -> None:
        shown = fake if real is None else real
        low, high = _range(shown[:, column], f"column {column}")
        edges = np.linspace(low, high, BINS + 1)
        if real is not None:
            axes.stairs(_density(real[:, column], edges), edges, fill=True, color=canvas.REAL_COLOUR, alpha=0.5)
        axes.stairs(_density(fake[:, column], edges), edges, color=canvas.FAKE_COLOUR, linewidth=1.4)
        axes.set(xlim=(low, high), ylim=(0.0, ROOM_ABOVE * _density(shown[:, column], edges).max()), yticks=[])

    return _panels(count, _names(names, count), title, real is not None, draw)


def sequences(
    examples: ArrayLike, reference: ArrayLike | None = None, names: Sequence[str] = (), title: str = ""
) -> np.ndarray:
    """Draw each column of generated sequences as curves over time, over those of real sequences.

    The axes depend only on the reference (or the examples without one), as in `histograms`.

    Args:
      examples: generated sequences, `[N, length, columns]`.
      reference: real sequences, `[M, length, columns]`.
      names: column names; by default `x0`, `x1`, …
      title: one or two lines.

    Returns:
      uint8 `[H, W, 3]`, 200x150 pixels per column, four per row.

    Raises:
      UsageError: if the shapes are wrong, or a column has no finite number.
    """
    fake, real = _arrays(examples, reference, "examples", "[N, length, columns]", 3)
    count = fake.shape[2]

    def draw(axes: Any, column: int) -> None:
        shown = fake if real is None else real
        low, high = _range(shown[..., column].ravel(), f"column {column}")
        if real is not None:
            axes.plot(real[..., column].T, color=canvas.REAL_COLOUR, alpha=0.5, linewidth=0.8)
        axes.plot(fake[..., column].T, color=canvas.FAKE_COLOUR, alpha=0.7, linewidth=0.8)
        axes.set(xlim=(0, max(1, fake.shape[1] - 1)), ylim=(low, high))

    return _panels(count, _names(names, count), title, real is not None, draw)


def _arrays(
    values: ArrayLike, reference: ArrayLike | None, what: str, wanted: str, rank: int
) -> tuple[np.ndarray, np.ndarray | None]:
    fake = np.asarray(values, np.float64)
    if fake.ndim != rank or 0 in fake.shape:
        raise UsageError(f"{what}: expected {wanted}, got {list(fake.shape)}")
    real = None if reference is None else np.asarray(reference, np.float64)
    if real is not None and (real.shape[1:] != fake.shape[1:] or not len(real)):
        raise UsageError(f"reference: expected [M, {', '.join(map(str, fake.shape[1:]))}], got {list(real.shape)}")
    return fake, real


def _names(names: Sequence[str], count: int) -> Sequence[str]:
    if names and len(names) != count:
        raise UsageError(f"names: expected {count}, one per column, got {len(names)}")
    return names or [f"x{column}" for column in range(count)]


def _range(values: np.ndarray, what: str) -> tuple[float, float]:
    """Return the range of the values plus a twentieth on each side."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        raise UsageError(f"{what}: expected at least one finite number, got none")
    low, high = float(finite.min()), float(finite.max())
    margin = (high - low) / 20 or 0.5
    return low - margin, high + margin


def _density(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    counts, _ = np.histogram(values[np.isfinite(values)], edges)
    return counts / len(values) / (edges[1] - edges[0])


def _panels(
    count: int, names: Sequence[str], title: str, with_real: bool, draw: Callable[[Any, int], None]
) -> np.ndarray:
    from matplotlib.lines import Line2D

    shown = min(count, PANELS)
    if shown < count:
        first = f"the first {shown} of {count} columns"
        title = f"{title}: {first}" if title else first
    across = min(ACROSS, shown)
    down = math.ceil(shown / across)
    width, height = max(2, across) * PANEL_WIDTH, down * PANEL_HEIGHT + HEAD
    figure = canvas.figure(width, height)
    top = 1 - HEAD / height
    for column in range(shown):
        row, place = divmod(column, across)
        left, bottom = (place + 0.12) / across, top * (1 - (row + 0.84) / down)
        axes = figure.add_axes((left, bottom, 0.82 / across, top * 0.62 / down))
        draw(axes, column)
        axes.tick_params(labelsize=6)
        axes.set_title(canvas.wrap(names[column], 28), fontsize=8, parse_math=False, pad=3)
    figure.text(0.5, 1 - 0.06 / height, canvas.wrap(title, 80), ha="center", va="top", fontsize=11, parse_math=False)
    kinds = [("real", canvas.REAL_COLOUR)] * with_real + [("generated", canvas.FAKE_COLOUR)]
    lines = [Line2D([], [], color=colour, linewidth=2) for _, colour in kinds]
    labels = [label for label, _ in kinds]
    figure.legend(
        lines, labels, loc="center", bbox_to_anchor=(0.5, 1 - 0.48 / height), ncols=2, frameon=False, fontsize=8
    )
    return canvas.render(figure)
