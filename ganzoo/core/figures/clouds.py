"""Plots of generated points over real points."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ganzoo.core.figures import canvas
from ganzoo.errors import UsageError


def points(points: ArrayLike, reference: ArrayLike | None = None, title: str = "") -> np.ndarray:
    """Draw generated points with any number of columns over real ones.

    One column is drawn by `histogram`, two by `scatter`. Of more columns the first two are drawn; the title says so.

    Args:
      points: generated points, `[N, D]`, D >= 1.
      reference: real points, `[M, D]`.
      title: one or two lines.

    Returns:
      uint8 `[540, 500, 3]`.

    Raises:
      UsageError: if the shapes are wrong, or no finite point determines the axes.
    """
    columns = np.shape(points)[-1] if np.ndim(points) == 2 else 0
    if columns < 1:
        raise UsageError(f"points: expected [N, columns], got {list(np.shape(points))} (one row per point)")
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
    """Draw generated 2-D points over real ones.

    The axes depend only on `limit` and `reference`, so that frames of an animation line up. The legend counts the
    generated points outside the axes, NaN included.

    Args:
      points: generated points, `[N, 2]`.
      reference: real points, `[M, 2]`.
      limit: both axes run from -limit to limit; by default a square around the reference (or the points without one).
      title: one or two lines.

    Returns:
      uint8 `[540, 500, 3]`.

    Raises:
      UsageError: if the shapes are wrong, or no finite point determines the axes.
    """
    fake = _table(points, "points", 2)
    real = None if reference is None else _table(reference, "reference", 2)
    low, high = _frame(fake if real is None else real, limit)
    figure = canvas.figure(5.0, 5.4)
    axes = figure.add_axes((0.105, 0.07, 0.86, 0.796), aspect="equal")
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    if real is not None:
        axes.scatter(real[:, 0], real[:, 1], s=8, color=canvas.REAL_COLOUR, alpha=0.5, linewidths=0, label="real")
    label = label_of(fake, low, high)
    axes.scatter(fake[:, 0], fake[:, 1], s=8, color=canvas.FAKE_COLOUR, alpha=0.6, linewidths=0, label=label)
    canvas.head(figure, title)
    return canvas.render(figure)


def histogram(
    points: ArrayLike, reference: ArrayLike | None = None, limit: float | None = None, title: str = ""
) -> np.ndarray:
    """Draw the density of generated numbers over that of real ones.

    Args:
      points: generated numbers, `[N]` or `[N, 1]`.
      reference: real numbers, `[M]` or `[M, 1]`.
      limit: the axis runs from -limit to limit; by default around the reference (or the points without one).
      title: one or two lines.

    Returns:
      uint8 `[540, 500, 3]`. The area of a bar is its share of all points, including those outside the axes.

    Raises:
      UsageError: if the shapes are wrong, or no finite point determines the axes.
    """
    fake = _table(points, "points", 1)
    real = None if reference is None else _table(reference, "reference", 1)
    low, high = _frame(fake if real is None else real, limit)
    edges = np.linspace(low[0], high[0], 61)
    figure = canvas.figure(5.0, 5.4)
    axes = figure.add_axes((0.125, 0.07, 0.84, 0.796), xlim=(low[0], high[0]))
    if real is not None:
        axes.stairs(density_of(real, edges), edges, fill=True, color=canvas.REAL_COLOUR, alpha=0.5, label="real")
    axes.stairs(
        density_of(fake, edges), edges, color=canvas.FAKE_COLOUR, linewidth=1.8, label=label_of(fake, low, high)
    )
    axes.set_ylabel("density")
    canvas.head(figure, title)
    return canvas.render(figure)


def _table(values: ArrayLike, name: str, columns: int) -> np.ndarray:
    table = np.asarray(values, np.float64)
    if columns == 1 and table.ndim == 1:
        table = table[:, np.newaxis]
    if table.ndim != 2 or table.shape[1] != columns:
        raise UsageError(f"{name}: expected [N, {columns}], got {list(np.shape(values))} (one row per point)")
    return table


def _frame(table: np.ndarray, limit: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Return two corners of a square: `limit` around 0, or the range of the table plus a tenth on each side."""
    if limit is not None:
        if not 0 < limit < math.inf:
            raise UsageError(f"limit: expected a finite number above 0 or None, got {limit}")
        return np.full(table.shape[1], -limit), np.full(table.shape[1], limit)
    finite = table[np.isfinite(table).all(axis=1)]
    if not len(finite):
        raise UsageError("points: expected at least one finite point, got none (or pass limit)")
    low, high = finite.min(axis=0), finite.max(axis=0)
    half = float((high - low).max()) * 0.6 or 1.0
    return (low + high) / 2 - half, (low + high) / 2 + half


def label_of(fake: np.ndarray, low: np.ndarray, high: np.ndarray) -> str:
    beyond = int((~((fake >= low) & (fake <= high)).all(axis=1)).sum())
    return f"generated ({beyond} of {len(fake)} outside)" if beyond else "generated"


def density_of(table: np.ndarray, edges: np.ndarray) -> np.ndarray:
    counts, _ = np.histogram(table[np.isfinite(table)], edges)
    return counts / max(1, len(table)) / (edges[1] - edges[0])
