"""CUT and FastCUT: translation to one domain without pairs and without a way back, by contrasting patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from pydantic import Field

from ganzoo.core import randomness
from ganzoo.engine.compiled import compiled_network
from ganzoo.engine.phases import now
from ganzoo.errors import UsageError, did_you_mean
from ganzoo.models.adversarial import Term
from ganzoo.models.translation import TranslationModel
from ganzoo.networks.initial import initial
from ganzoo.registry import register
from ganzoo.schema import Section

HEAD_UNITS = 256


@register("scheme", "cut")
class CUT(TranslationModel):
    """Translation G: X -> Y learned from unpaired images, by contrasting patches of each translation and its original.

    With a discriminator D of Y, G and the heads H minimise

        L(G, D) + nce_weight PatchNCE(G(x), x) + identity_weight PatchNCE(G(y), y)

    PatchNCE compares features of both images, from layers of G's encoder and through a two-layer head each, at random
    positions: see `patch_nce`. It is a mean over layers and positions, as in the authors' code, which weighs its two
    terms by a half each. FastCUT has nce_weight 10, identity_weight 0 and flip-equivariance: G sees half of the images
    flipped, and the features of its results are flipped back.

    Args:
      domains: names of both domains.
      generator: `[N, H, W, C]` in [-1, 1] -> the same.
      discriminator: images of the target domain -> logits `[N, h, w, 1]`.
      encoder: the generator's layers whose features are compared, see `encoder_of`; the heads are made for them.
      to: the target domain Y, by default the second.
      ema_decay, seed: see SteppedModel.

    A *step* is one update of the discriminator, then one of generator and heads; `fit` takes batches as CycleGAN does.

    Source: Park et al. 2020, arXiv:2007.15651, eq. 1 to 3 and 5, appendix C.
    """

    batch = "domains"

    class Options(Section):
        """Options of the scheme: those of `CUT` and `CUT.compile`, and names of the encoder's `layers`."""

        to: str | None = None
        nce_weight: float = Field(default=1.0, gt=0.0)
        identity_weight: float = Field(default=1.0, ge=0.0)
        flip_equivariance: bool = False
        layers: list[str] | None = Field(default=None, min_length=1)
        positions: int = Field(default=256, ge=2)
        temperature: float = Field(default=0.07, gt=0.0)

    def __init__(
        self,
        domains: Sequence[str],
        generator: keras.Model,
        discriminator: keras.Model,
        encoder: keras.Model,
        *,
        to: str | None = None,
        **common: Any,
    ) -> None:
        to = _target(domains, to)
        further = {"heads": heads_of(encoder)}
        super().__init__(domains, {to: generator}, {to: discriminator}, further=further, **common)
        self.to = to
        self.generator = generator
        self.discriminator = discriminator
        self.encoder = encoder

    @classmethod
    def assemble(cls, plan: Any) -> CUT:
        """See SteppedModel."""
        options = plan.options.model_dump()
        to, layers = options.pop("to"), options.pop("layers")
        generator = plan.network("generator", "translator", plan.shape)
        encoder = encoder_of(generator, layers)
        _check_positions(encoder, plan.shape, options["positions"])
        discriminator = plan.network("discriminator", "discriminator", plan.shape)
        model = cls(plan.domains, generator, discriminator, encoder, to=to, **plan.common)
        plan.compile(model, **options)
        return model

    @classmethod
    def domains_made(cls, domains: Sequence[str], options: Any) -> list[str]:
        """See TranslationModel."""
        return [_target(domains, options.to)]

    def compile(
        self,
        generator_optimizer: Any,
        discriminator_optimizer: Any,
        loss: Any = "least_squares",
        *,
        nce_weight: float = 1.0,
        identity_weight: float = 1.0,
        flip_equivariance: bool = False,
        positions: int = 256,
        temperature: float = 0.07,
        **further: Any,
    ) -> None:
        """Set how the model is trained.

        Args:
          generator_optimizer: optimizer of generator and heads.
          discriminator_optimizer: optimizer of the discriminator.
          loss: see GAN.compile.
          nce_weight, identity_weight: weights of PatchNCE; with an identity_weight of 0 the term is not computed.
          flip_equivariance: flip half of the images left to right.
          positions: number of random positions in each layer, at most as many as each has.
          temperature: see `patch_nce`.
          further: penalties, constraints, augmentations, accumulate, clip_norm, xla, steps_per_execution: see
            GAN.compile.

        Raises:
          ConfigError, UsageError: see GAN.compile.
        """
        self._judge = f"discriminator_{self.to}"
        self.compile_adversaries(
            (generator_optimizer, [f"generator_{self.to}", "heads"]),
            (discriminator_optimizer, [self._judge]),
            loss,
            **further,
        )
        self._callable["encoder"] = compiled_network(self.encoder, self.xla)
        self.nce_weight = nce_weight
        self.identity_weight = identity_weight
        self.flip_equivariance = flip_equivariance
        self.positions = positions
        self.temperature = temperature

    @property
    def log_names(self) -> list[str]:
        """Names of the scalars that a step reports; `nce_loss` and `identity_loss` are unweighted, in nats."""
        identity = ["identity_loss"] if getattr(self, "identity_weight", 0.0) else []
        first, second, third, *penalties = super().log_names
        return [first, second, third, "nce_loss", *identity, *penalties]

    def direction(self, role: str) -> str:
        """See SteppedModel."""
        return "features to compare" if role == "heads" else super().direction(role)

    def train_step(self, batches: tuple[Any, ...]) -> None:
        """Update the discriminator, then generator and heads."""
        real = self.of_domains(batches[0])
        given, wanted = real[self.other(self.to)], real[self.to]
        made = self.forward(self.made, given, wanted, roles=[f"generator_{self.to}"])
        self.minimise("discriminator", self.discriminator_loss, wanted, made)
        self.minimise("generator", self.generator_loss, given, wanted, made)

    def made(self, given: tf.Tensor, wanted: tf.Tensor) -> list[tf.Tensor]:
        """Return G(x) and, for the identity term, G(y)."""
        sources = [given, wanted] if self.identity_weight else [given]
        return [
            self.run(f"generator_{self.to}", self._flipped(source), purpose="translated", counters=(number,))
            for number, source in enumerate(sources)
        ]

    def discriminator_loss(self, wanted: tf.Tensor, made: Sequence[tf.Tensor]) -> Term:
        """Return L_D(D(y), D(G(x)))."""
        return self.discriminator_term(self._judge, wanted, made[0], together=True)

    def generator_loss(self, given: tf.Tensor, wanted: tf.Tensor, made: Sequence[tf.Tensor]) -> Term:
        """Return L_G(D(G(x))) + nce_weight PatchNCE(G(x), x) + identity_weight PatchNCE(G(y), y)."""
        loss, terms = self.generator_term(self._judge, wanted, made[0])
        terms["nce_loss"] = self.contrast(made[0], given, 0)
        loss += self.nce_weight * terms["nce_loss"]
        if self.identity_weight:
            terms["identity_loss"] = self.contrast(made[1], wanted, 1)
            loss += self.identity_weight * terms["identity_loss"]
        return loss, terms

    def contrast(self, made: tf.Tensor, given: tf.Tensor, number: int) -> tf.Tensor:
        """Return PatchNCE(made, given), a mean over rows, layers and positions; `number` keys the positions."""
        asked = [self._flipped(layer) for layer in self.run("encoder", made, purpose="queries", counters=(number,))]
        known = self.run("encoder", given, purpose="keys", counters=(number,))
        queries, keys = (self.run("heads", self._sampled(layers, number), purpose="heads") for layers in (asked, known))
        each = [patch_nce(*both, self.temperature) for both in zip(queries, keys, strict=True)]
        return tf.reduce_mean(tf.stack(each))

    def _sampled(self, layers: Sequence[tf.Tensor], number: int) -> list[tf.Tensor]:
        """Return features `[N, H, W, C]` at the step's random positions, the same in all rows: `[N, positions, C]`."""
        sampled = []
        for layer, features in enumerate(layers):
            flat = tf.reshape(features, [tf.shape(features)[0], -1, features.shape[-1]])
            order = randomness.uniform(self.key("positions", number, layer), tf.shape(flat)[1:2])
            sampled.append(tf.gather(flat, tf.math.top_k(order, self.positions).indices, axis=1))
        return sampled

    def _flipped(self, images: tf.Tensor) -> tf.Tensor:
        """Flip half of the images or features left to right, the same rows in all calls of a step."""
        if not self.flip_equivariance:
            return images
        at = now()
        assert at is not None, "inside a loss function"
        key, rows = self.key("flip"), randomness.rows_of(images)
        heads = at.place.rows(lambda total: randomness.uniform(key, [total, 1, 1, 1]), rows) < 0.5
        return tf.where(heads, tf.reverse(images, axis=[2]), images)


