"""The unconditional GAN."""

from __future__ import annotations

from typing import Any

from ganzoo.models.gan import GAN, Batch, floats
from ganzoo.registry import register


@register("scheme", "vanilla")
class VanillaGAN(GAN):
    """GAN without labels.

    `fit` takes a dataset of batches: a tensor `[B, …]` or a mapping with `examples`.

    Source: Goodfellow et al. 2014, arXiv:1406.2661.
    """

    batch = "examples"

    def read_batch(self, batch: Any) -> Batch:
        """See GAN."""
        return floats(batch["examples"] if isinstance(batch, dict) else batch), ()
