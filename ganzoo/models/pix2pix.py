"""Pix2Pix: translation from one domain to another, learned from pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from ganzoo import randomness
from ganzoo.losses import LOSSES, accuracy
from ganzoo.models.accumulation import Part, Sums, parts_of
from ganzoo.models.compiled import compiled
from ganzoo.models.translation import TranslationModel


class Pix2Pix(TranslationModel):
    """Learns G: A -> B from pairs (a, b); the discriminator sees the input beside the output.

        G minimises L(G, D(a, .)) + eta |G(a) - b|, the mean absolute difference (L1)

    Args:
      domains: the names of A and B.
      generator: `[N, H, W, C]` in [-1, 1] -> the same.
      discriminator: `[N, H, W, 2 C]`, a and then b along the channels -> logits `[N, h, w, 1]`.
      ema_decay, seed: see SteppedModel.

    A *step* is one update of the discriminator and then one of the generator; `fit` takes a `tf.data.Dataset` of
    batches: mappings from both domains to `[B, H, W, C]` in [-1, 1], or pairs of such in the order of the domains.
    Dropout is on in training alone (the paper has it on always, as the only source of noise).

    The paper halves the discriminator's objective, to slow it down; Adam, which everybody trains it with, does not see
    such a factor, so there is none here beyond the loss's own.

    Source: Isola et al. 2017, arXiv:1611.07004, eq. 1 to 4.
    """

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

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer,
        discriminator_optimizer: keras.optimizers.Optimizer,
        loss: str = "non_saturating",
        *,
        l1_weight: float = 100.0,
        label_smoothing: float = 0.0,
        accumulate: int = 1,
        clip_norm: float | None = None,
        xla: bool = False,
        steps_per_execution: int = 1,
    ) -> None:
        """Sets how the model is trained.

        Args:
          generator_optimizer, discriminator_optimizer: one Keras optimizer each.
          loss: name in `ganzoo.losses`.
          l1_weight: eta.
          label_smoothing, accumulate, clip_norm, xla, steps_per_execution: see AdversarialModel.compile.

        Raises:
          UsageError: networks, optimizers, model and this call are not all under the same strategy.
        """
        made = self.domains[1]
        self.compile_updates(
            {
                "generator": (generator_optimizer, [f"generator_{made}"]),
                "discriminator": (discriminator_optimizer, [f"discriminator_{made}"]),
            },
            accumulate=accumulate,
            clip_norm=clip_norm,
            steps_per_execution=steps_per_execution,
        )
        self.adversarial_loss = LOSSES.get(loss)()
        self.l1_weight = l1_weight
        self.label_smoothing = label_smoothing
        self._run_generator = compiled(self._fake_of, [self.generator], xla)
        self._run_discriminator = compiled(self._discriminator_gradients, [self.discriminator], xla)
        self._run_judge = compiled(self._judged, [self.discriminator], xla)

    @property
    def log_names(self) -> list[str]:
        """The scalars that a step reports; `l1_loss` is without its weight."""
        return ["generator_loss", "discriminator_loss", "discriminator_accuracy", "l1_loss"]

    def train_step(self, batches: tuple[Any, ...]) -> dict[str, tf.Tensor]:
        """One update of the discriminator, one of the generator, the moving average; in replica context.

        Args:
          batches: one batch of pairs.

        Returns:
          The scalars of `log_names`, means over this replica's rows.
        """
        (batch,) = batches
        pairs = self.of_domains(batch)
        given, wanted = (pairs[domain] for domain in self.domains)
        parts = parts_of(given.shape[0] or tf.shape(given)[0], self.accumulate)
        sums = Sums(len(parts))
        for part in parts:
            with sums.one_after_another():
                with tf.GradientTape() as tape:  # of the last one: for the generator's update
                    fake = self._fake(given, part)
                sums.add(*self._run_discriminator(part.of(given), part.of(wanted), tf.stop_gradient(fake)))
        logs = sums.logs
        weights = self.updates["discriminator"].apply(sums.gradients)
        sums = Sums(len(parts))
        for part in parts:
            with sums.one_after_another():
                if len(parts) > 1:  # what was kept of more than one part would be no saving
                    with tf.GradientTape() as tape:
                        fake = self._fake(given, part)
                with tape:
                    terms = self._run_judge(part.of(given), part.of(wanted), fake)
                    loss = terms["generator_loss"] + self.l1_weight * terms["l1_loss"]
                    scaled = self.updates["generator"].scaled(loss / self._replicas)
                sums.add(tape.gradient(scaled, [v.value for v in self.updates["generator"].trainable]), terms)
        logs = self._checked_logs(logs | sums.logs)
        weights += self.updates["generator"].apply(sums.gradients)
        self._end_step(logs, weights)
        return logs

    def _fake(self, given: tf.Tensor, part: Part) -> tf.Tensor:
        return self._run_generator(part.of(given), self._key("dropout"), part.place.first, part.place.total)

    def _fake_of(self, given: tf.Tensor, key: tf.Tensor, first: Any, total: Any) -> tf.Tensor:
        with randomness.scope(key, randomness.Place(first, total)):
            return self.generator(given, training=True)

    def _logits(self, given: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        return self.discriminator(tf.concat([given, output], axis=-1), training=True)

    def _judged(self, given: tf.Tensor, wanted: tf.Tensor, fake: tf.Tensor) -> dict[str, tf.Tensor]:
        """The terms of the generator's loss, without their weights."""
        return {
            "generator_loss": tf.reduce_mean(self.adversarial_loss.generator(self._logits(given, fake))),
            "l1_loss": tf.reduce_mean(tf.abs(fake - wanted)),
        }

    def _discriminator_gradients(
        self, given: tf.Tensor, wanted: tf.Tensor, fake: tf.Tensor
    ) -> tuple[list[tf.Tensor], dict[str, tf.Tensor]]:
        """This replica's part of the gradient of the discriminator's scaled loss, and what is reported of it."""
        with tf.GradientTape() as tape:
            twice = tf.concat([given, given], axis=0)
            real_logits, fake_logits = tf.split(self._logits(twice, tf.concat([wanted, fake], axis=0)), 2)
            loss = tf.reduce_mean(self.adversarial_loss.discriminator(real_logits, fake_logits, self.label_smoothing))
            scaled = self.updates["discriminator"].scaled(loss / self._replicas)
        gradients = tape.gradient(scaled, [v.value for v in self.updates["discriminator"].trainable])
        right = accuracy(self.adversarial_loss, real_logits, fake_logits)
        return gradients, {"discriminator_loss": loss, "discriminator_accuracy": right}
