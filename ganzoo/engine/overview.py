"""What notebooks show of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganzoo.engine.stepped import SteppedModel


def describe(model: SteppedModel) -> str:
    """A model in Markdown: its summary, its networks, and what it offers."""
    config = getattr(model, "config", None)
    about = f": {config.summary}" if config is not None else ""
    rows = [
        f"| {role} | {_shapes(network.inputs)} | {_shapes(network.outputs)} | {network.count_params():,} |"
        for role, network in model.networks.items()
    ]
    offers = [f"`{name}`" for name in model.offers]
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
