"""Figures as uint8 arrays `[H, W, C]`: sample sheets, animations, plots of points, tables, sequences and curves."""

from ganzoo.core.figures.clouds import histogram, points, scatter
from ganzoo.core.figures.lines import curves
from ganzoo.core.figures.panels import histograms, sequences
from ganzoo.core.figures.sheets import CAPTION, GAP_LEVEL, sheet, write_gif

__all__ = [
    "CAPTION",
    "GAP_LEVEL",
    "curves",
    "histogram",
    "histograms",
    "points",
    "scatter",
    "sequences",
    "sheet",
    "write_gif",
]
