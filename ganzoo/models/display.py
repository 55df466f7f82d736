"""Arrays that display themselves in a notebook."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganzoo.core import figures
from ganzoo.core import images as pixels

SHOWN = 100  # maximum number of images shown of a batch


class DisplayArray(np.ndarray):
    """Array that a notebook shows as a picture: images as a sheet, points of one or two columns as a plot.

    It behaves like any array. Slices and views are displayed too; results of operators and NumPy functions are plain
    `np.ndarray`. Create one with `array.view(DisplayArray)`.
    """

    def _repr_png_(self) -> bytes | None:
        """Return a PNG of the first 100 images uint8 `[N, H, W, C]`, of one `[H, W, C]`, or of points `[N, 1 or 2]`."""
        plain = np.asarray(self)
        if not plain.size:
            return None
        if plain.dtype == np.uint8 and plain.ndim in (3, 4) and plain.shape[-1] in (1, 3):
            return pixels.encode_png(figures.sheet(plain[:SHOWN] if plain.ndim == 4 else plain[np.newaxis]))
        if np.issubdtype(plain.dtype, np.floating) and plain.ndim == 2 and plain.shape[1] <= 2:
            return pixels.encode_png(figures.points(plain)) if np.isfinite(plain).all(axis=1).any() else None
        return None

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        out = kwargs.get("out")
        result = getattr(ufunc, method)(*map(_plain, inputs), **{key: _plain(value) for key, value in kwargs.items()})
        if out is None:
            return result
        return out[0] if len(out) == 1 else out

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _plain(super().__array_function__(function, types, args, kwargs))


def _plain(value: Any) -> Any:
    if isinstance(value, DisplayArray):
        return value.view(np.ndarray)
    return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value
