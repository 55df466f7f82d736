"""The class-conditional GAN."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ganzoo.models.adversarial import AdversarialModel


class ConditionalGAN(AdversarialModel):
    """Learns a distribution for each label; both networks see the label, and fakes take the labels of the real batch.

    `fit` takes a dataset of batches: `(images [B, …], labels int [B])` or a mapping with `images` and `labels`.

    Source: Mirza & Osindero 2014, arXiv:1411.1784, eq. 2.
    """

    def train_step(self, batches: tuple[Any, ...]) -> dict[str, tf.Tensor]:
        """One step on `critic_steps` batches; see AdversarialModel."""
        pairs = [(batch["examples"], batch["labels"]) if isinstance(batch, dict) else batch for batch in batches]
        real, labels = zip(*pairs, strict=True)
        return self.adversarial_step(real, [(tf.cast(label, tf.int32),) for label in labels])
