"""InfoGAN: latents with codes that can be read off the generated examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import keras
import numpy as np
import tensorflow as tf
from pydantic import Field

from ganzoo.engine.phases import Forward
from ganzoo.errors import UsageError
from ganzoo.models.adversarial import Term
from ganzoo.models.gan import GAN, floats
from ganzoo.models.generative import in_parts
from ganzoo.models.vanilla import VanillaGAN
from ganzoo.registry import register

Categories = Annotated[int, Field(ge=2, le=1000)]


@register("scheme", "infogan")
class InfoGAN(VanillaGAN):
    """GAN without labels whose generator keeps the information of codes, which a third network reads.

    The first latents are noise. Each categorical code takes one latent per category: the generator sees 1 for the
    largest of them and 0 for the others, so that every category is equally likely, whatever the prior.
    The last latents are the continuous codes, as they are. Generator and encoder minimise

        L_G(G, D) + code_weight E[-log Q(c | G(z, c))],

    with a softmax for each categorical code and N(mean, 1) for each continuous one, in nats up to a constant. The
    paper's Q shares its convolutions with the discriminator; here it is a network of its own.

    Args:
      generator, discriminator, ema_decay, seed: see GAN; the generator has `latent.size` and all codes as latents.
      encoder: Q, examples -> `[N, codes]`: logits of all categories, then means of the continuous codes.
      latent_size: size of the latents, noise and codes.
      categorical: number of categories of each categorical code.
      continuous: number of continuous codes.
      code_weight: lambda of the paper.

    Source: Chen et al. 2016, arXiv:1606.03657, eq. 5 and 6.
    """

    roles = ("generator", "discriminator", "encoder")
    helpers = ("encoder",)

    class Options(GAN.Options):
        """Options of the scheme; `latent.size` is that of the noise alone."""

        categorical: list[Categories] = Field(default_factory=list)
        continuous: int = Field(default=0, ge=0, le=1000)
        code_weight: float = Field(default=1.0, gt=0.0)

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        encoder: keras.Model,
        latent_size: int,
        *,
        categorical: Sequence[int] = (),
        continuous: int = 0,
        code_weight: float = 1.0,
        **common: Any,
    ) -> None:
        super().__init__(generator, discriminator, latent_size, further={"encoder": encoder}, **common)
        self.encoder = encoder
        self.code_weight = code_weight
        self.categorical, self.continuous = tuple(categorical), continuous
        self._sizes = [latent_size - sum(categorical) - continuous, *categorical, continuous]

    @classmethod
    def assemble(cls, plan: Any) -> InfoGAN:
        """See SteppedModel."""
        options = plan.options
        codes = sum(options.categorical) + options.continuous
        if not codes:
            raise UsageError(
                "model.categorical: expected a categorical or continuous code, got none (set model.categorical=[10])"
            )
        size = options.latent.size + codes
        model = cls(
            plan.network("generator", "generator", size, plan.shape, 0, None),
            plan.network("discriminator", "discriminator", plan.shape, 0, None),
            plan.network("encoder", "encoder", plan.shape, codes),
            size,
            categorical=options.categorical,
            continuous=options.continuous,
            code_weight=options.code_weight,
            prior=options.latent.prior,
            **plan.common,
        )
        plan.compile(model, critic_steps=options.critic_steps, fresh_latents=options.fresh_latents)
        return model

    @property
    def log_names(self) -> list[str]:
        """Names of the scalars that a step reports; `code_loss` is without its weight."""
        return [*super().log_names, "code_loss"]

    def direction(self, role: str) -> str:
        """See SteppedModel."""
        return {"generator": "noise and codes", "encoder": "codes of examples"}.get(role, "")

    def update_generator(self, real: tf.Tensor, fake: Forward, labels: tuple[tf.Tensor, ...]) -> None:
        """Run the update of generator and encoder."""
        self.minimise("generator", self.informed_loss, real, fake, fake.inputs[0])

    def informed_loss(self, real: tf.Tensor, fake: tf.Tensor, latents: tf.Tensor) -> Term:
        """Return L_G(D(x), D(G(z, c))) + code_weight E[-log Q(c | G(z, c))]."""
        loss, terms = self.generator_loss(real, fake, ())
        code_loss = tf.reduce_mean(self.surprise(floats(self.run("encoder", fake, purpose="encoder")), latents))
        return loss + self.code_weight * code_loss, {**terms, "code_loss": code_loss}

    def surprise(self, read: tf.Tensor, latents: tf.Tensor) -> tf.Tensor:
        """Return `-log Q(c | x)` up to a constant, `[N]`, from the encoder's output and the latents."""
        _, *categories, continuous = tf.split(self.coded(latents), self._sizes, axis=-1)
        *logits, means = tf.split(read, self._sizes[1:], axis=-1)
        parts = [tf.nn.softmax_cross_entropy_with_logits(*both) for both in zip(categories, logits, strict=True)]
        return tf.add_n([*parts, 0.5 * tf.reduce_sum(tf.square(continuous - means), axis=-1)])

    def coded(self, latents: tf.Tensor) -> tf.Tensor:
        """Return latents `[N, latent_size]` with one-hot codes instead of their latents."""
        noise, *categories, continuous = tf.split(latents, self._sizes, axis=-1)
        one_hot = [tf.one_hot(tf.argmax(part, -1), part.shape[-1], dtype=part.dtype) for part in categories]
        return tf.concat([noise, *one_hot, continuous], axis=-1)

    def with_codes(self, latents: Any, categories: Any = None, continuous: Any = None) -> np.ndarray:
        """Return latents with other codes, for `decode`.

        Args:
          latents: float32 `[n, latent_size]`, for example from `sample_latents`.
          categories: ints `[n, codes]`, or one for all rows; by default those of the latents.
          continuous: floats `[n, codes]`, or one for all rows; by default those of the latents.

        Raises:
          UsageError: if a shape or a category is wrong.
        """
        latents = np.array(latents, np.float32)
        if latents.ndim != 2 or latents.shape[1] != self.latent_size or not len(latents):
            raise UsageError(f"latents: expected [n, {self.latent_size}], n above 0, got {list(latents.shape)}")
        n, start, end = len(latents), self._sizes[0], self.latent_size - self.continuous
        if continuous is not None:
            latents[:, end:] = _for_all(continuous, n, self.continuous, "continuous", np.float32)
        if categories is None:
            return latents
        chosen = _for_all(categories, n, len(self.categorical), "categories", None)
        for code, size in zip(chosen.T, self.categorical, strict=True):
            wrong = code if code.dtype.kind not in "iu" else code[(code < 0) | (code >= size)]
            if len(wrong):
                raise UsageError(f"categories: expected integers in 0 … {size - 1}, got {wrong[0].item()}")
            part, rows = latents[:, start : start + size], np.arange(n)
            largest = part.argmax(axis=1)
            part[rows, code], part[rows, largest] = part[rows, largest], part[rows, code]
            start += size
        return latents

    def read_codes(self, examples: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the codes that the encoder reads: most likely categories int `[n, codes]`, means float32 `[n, codes]`.

        Args:
          examples: `[n, …]` in the dtype of the model's kind of data: images are uint8 `[n, H, W, C]`.

        Raises:
          UsageError: if the shape or dtype is wrong.
        """
        inside = self.kind.to_inside(self.kind.check(examples, "examples"))
        read = in_parts(lambda rows: self.encoder(floats(rows), training=False), [inside])
        *logits, means = np.split(read, np.cumsum(self._sizes[1:-1]), axis=1)
        categories = np.array([part.argmax(axis=1) for part in logits], np.int64).reshape(-1, len(means)).T
        return categories, means.astype(np.float32)


def _for_all(given: Any, rows: int, codes: int, name: str, dtype: Any) -> np.ndarray:
    """Return given codes as `[rows, codes]`."""
    try:
        given = np.asarray(given, dtype)
    except ValueError:
        raise UsageError(f"{name}: expected numbers [{rows}, {codes}], got {given!r:.40}") from None
    try:
        return np.broadcast_to(given, (rows, codes))
    except ValueError:
        raise UsageError(
            f"{name}: expected [{rows}, {codes}], or [{codes}] for all rows, got {list(np.shape(given))}"
        ) from None
