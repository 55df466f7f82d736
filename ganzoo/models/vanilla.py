"""The unconditional GAN."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ganzoo.models.adversarial import AdversarialModel


class VanillaGAN(AdversarialModel):
    """Learns a distribution without labels.

    `fit` takes a dataset of batches: a tensor `[B, …]` or a mapping with `images`.

    Source: Goodfellow et al. 2014, arXiv:1406.2661.
    """

    def train_step(self, batches: tuple[Any, ...]) -> dict[str, tf.Tensor]:
        """One step on `critic_steps` batches; see AdversarialModel."""
        real = [batch["examples"] if isinstance(batch, dict) else batch for batch in batches]
        return self.adversarial_step(real, [()] * len(real))
