"""Combinations of parts that cannot work, refused with the reason when a model is compiled."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import keras

from ganzoo.errors import UsageError
from ganzoo.networks.layers import BatchNormalization, SpectralNormalization, StyleMean
from ganzoo.objectives import parts

SOURCES = {  # of further outputs of a discriminator
    "features": "set discriminator.features=true, for the networks that have the option",
    "class_logits": "set model.scheme=conditional and model.conditioning=auxiliary",
}

_log = logging.getLogger(__name__)
_warns: contextvars.ContextVar[bool] = contextvars.ContextVar("ganzoo_warns_of_combinations", default=False)


@contextmanager
def warned() -> Iterator[None]:
    """Warn of combinations instead of refusing them: models that an older version trained so still load."""
    token = _warns.set(True)
    try:
        yield
    finally:
        _warns.reset(token)


def check_composition(
    networks: Mapping[str, keras.Model],
    discriminators: Sequence[str],
    loss: Any,
    penalties: Sequence[parts.Penalty],
    constraints: Sequence[parts.Constraint],
    augmentations: Sequence[parts.Augmentation],
    accumulate: int,
) -> None:
    """Check that the parts of a model can be combined.

    Args:
      networks: all networks, by role.
      discriminators: roles of the discriminators.
      loss, penalties, constraints, augmentations: the objectives.
      accumulate: number of parts of a batch whose gradients are accumulated.

    Raises:
      UsageError: if they cannot; says why.
    """
    judges = [networks[role] for role in discriminators]
    for problem in (
        *_of_heads(loss, judges),
        *_of_batch_statistics(loss, penalties, augmentations, accumulate),
        *_of_penalties(penalties, judges, networks),
        *_of_constraints(constraints, judges, networks),
        *_of_augmentations(augmentations, loss),
    ):
        if not _warns.get():
            raise UsageError(problem)
        _log.warning("%s", problem)


def over_batch(loss: Any, penalties: Sequence[parts.Penalty], augmentations: Sequence[parts.Augmentation]) -> list[str]:
    """Return the names of the objectives with statistics of the whole batch."""
    named = [("loss", loss), *((one.name, one.function) for one in penalties)]
    named += [(f"augmentations.{number}", one.function) for number, one in enumerate(augmentations)]
    return [name for name, one in named if getattr(one, "over_batch", False)]


def _of_batch_statistics(loss: Any, penalties: Any, augmentations: Any, accumulate: int) -> Iterator[str]:
    if accumulate > 1 and (names := over_batch(loss, penalties, augmentations)):
        yield (
            f"training.accumulate: expected 1, got {accumulate}: the part '{names[0]}' has statistics of the "
            "whole batch, which accumulation splits"
        )


def _of_heads(loss: Any, judges: Sequence[keras.Model]) -> Iterator[str]:
    wanted = getattr(loss, "heads", None)
    for judge in judges:
        logits = _outputs(judge)["logits"]
        if wanted and logits is not None and logits.shape[-1] != wanted:
            yield (
                f"loss.losses: expected a discriminator with {wanted} logits, one for each loss, got one with "
                f"{logits.shape[-1]} (set discriminator.heads={wanted}, for the networks that have the option)"
            )


def _of_penalties(
    penalties: Sequence[parts.Penalty], judges: Sequence[keras.Model], networks: Mapping[str, keras.Model]
) -> Iterator[str]:
    for penalty in penalties:
        for output in getattr(penalty.function, "outputs", ()):
            for has in map(_outputs, judges):
                if output not in has:
                    yield (
                        f"penalties: {penalty.name}: expected a discriminator with the output '{output}', got one with "
                        f"{', '.join(has)} ({SOURCES.get(output, 'choose another discriminator.network')})"
                    )
        if getattr(penalty.function, "each_alone", False) and normalises_over_batch(judges):
            yield (
                f"penalties: {penalty.name}: expected a discriminator that judges each example alone, got batch "
                "normalisation, which mixes their gradients (set discriminator.normalization=none)"
            )
        if getattr(penalty.function, "styles", False) and not _has(list(networks.values()), StyleMean):
            yield (
                f"penalties: {penalty.name}: expected a generator with styles, got none (set generator.network=style)"
            )
    trained = {output for penalty in penalties for output in getattr(penalty.function, "outputs", ())}
    if "class_logits" not in trained and any("class_logits" in _outputs(judge) for judge in judges):
        yield (
            "penalties: expected one that trains class_logits, got none "
            "(add {name: auxiliary_classifier, weight: 1.0}, or set another model.conditioning)"
        )


def _of_constraints(
    constraints: Sequence[parts.Constraint], judges: Sequence[keras.Model], networks: Mapping[str, keras.Model]
) -> Iterator[str]:
    for constraint in constraints:
        held = judges if constraint.update == "discriminator" else list(networks.values())
        if _has(held, SpectralNormalization):
            yield (
                f"constraints: {constraint.name}: expected layers without spectral normalisation, which divides each "
                "kernel by its size and so undoes the bound (use one of the two)"
            )


def _of_augmentations(augmentations: Sequence[parts.Augmentation], loss: Any) -> Iterator[str]:
    threshold = getattr(loss, "threshold", 0.0)
    if threshold is None and any(hasattr(one.function, "observe") for one in augmentations):
        yield (
            "augmentations: expected a loss whose logits are positive for real examples, for an augmentation that "
            f"adapts to them, got {type(loss).__name__} (for example non_saturating)"
        )


def normalises_over_batch(networks: Sequence[keras.Model]) -> bool:
    """Return whether a network has batch normalisation."""
    return _has(networks, BatchNormalization, keras.layers.BatchNormalization)


def _outputs(network: keras.Model) -> Mapping[str, Any]:
    """Return a discriminator's outputs by name, None for the logits of a network without symbolic outputs."""
    outputs = getattr(network, "output", None)
    return outputs if isinstance(outputs, Mapping) else {"logits": outputs}


def _has(networks: Sequence[keras.Model], *kinds: type) -> bool:
    return any(isinstance(layer, kinds) for network in networks for layer in network.layers)