def patch_nce(queries: tf.Tensor, keys: tf.Tensor, temperature: float = 0.07) -> tf.Tensor:
    """Return the contrastive loss of patches: a query's cross-entropy with the key of its own position.

        -log(exp(q_s . k_s / t) / sum_r exp(q_s . k_r / t)) for unit vectors q and k, a mean over positions s

    Keys are constants, and those of other images are no negatives.

    Args:
      queries, keys: `[N, positions, units]`, not yet unit vectors.
      temperature: t.

    Returns:
      `[N]`, in nats.

    Source: Park et al. 2020, arXiv:2007.15651, eq. 2 and 3.
    """
    queries, keys = (tf.math.l2_normalize(vectors, axis=-1) for vectors in (queries, keys))
    similar = tf.matmul(queries, tf.stop_gradient(keys), transpose_b=True) / temperature
    return -tf.reduce_mean(tf.linalg.diag_part(tf.nn.log_softmax(similar)), axis=-1)


def encoder_of(translator: keras.Model, layers: Sequence[str] | None = None) -> keras.Model:
    """Return images -> list of features `[N, h, w, c]`, over layers of a translator, which it shares.

    Args:
      translator: functional keras.Model.
      layers: their names; by default the translator's attribute `encoder_layers`.

    Raises:
      UsageError: if there are no such layers.
    """
    layers = layers or getattr(translator, "encoder_layers", ())
    if not layers:
        raise UsageError(
            "generator.network: expected one with encoder layers, got one without (use resnet, or set model.layers)"
        )
    known = [layer.name for layer in translator.layers]
    for name in layers:
        if name not in known:
            raise UsageError(f"model.layers: expected layers of the generator, got '{name}'{did_you_mean(name, known)}")
    if len(set(layers)) < len(layers):
        raise UsageError(f"model.layers: expected different names, got {', '.join(layers)} (leave out what repeats)")
    return keras.Model(translator.input, [translator.get_layer(name).output for name in layers], name="encoder")


