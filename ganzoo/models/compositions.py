"""Combinations of parts that cannot work, refused with the reason when a model is compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ganzoo.errors import UsageError
from ganzoo.networks.layers import BatchNormalization, SpectralNormalization

SOURCES = {  # of further outputs of a discriminator
    "features": "set discriminator.features=true, for the networks that have the option",
    "class_logits": "set model.conditioning=auxiliary",
}


def check_composition(
    model: Any, discriminators: Sequence[str], constraints: Sequence[Any], over_batch: Sequence[str], accumulate: int
) -> None:
    """Check that the parts of a model can be combined.

    Args:
      model: an AdversarialModel with its loss, penalties and augmentations.
      discriminators: roles of its discriminators.
      constraints: constraints, with the updates that they join.
      over_batch: names of the parts with statistics of the whole batch.
      accumulate: number of parts of a batch whose gradients are accumulated.

    Raises:
      UsageError: if they cannot; says why.
    """
    judges = [model.networks[role] for role in discriminators]
    if over_batch and accumulate > 1:
        raise UsageError(
            f"training.accumulate: expected 1, got {accumulate}: the part '{over_batch[0]}' has statistics of the "
            "whole batch, which accumulation splits"
        )
    for penalty in model.penalties:
        for output in getattr(penalty.function, "outputs", ()):
            for has in map(_outputs, judges):
                if output not in has:
                    raise UsageError(
                        f"penalties: {penalty.name}: expected a discriminator with the output '{output}', got one with "
                        f"{', '.join(has)} ({SOURCES.get(output, 'choose another discriminator.network')})"
                    )
        if getattr(penalty.function, "each_alone", False) and _has(judges, BatchNormalization):
            raise UsageError(
                f"penalties: {penalty.name}: expected a discriminator that judges each example alone, got batch "
                "normalisation, which mixes their gradients (set discriminator.normalization=none)"
            )
    trained = {output for penalty in model.penalties for output in getattr(penalty.function, "outputs", ())}
    if "class_logits" not in trained and any("class_logits" in _outputs(judge) for judge in judges):
        raise UsageError(
            "penalties: expected one that trains class_logits, got none "
            "(add {name: auxiliary_classifier, weight: 1.0}, or set another model.conditioning)"
        )
    for constraint in constraints:
        networks = judges if constraint.update == "discriminator" else list(model.networks.values())
        if _has(networks, SpectralNormalization):
            raise UsageError(
                f"constraints: {constraint.name}: expected layers without spectral normalisation, which divides each "
                "kernel by its size and so undoes the bound (use one of the two)"
            )
    threshold = getattr(model.adversarial_loss, "threshold", 0.0)
    if threshold is None and any(hasattr(augmentation.function, "observe") for augmentation in model.augmentations):
        raise UsageError(
            "augmentations: expected a loss whose logits are positive for real examples, for an augmentation that "
            f"adapts to them, got {type(model.adversarial_loss).__name__} (for example non_saturating)"
        )


def _outputs(network: keras.Model) -> list[str]:
    """Return the names of a discriminator's outputs."""
    outputs = getattr(network, "output", None)
    return list(outputs) if isinstance(outputs, Mapping) else ["logits"]


def _has(networks: Sequence[keras.Model], kind: type) -> bool:
    kinds = (kind, keras.layers.BatchNormalization) if kind is BatchNormalization else kind
    return any(isinstance(layer, kinds) for network in networks for layer in network.layers)
