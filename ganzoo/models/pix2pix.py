"""Pix2Pix: translation from one domain to another, trained on pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from pydantic import Field

from ganzoo.models.adversarial import Term
from ganzoo.models.translation import TranslationModel
from ganzoo.registry import register
from ganzoo.schema import Section


@register("scheme", "pix2pix")
class Pix2Pix(TranslationModel):
    """Translation G: A -> B trained on pairs (a, b); the discriminator sees input and output together.

        G minimises L(G, D(a, .)) + eta |G(a) - b|, the mean absolute difference (L1)

    Args:
      domains: names of A and B.
      generator: `[N, H, W, C]` in [-1, 1] -> the same.
      discriminator: `[N, H, W, 2 C]`, a and b concatenated along the channels -> logits `[N, h, w, 1]`.
      ema_decay, seed: see SteppedModel.

    A *step* is one update of the discriminator, then one of the generator; `fit` takes a `tf.data.Dataset` of
    batches: mappings from both domains to `[B, H, W, C]` in [-1, 1], or pairs of these in the order of the domains.
    Dropout is active in training only (in the paper always, as the only source of noise).

    The paper halves the discriminator's objective to slow it down. Adam, the usual optimizer, is invariant to such a
    factor, so there is none here except the loss's own.

    Source: Isola et al. 2017, arXiv:1611.07004, eq. 1 to 4.
    """

    batch = "pairs"

    class Options(Section):
        """Options of the scheme: the weight eta."""

        l1_weight: float = Field(default=100.0, ge=0.0)

    def __init__(
        self,
        domains: Sequence[str],
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        ema_decay: float = 0.0,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        made = domains[1]
        super().__init__(domains, {made: generator}, {made: discriminator}, ema_decay=ema_decay, seed=seed, name=name)
        self.generator = generator
        self.discriminator = discriminator

    @classmethod
    def assemble(cls, plan: Any) -> Pix2Pix:
        """See SteppedModel."""
        *sides, channels = plan.shape
        generator = plan.network("generator", "translator", plan.shape)
        discriminator = plan.network("discriminator", "discriminator", (*sides, 2 * channels))
        model = cls(plan.domains, generator, discriminator, **plan.common)
        plan.compile(model, l1_weight=plan.options.l1_weight)
        return model

    @classmethod
    def domains_made(cls, domains: Sequence[str], options: Any) -> list[str]:
        """See TranslationModel."""
        return list(domains[1:])

    def compile(
        self,
        generator_optimizer: Any,
        discriminator_optimizer: Any,
        loss: Any = "non_saturating",
        *,
        l1_weight: float = 100.0,
        **further: Any,
    ) -> None:
        """Set how the model is trained.

        Args:
          generator_optimizer, discriminator_optimizer: a Keras optimizer each, or its name.
          loss: see GAN.compile.
          l1_weight: eta.
          further: penalties, constraints, augmentations, accumulate, clip_norm, xla, steps_per_execution: see
            GAN.compile.

        Raises:
          ConfigError, UsageError: see GAN.compile.
        """
        made = self.domains[1]
        self.compile_adversaries(
            (generator_optimizer, [f"generator_{made}"]),
            (discriminator_optimizer, [f"discriminator_{made}"]),
            loss,
            **further,
        )
        self.l1_weight = l1_weight
        self._judge = f"discriminator_{made}"

    @property
    def log_names(self) -> list[str]:
        """Names of the scalars that a step reports; `l1_loss` is unweighted."""
        first, second, third, *penalties = super().log_names
        return [first, second, third, "l1_loss", *penalties]

    def train_step(self, batches: tuple[Any, ...]) -> None:
        """Update the discriminator, then the generator."""
        given, wanted = (self.of_domains(batches[0])[domain] for domain in self.domains)
        fake = self.forward(self.fake, given, roles=[f"generator_{self.domains[1]}"])
        self.minimise("discriminator", self.discriminator_loss, given, wanted, fake)
        self.minimise("generator", self.generator_loss, given, wanted, fake)

    def fake(self, given: tf.Tensor) -> tf.Tensor:
        """Return G(a)."""
        return self.run(f"generator_{self.domains[1]}", given, purpose="dropout")

    def discriminator_loss(self, given: tf.Tensor, wanted: tf.Tensor, fake: tf.Tensor) -> Term:
        """Return L_D(D(a, b), D(a, G(a)))."""
        return self.discriminator_term(self._judge, _beside(given, wanted), _beside(given, fake), together=True)

    def generator_loss(self, given: tf.Tensor, wanted: tf.Tensor, fake: tf.Tensor) -> Term:
        """Return L_G(D(a, G(a))) + eta |G(a) - b|."""
        loss, terms = self.generator_term(self._judge, _beside(given, wanted), _beside(given, fake))
        terms["l1_loss"] = tf.reduce_mean(tf.abs(fake - wanted))
        return loss + self.l1_weight * terms["l1_loss"], terms


def _beside(given: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    """Concatenate input and output along the channels."""
    return tf.concat([given, output], axis=-1)
