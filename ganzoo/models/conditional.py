"""The class-conditional GAN."""

from __future__ import annotations

from typing import Any, Literal

import tensorflow as tf

from ganzoo.models.gan import GAN, Batch, floats
from ganzoo.registry import register


@register("scheme", "conditional")
class ConditionalGAN(GAN):
    """GAN with one distribution per label; both networks see the label, and fakes use the labels of the real batch.

    `fit` takes a dataset of batches: `(examples [B, …], labels int [B])` or a mapping with `examples` and `labels`.

    Source: Mirza & Osindero 2014, arXiv:1411.1784, eq. 2.
    """

    batch = "labelled"

    class Options(GAN.Options):
        """Options of the scheme: also how labels enter the networks, see `networks.conditioning`."""

        conditioning: Literal["concatenation", "embedding", "projection", "auxiliary"]

    def read_batch(self, batch: Any) -> Batch:
        """See GAN."""
        examples, labels = (batch["examples"], batch["labels"]) if isinstance(batch, dict) else batch
        return floats(examples), (tf.cast(labels, tf.int32),)
