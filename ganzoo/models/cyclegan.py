"""CycleGAN: translation between two domains without pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import keras
import tensorflow as tf
from pydantic import Field

from ganzoo.core import randomness
from ganzoo.models.adversarial import Term
from ganzoo.models.pool import ImagePool
from ganzoo.models.translation import TranslationModel
from ganzoo.networks.layers import Dropout
from ganzoo.registry import register
from ganzoo.schema import Section

Images = dict[str, tf.Tensor]  # by domain
Weight = Annotated[float, Field(ge=0.0)]


@register("scheme", "cyclegan")
class CycleGAN(TranslationModel):
    """Translations in both directions, which invert each other, learned from two unpaired sets of images.

    With G: A -> B, F: B -> A, and discriminators D_A, D_B, the generators minimise

        L(G, D_B) + L(F, D_A) + eta (|F(G(a)) - a| + |G(F(b)) - b|) + eta_id (|F(a) - a| + |G(b) - b|)

    where |.| is the mean absolute difference (L1) and L the adversarial loss. Each discriminator minimises its own part
    of L, on real images and on current and earlier generated ones (the pool).

    Args:
      domains: names of A and B.
      generators: domain -> network that generates its images: `[N, H, W, C]` in [-1, 1] -> the same.
      discriminators: domain -> its discriminator, with logits `[N, h, w, 1]`.
      image_shape: (H, W, C) of the training images, which the pools hold.
      pool_size: number of generated images kept per domain; 0 for no pool.
      ema_decay, seed: see SteppedModel.

    A *step* is one update of both generators, then one of both discriminators; `fit` takes a `tf.data.Dataset` of
    batches: mappings from both domains to `[B, H, W, C]` in [-1, 1], or pairs of these in the order of the domains.
    Each generator runs twice per step, the minimum: on the other domain's images (together with its own, for the
    identity term), and on the other generator's result.

    Source: Zhu et al. 2017, arXiv:1703.10593, eq. 1 to 3, sections 4 and 5.2 (identity).
    """

    batch = "domains"
    parallel_updates = True

    class Options(Section):
        """Options of the scheme: the weights eta and eta_id (by default half of eta), and the pool."""

        cycle_weight: Weight = 10.0
        identity_weight: Weight | None = None
        pool_size: int = Field(default=50, ge=0, le=10_000)

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

    @classmethod
    def assemble(cls, plan: Any) -> CycleGAN:
        """See SteppedModel."""
        options, domains = plan.options, plan.domains
        generators = {domain: plan.network("generator", "translator", plan.shape) for domain in domains}
        discriminators = {domain: plan.network("discriminator", "discriminator", plan.shape) for domain in domains}
        model = cls(domains, generators, discriminators, plan.shape, pool_size=options.pool_size, **plan.common)
        plan.compile(model, cycle_weight=options.cycle_weight, identity_weight=options.identity_weight)
        return model

    def compile(
        self,
        generator_optimizer: Any,
        discriminator_optimizer: Any,
        loss: Any = "least_squares",
        *,
        cycle_weight: float = 10.0,
        identity_weight: float | None = None,
        **further: Any,
    ) -> None:
        """Set how the model is trained.

        Args:
          generator_optimizer: optimizer of both generators.
          discriminator_optimizer: optimizer of both discriminators.
          loss: see GAN.compile.
          cycle_weight: eta.
          identity_weight: eta_id, by default half of eta; with 0 the term is not computed.
          further: penalties, constraints, augmentations, accumulate, clip_norm, xla, steps_per_execution: see
            GAN.compile.

        Raises:
          ConfigError, UsageError: see GAN.compile.
        """
        roles = {kind: [f"{kind}_{domain}" for domain in self.domains] for kind in ("generator", "discriminator")}
        self.compile_adversaries(
            (generator_optimizer, roles["generator"]),
            (discriminator_optimizer, roles["discriminator"]),
            loss,
            **further,
        )
        self.cycle_weight = cycle_weight
        self.identity_weight = 0.5 * cycle_weight if identity_weight is None else identity_weight

    def state(self) -> dict[str, keras.Variable]:
        """See SteppedModel; includes the pools."""
        return {**super().state(), **{f"pool/{domain}": pool.images for domain, pool in self.pools.items()}}

    @property
    def log_names(self) -> list[str]:
        """Names of the scalars that a step reports: unweighted terms, summed over both directions."""
        identity = ["identity_loss"] if getattr(self, "identity_weight", 0.0) else []
        first, second, third, *penalties = super().log_names
        return [first, second, third, "cycle_loss", *identity, *penalties]

    def train_step(self, batches: tuple[Any, ...]) -> None:
        """Update both generators, then both discriminators."""
        real = self.of_domains(batches[0])
        fake = self.minimise("generator", self.generator_loss, real)
        self.minimise("discriminator", self.discriminator_loss, real, self._shown(fake))

    def generator_loss(self, real: Images) -> tuple[tf.Tensor, dict[str, tf.Tensor], Images]:
        """Return L(G, D_B) + L(F, D_A) + eta (cycle) + eta_id (identity), its terms, and the generated images."""
        fake, same = {}, {}
        for domain in self.domains:
            fake[domain], same[domain] = self._translated(domain, real[self.other(domain)], real[domain])
        back = {domain: self._made(domain, fake[self.other(domain)], "cycled") for domain in self.domains}
        loss, terms = _sum(
            self.generator_term(f"discriminator_{domain}", real[domain], fake[domain], counters=(number,))
            for number, domain in enumerate(self.domains)
        )
        terms["cycle_loss"] = tf.add_n([_distance(back[domain], real[domain]) for domain in self.domains])
        loss += self.cycle_weight * terms["cycle_loss"]
        if self.identity_weight:
            terms["identity_loss"] = tf.add_n([_distance(same[domain], real[domain]) for domain in self.domains])
            loss += self.identity_weight * terms["identity_loss"]
        return loss, terms, fake

    def discriminator_loss(self, real: Images, shown: Images) -> Term:
        """Return the sum of the discriminators' losses, and its terms."""
        loss, terms = _sum(
            self.discriminator_term(
                f"discriminator_{domain}", real[domain], shown[domain], counters=(number,), together=True
            )
            for number, domain in enumerate(self.domains)
        )
        return loss, {**terms, "discriminator_accuracy": terms["discriminator_accuracy"] / len(self.domains)}

    def _shown(self, fake: Images) -> Images:
        """Return the images shown to the discriminators instead of this replica's new ones."""
        if not self.pools:
            return fake
        rows = randomness.rows_of(fake[self.domains[0]])
        place = randomness.place_of_replica(rows)
        seen = self.step_counter.value * tf.cast(place.total, tf.int64)
        return {
            domain: self.pools[domain].exchange(fake[domain], seen, self.key("pool", number), place)
            for number, domain in enumerate(self.domains)
        }

    def _translated(self, domain: str, source: tf.Tensor, own: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return a generator's results for the other domain's images and, for the identity term, for its own."""
        if not self.identity_weight:
            return self._made(domain, source, "translated"), None
        if any(isinstance(layer, Dropout) for layer in self.generators[domain].layers):  # masks depend on the row
            return self._made(domain, source, "translated"), self._made(domain, own, "same")
        translated, same = tf.split(self._made(domain, tf.concat([source, own], axis=0), "translated"), 2)
        return translated, same

    def _made(self, domain: str, source: tf.Tensor, purpose: str) -> tf.Tensor:
        counters = (self.domains.index(domain),)
        return self.run(f"generator_{domain}", source, purpose=purpose, counters=counters)


def _sum(terms: Any) -> Term:
    """Add up the losses of both directions, and their terms."""
    losses, each = zip(*terms, strict=True)
    return tf.add_n(list(losses)), {name: tf.add_n([one[name] for one in each]) for name in each[0]}


def _distance(made: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """Return the mean absolute difference of images in [-1, 1]."""
    return tf.reduce_mean(tf.abs(made - wanted))
