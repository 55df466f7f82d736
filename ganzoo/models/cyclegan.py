"""CycleGAN: translation between two domains without pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from ganzoo import randomness
from ganzoo.layers import Dropout
from ganzoo.losses import LOSSES, accuracy
from ganzoo.models.accumulation import Sums, parts_of
from ganzoo.models.compiled import compiled
from ganzoo.models.pool import ImagePool
from ganzoo.models.translation import TranslationModel

Images = dict[str, tf.Tensor]  # by domain


class CycleGAN(TranslationModel):
    """Learns translations in both directions, which undo each other, from two unpaired sets of images.

    With G: A -> B, F: B -> A, and discriminators D_A, D_B, the generators minimise

        L(G, D_B) + L(F, D_A) + eta (|F(G(a)) - a| + |G(F(b)) - b|) + eta_id (|F(a) - a| + |G(b) - b|)

    with |.| the mean absolute difference (L1) and L the adversarial loss, and each discriminator its own part of the
    latter, on real images and on generated ones of now and before (the pool).

    Args:
      domains: the names of A and B.
      generators: domain -> the network that makes images of it: `[N, H, W, C]` in [-1, 1] -> the same.
      discriminators: domain -> the network that judges them: -> logits `[N, h, w, 1]`.
      image_shape: (H, W, C) of the training images, which the pools hold.
      pool_size: generated images of each domain that are kept; 0 for no pool.
      ema_decay, seed: see SteppedModel.

    A *step* is one update of both generators and then one of both discriminators; `fit` takes a `tf.data.Dataset` of
    batches: mappings from both domains to `[B, H, W, C]` in [-1, 1], or pairs of such in the order of the domains. Each
    generator runs twice a step, which is the least there is: once on the other domain's images (together with its own
    ones, for the identity term), once on the other generator's result.

    Source: Zhu et al. 2017, arXiv:1703.10593, eq. 1 to 3, sections 4 and 5.2 (identity).
    """

    def __init__(
        self,
        domains: Sequence[str],
        generators: Mapping[str, keras.Model],
        discriminators: Mapping[str, keras.Model],
        image_shape: tuple[int, ...],
        *,
        pool_size: int = 50,
        ema_decay: float = 0.0,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        super().__init__(domains, generators, discriminators, ema_decay=ema_decay, seed=seed, name=name)
        self.pools = (
            {domain: ImagePool(self, f"pool_{domain}", pool_size, image_shape) for domain in domains}
            if pool_size
            else {}
        )

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer,
        discriminator_optimizer: keras.optimizers.Optimizer,
        loss: str = "least_squares",
        *,
        cycle_weight: float = 10.0,
        identity_weight: float | None = None,
        label_smoothing: float = 0.0,
        accumulate: int = 1,
        clip_norm: float | None = None,
        xla: bool = False,
        steps_per_execution: int = 1,
    ) -> None:
        """Sets how the model is trained.

        Args:
          generator_optimizer: of both generators.
          discriminator_optimizer: of both discriminators.
          loss: name in `ganzoo.losses`.
          cycle_weight: eta.
          identity_weight: eta_id, by default half of eta; with 0 the term is not computed.
          label_smoothing, accumulate, clip_norm, xla, steps_per_execution: see AdversarialModel.compile.

        Raises:
          UsageError: networks, optimizers, model and this call are not all under the same strategy.
        """
        roles = {kind: [f"{kind}_{domain}" for domain in self.domains] for kind in ("generator", "discriminator")}
        self.compile_updates(
            {
                "generator": (generator_optimizer, roles["generator"]),
                "discriminator": (discriminator_optimizer, roles["discriminator"]),
            },
            accumulate=accumulate,
            clip_norm=clip_norm,
            steps_per_execution=steps_per_execution,
        )
        self.adversarial_loss = LOSSES.get(loss)()
        self.cycle_weight = cycle_weight
        self.identity_weight = 0.5 * cycle_weight if identity_weight is None else identity_weight
        self.label_smoothing = label_smoothing
        self._run_generators = compiled(self._generator_gradients, list(self.networks.values()), xla)
        self._run_discriminators = compiled(self._discriminator_gradients, list(self.discriminators.values()), xla)

    def state(self) -> dict[str, keras.Variable]:
        """See SteppedModel; the pools are in it."""
        return {**super().state(), **{f"pool/{domain}": pool.images for domain, pool in self.pools.items()}}

    @property
    def log_names(self) -> list[str]:
        """The scalars that a step reports: sums over both directions of the terms without their weights."""
        identity = ["identity_loss"] if getattr(self, "identity_weight", 0.0) else []
        return ["generator_loss", "discriminator_loss", "discriminator_accuracy", "cycle_loss", *identity]

    def train_step(self, batches: tuple[Any, ...]) -> dict[str, tf.Tensor]:
        """One update of the generators, one of the discriminators, the moving averages; in replica context.

        Args:
          batches: one batch of both domains.

        Returns:
          The scalars of `log_names`, means over this replica's rows.
        """
        (batch,) = batches
        real = self.of_domains(batch)
        first = real[self.domains[0]]
        parts = parts_of(first.shape[0] or tf.shape(first)[0], self.accumulate)
        sums, made = Sums(len(parts)), []
        for part in parts:
            with sums.one_after_another():
                keys = {name: self._key(name) for name in ("translated", "cycled", "same")}
                gradients, logs, fakes = self._run_generators(part.of(real), keys, part.place.first, part.place.total)
                sums.add(gradients, logs)
                made.append(fakes)
        logs = sums.logs
        shown = self._shown({domain: tf.concat([fakes[domain] for fakes in made], 0) for domain in self.domains})
        weights = self.updates["generator"].apply(sums.gradients)
        sums = Sums(len(parts))
        for part in parts:
            with sums.one_after_another():
                sums.add(*self._run_discriminators(part.of(real), part.of(shown)))
        logs = self._checked_logs(logs | sums.logs)
        weights += self.updates["discriminator"].apply(sums.gradients)
        self._end_step(logs, weights)
        return logs

    def _shown(self, fakes: Images) -> Images:
        """What the discriminators are shown in the place of this replica's new images."""
        if not self.pools:
            return fakes
        rows = fakes[self.domains[0]].shape[0] or tf.shape(fakes[self.domains[0]])[0]
        place = randomness.place_of_replica(rows)
        seen = self.step_counter.value * tf.cast(place.total, tf.int64)
        return {
            domain: self.pools[domain].exchange(new, seen, self._key("pool", number), place)
            for number, (domain, new) in enumerate(fakes.items())
        }

    def _generator_gradients(
        self, real: Images, keys: dict[str, tf.Tensor], first: Any, total: Any
    ) -> tuple[list[tf.Tensor], dict[str, tf.Tensor], Images]:
        """This replica's part of the gradient of the generators' scaled loss, its terms, and the generated images."""
        place = randomness.Place(first, total)
        with tf.GradientTape() as tape:
            fakes, same = {}, {}
            for domain in self.domains:
                source = real[self.other(domain)]
                if self.identity_weight:
                    fakes[domain], same[domain] = self._both(domain, source, real[domain], keys, place)
                else:
                    fakes[domain] = self._generate(domain, source, keys["translated"], place)
            back = {
                domain: self._generate(domain, fakes[self.other(domain)], keys["cycled"], place)
                for domain in self.domains
            }
            judged = [self.discriminators[domain](fakes[domain], training=True) for domain in self.domains]
            logs = {
                "generator_loss": tf.add_n([tf.reduce_mean(self.adversarial_loss.generator(x)) for x in judged]),
                "cycle_loss": tf.add_n([_distance(back[domain], real[domain]) for domain in self.domains]),
            }
            loss = logs["generator_loss"] + self.cycle_weight * logs["cycle_loss"]
            if self.identity_weight:
                logs["identity_loss"] = tf.add_n([_distance(same[domain], real[domain]) for domain in self.domains])
                loss += self.identity_weight * logs["identity_loss"]
            scaled = self.updates["generator"].scaled(loss / self._replicas)
        gradients = tape.gradient(scaled, [v.value for v in self.updates["generator"].trainable])
        return gradients, logs, fakes

    def _both(
        self, domain: str, source: tf.Tensor, own: tf.Tensor, keys: dict[str, tf.Tensor], place: randomness.Place
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """A generator's results for the other domain's images and for its own, in one call where that is the same."""
        if any(isinstance(layer, Dropout) for layer in self.generators[domain].layers):  # masks go by the row
            return (
                self._generate(domain, source, keys["translated"], place),
                self._generate(domain, own, keys["same"], place),
            )
        made = self.generators[domain](tf.concat([source, own], axis=0), training=True)
        translated, same = tf.split(made, 2)
        return translated, same

    def _generate(self, domain: str, source: tf.Tensor, key: tf.Tensor, place: randomness.Place) -> tf.Tensor:
        with randomness.scope(randomness.fold(key, self.domains.index(domain)), place):
            return self.generators[domain](source, training=True)

    def _discriminator_gradients(self, real: Images, shown: Images) -> tuple[list[tf.Tensor], dict[str, tf.Tensor]]:
        """This replica's part of the gradient of the discriminators' scaled loss, and what is reported of them."""
        losses, accuracies = [], []
        with tf.GradientTape() as tape:
            for domain in self.domains:
                both = tf.concat([real[domain], tf.stop_gradient(shown[domain])], axis=0)
                real_logits, fake_logits = tf.split(self.discriminators[domain](both, training=True), 2)
                loss = self.adversarial_loss.discriminator(real_logits, fake_logits, self.label_smoothing)
                losses.append(tf.reduce_mean(loss))
                accuracies.append(accuracy(self.adversarial_loss, real_logits, fake_logits))
            loss = tf.add_n(losses)
            scaled = self.updates["discriminator"].scaled(loss / self._replicas)
        gradients = tape.gradient(scaled, [v.value for v in self.updates["discriminator"].trainable])
        return gradients, {"discriminator_loss": loss, "discriminator_accuracy": tf.reduce_mean(accuracies)}


def _distance(made: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """The mean absolute difference, of images in [-1, 1]."""
    return tf.reduce_mean(tf.abs(made - wanted))
