"""Model overviews, in Markdown for notebooks and in plain text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import keras


class Described(Protocol):
    """Attributes of a model that an overview reads; see `engine.stepped.SteppedModel`."""

    name: str
    offers: tuple[str, ...]
    networks: Mapping[str, keras.Model]
    averages: Mapping[str, keras.Model]
    updates: Mapping[str, Any]
    ema_decay: float

    @property
    def step(self) -> int: ...

    def direction(self, role: str) -> str: ...


def describe(model: Described) -> str:
    """Return a Markdown description of a model: its summary, networks and methods."""
    config = getattr(model, "config", None)
    about = f": {config.summary}" if config is not None else ""
    rows = ["| " + " | ".join(row) + " |" for row in _rows(model)]
    offers = ", ".join(f"`{name}`" for name in model.offers) or "nothing"
    head = f"**{model.name}** ({type(model).__name__}, step {model.step:,}){about}"
    return "\n".join([head, "", rows[0], "|---" * len(COLUMNS) + "|", *rows[1:], "", f"Offers {offers}."])


def summary(model: Described) -> str:
    """Return the description in plain text, for `model.summary()`."""
    rows = _rows(model)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    total = sum(network.count_params() for network in model.networks.values())
    return "\n".join(
        [
            f"{model.name} ({type(model).__name__}), step {model.step:,}",
            *lines,
            f"{total:,} parameters without moving averages; offers {', '.join(model.offers) or 'nothing'}",
        ]
    )


COLUMNS = ("network", "direction", "parameters", "moving average", "trained by")


def _rows(model: Described) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [COLUMNS]
    for role, network in model.networks.items():
        average = model.averages.get(role)
        trained = [name for name, update in model.updates.items() if role in update.roles]
        way = f"{_shapes(network.inputs)} → {_shapes(network.outputs)}"
        meaning = model.direction(role)
        rows.append(
            (
                role,
                f"{meaning}: {way}" if meaning else way,
                f"{network.count_params():,}",
                "none"
                if average is None
                else "its own weights"
                if average is network
                else f"decay {model.ema_decay:g}",
                ", ".join(trained) or "nothing",
            )
        )
    return rows


def _shapes(tensors: Any) -> str:
    return " and ".join("×".join("N" if side is None else str(side) for side in tensor.shape) for tensor in tensors)
