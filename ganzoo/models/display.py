"""What notebooks show of results and of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ganzoo import figures
from ganzoo import images as pixels

if TYPE_CHECKING:
    from ganzoo.models.stepped import SteppedModel

SHOWN = 100  # images of a batch at most: a page of them


class DisplayArray(np.ndarray):
    """Array that a notebook shows as a picture: images as a sheet, points of one or two columns as a plot.

    It is used like any array. Its slices and views show themselves too; whatever is computed from it, by an operator or
    a function of NumPy, is a plain `np.ndarray`. Make one with `array.view(DisplayArray)`.
    """

    def _repr_png_(self) -> bytes | None:
        """PNG of the first 100 images uint8 `[N, H, W, C]`, of one image `[H, W, C]`, or of points `[N, 1 or 2]`."""
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
        if out is not None:
            kwargs["out"] = tuple(map(_plain, out))
        result = getattr(ufunc, method)(*map(_plain, inputs), **{key: _plain(value) for key, value in kwargs.items()})
        if out is None:
            return result
        return out[0] if len(out) == 1 else out

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return _plain(super().__array_function__(function, types, args, kwargs))


def describe(model: SteppedModel) -> str:
    """A model in Markdown: its summary, its networks, and what it offers."""
    config = getattr(model, "config", None)
    about = f": {config.summary}" if config is not None else ""
    rows = [
        f"| {role} | {_shapes(network.inputs)} | {_shapes(network.outputs)} | {network.count_params():,} |"
        for role, network in model.networks.items()
    ]
    offers = [f"`{name}`" for name in ("generate", "sample_latents", "decode", "translate") if hasattr(model, name)]
    return "\n".join(
        [
            f"**{model.name}** ({type(model).__name__}, step {model.step:,}){about}",
            "",
            "| network | inputs | outputs | parameters |",
            "|---|---|---|---|",
            *rows,
            "",
            f"Offers {', '.join(offers)}.",
        ]
    )


def _shapes(tensors: Any) -> str:
    return ", ".join("×".join("N" if side is None else str(side) for side in tensor.shape) for tensor in tensors)


def _plain(value: Any) -> Any:
    if isinstance(value, DisplayArray):
        return value.view(np.ndarray)
    return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value
