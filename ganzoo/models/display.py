"""Arrays that display themselves in a notebook."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganzoo.core import figures
from ganzoo.core import images as pixels
from ganzoo.data.kinds import Kind

SHOWN = 100  # maximum number of images shown of a batch


class DisplayArray(np.ndarray):
    """Array that a notebook shows as a picture: images as a sheet, other examples as their kind of data is drawn.

    It behaves like any array. Slices and views are displayed too; results of operators and NumPy functions are plain
    `np.ndarray`. Create one with `of`, or with `array.view(DisplayArray)` for images and for points of 1 or 2 columns.

    Attributes:
      kind: kind of the examples; None if it is not known.
    """

    kind: Kind | None

    @classmethod
    def of(cls, examples: np.ndarray, kind: Kind) -> DisplayArray:
        """Return examples `[n, *kind.shape]` that show themselves."""
        shown = examples.view(cls)
        shown.kind = kind
        return shown

    def __array_finalize__(self, source: Any) -> None:
        self.kind = getattr(source, "kind", None)

    def _repr_png_(self) -> bytes | None:
        """Return a PNG of the examples, of images the first 100; None if there is nothing to show."""
        plain = np.asarray(self)
        if not plain.size:
            return None
        if plain.dtype == np.uint8 and plain.ndim in (3, 4) and plain.shape[-1] in (1, 3):
            return pixels.encode_png(figures.sheet(plain[:SHOWN] if plain.ndim == 4 else plain[np.newaxis]))
        if self.kind is not None and not self.kind.is_image and plain.shape[1:] == self.kind.shape:
            return pixels.encode_png(self.kind.draw(plain)) if np.isfinite(plain).all() else None
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