def heads_of(encoder: keras.Model) -> keras.Model:
    """Return a perceptron for each layer of an encoder, in full precision: `[N, positions, c]` -> the same of 256."""
    tensors, outputs = [], []
    for name, features in zip(encoder.output_names, encoder.outputs, strict=True):
        tensors.append(keras.Input((None, features.shape[-1]), name=name))
        x = tensors[-1]
        for part, activation in (("hidden", "relu"), ("output", None)):
            x = keras.layers.Dense(
                *(HEAD_UNITS, activation),
                kernel_initializer=initial(),
                name=f"{name}_{part}",
                dtype=keras.config.floatx(),
            )(x)
        outputs.append(x)
    return keras.Model(tensors, outputs, name="heads")


def _target(domains: Sequence[str], to: str | None) -> str:
    """Return the target domain, by default the second.

    Raises:
      UsageError: if it is none of the domains.
    """
    if to is not None and to not in domains:
        raise UsageError(f"model.to: expected one of dataset.domains, got '{to}'{did_you_mean(to, domains)}")
    return to or domains[1]


def _check_positions(encoder: keras.Model, shape: Sequence[int], positions: int) -> None:
    """Refuse more positions than a layer has for images of the given shape."""
    shapes = encoder.compute_output_shape((1, *shape))
    for name, (_, height, width, _) in zip(encoder.output_names, shapes, strict=True):
        if positions > height * width:
            raise UsageError(
                f"model.positions: expected at most {height * width}, as {name} has {height}x{width} pixels for "
                f"dataset.size: {shape[0]}, got {positions}"
            )
