"""Variational autoencoder, a model that is not adversarial, for comparison."""

from __future__ import annotations

import math
from typing import Annotated, Any

import keras
import numpy as np
import tensorflow as tf
from pydantic import Field

from ganzoo.core import randomness
from ganzoo.engine.stepped import SteppedModel
from ganzoo.errors import UsageError
from ganzoo.models.gan import floats
from ganzoo.models.generative import ROWS_A_CALL, GenerativeModel, Latent
from ganzoo.registry import register
from ganzoo.schema import Section

Positive = Annotated[float, Field(gt=0.0)]


@register("scheme", "vae")
class VAE(GenerativeModel, SteppedModel):
    """Autoencoder with a Gaussian of latents per example, and a decoder from latents to examples.

    With q(z | x) = N(mu(x), sigma(x)^2), p(x | z) = N(G(z), noise^2) and p(z) = N(0, 1) it minimises the negative
    evidence lower bound,

        E_q[-log p(x | z)] + beta KL(q(z | x) || p(z)),

    in nats per example, with one draw of z each.

    Args:
      encoder: examples `[N, …]` -> `[N, 2 latent_size]`, mu and then log sigma^2.
      generator: the decoder, latents `[N, latent_size]` -> examples, images in [-1, 1].
      latent_size: size of the latents.
      observation_noise: standard deviation `noise` of an example around its reconstruction, in the units of the
        network's output; small values favour sharp reconstructions.
      beta: weight of the KL divergence; 1 gives the bound.
      ema_decay, seed: see SteppedModel; the moving averages sample and reconstruct.

    `fit` takes a dataset of batches: a tensor `[B, …]` or a mapping with `examples`.

    Sources: Kingma & Welling 2014, arXiv:1312.6114, eq. 3 and appendix B; beta: Higgins et al. 2017.
    """

    roles = ("encoder", "generator")
    update_names = ("autoencoder",)
    batch = "examples"
    offers = ("generate", "reconstruct")
    classes = 0

    class Options(Section):
        """Options of the scheme."""

        latent: Latent
        observation_noise: Positive = 1.0
        beta: Annotated[float, Field(ge=0.0)] = 1.0

    def __init__(
        self,
        encoder: keras.Model,
        generator: keras.Model,
        latent_size: int,
        *,
        observation_noise: float = 1.0,
        beta: float = 1.0,
        ema_decay: float = 0.0,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        networks = {"encoder": encoder, "generator": generator}
        super().__init__(networks, ["encoder", "generator"], ema_decay=ema_decay, seed=seed, name=name)
        self.encoder = encoder
        self.generator = generator
        self.generator_ema = self.averages["generator"]
        self.latent_size = latent_size
        self.prior = "normal"
        self.observation_noise = observation_noise
        self.beta = beta

    @classmethod
    def assemble(cls, plan: Any) -> VAE:
        """See SteppedModel."""
        options = plan.options
        if options.latent.prior != "normal":
            raise UsageError(f"model.latent.prior: expected normal, got {options.latent.prior} (model.scheme: vae)")
        size = options.latent.size
        model = cls(
            plan.network("encoder", "encoder", plan.shape, 2 * size),
            plan.network("generator", "generator", size, plan.shape, 0, None),
            size,
            observation_noise=options.observation_noise,
            beta=options.beta,
            **plan.common,
        )
        plan.compile(model)
        return model

    def compile(self, optimizer: Any, **engine: Any) -> None:
        """Set how the model is trained.

        Args:
          optimizer: optimizer of both networks, a Keras optimizer or its name.
          engine: accumulate, clip_norm, xla, steps_per_execution: see GAN.compile.

        Raises:
          UsageError: see GAN.compile.
        """
        self.compile_updates({"autoencoder": (optimizer, ["encoder", "generator"])}, **engine)

    @property
    def log_names(self) -> list[str]:
        """Names of the scalars that a step reports, in nats per example: the loss, and its terms without beta."""
        return ["autoencoder_loss", "reconstruction_loss", "kl_divergence"]

    def train_step(self, batches: tuple[Any, ...]) -> None:
        """Update encoder and decoder together."""
        (batch,) = batches
        real = floats(batch["examples"] if isinstance(batch, dict) else batch)
        noise = self.draw_latents(0, randomness.rows_of(real))
        self.minimise("autoencoder", self.negative_elbo, real, noise)

    def negative_elbo(self, real: tf.Tensor, noise: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Return -log p(x | z) + beta KL(q(z | x) || p(z)) for z = mu + sigma * noise, and its terms."""
        mean, log_variance = tf.split(floats(self.run("encoder", real, purpose="encoder")), 2, axis=-1)
        latents = mean + tf.exp(0.5 * log_variance) * noise
        made = floats(self.run("generator", latents, purpose="generator"))
        terms = {
            "reconstruction_loss": tf.reduce_mean(gaussian_negative_log_likelihood(real, made, self.observation_noise)),
            "kl_divergence": tf.reduce_mean(kl_from_standard_normal(mean, log_variance)),
        }
        loss = terms["reconstruction_loss"] + self.beta * terms["kl_divergence"]
        return loss, {"autoencoder_loss": loss, **terms}

    def reconstruct(self, examples: Any) -> np.ndarray:
        """Decode the mean of the encoder's latents.

        Args:
          examples: `[n, …]` in the dtype of the model's kind of data: images are uint8 `[n, H, W, C]`.

        Returns:
          The same dtype and shape.

        Raises:
          UsageError: if the shape or dtype is wrong.
        """
        return self.decode(self.encode(examples))

    def encode(self, examples: Any) -> np.ndarray:
        """Return the mean of the latents of examples, float32 `[n, latent_size]`; see `reconstruct`."""
        examples = self.kind.check(examples, "examples")
        encoder = self.averages["encoder"]
        parts = [
            encoder(floats(self.kind.to_inside(examples[start : start + ROWS_A_CALL])), training=False).numpy()
            for start in range(0, len(examples), ROWS_A_CALL)
        ]
        return np.concatenate(parts)[:, : self.latent_size].astype(np.float32)


def gaussian_negative_log_likelihood(real: tf.Tensor, mean: tf.Tensor, deviation: float) -> tf.Tensor:
    """Return -log N(x; mean, deviation^2) in nats: `[N, …]` -> `[N]`, summed over an example's entries."""
    squares = tf.square((real - mean) / deviation) + math.log(2.0 * math.pi) + 2.0 * math.log(deviation)
    return 0.5 * tf.reduce_sum(squares, axis=list(range(1, squares.shape.rank)))


def kl_from_standard_normal(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """Return KL(N(mean, exp(log_variance)) || N(0, 1)) in nats: `[N, D]` -> `[N]`."""
    return 0.5 * tf.reduce_sum(tf.square(mean) + tf.exp(log_variance) - 1.0 - log_variance, axis=-1)
