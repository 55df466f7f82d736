"""GAN: a generator of examples from latents, a discriminator, and their training step."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from pydantic import Field

from ganzoo.core import randomness
from ganzoo.engine.phases import Forward
from ganzoo.models.adversarial import AdversarialModel, Term
from ganzoo.models.generative import GenerativeModel, Latent, in_parts
from ganzoo.models.sampling import call
from ganzoo.networks.layers import split_at_styles
from ganzoo.objectives.parts import Penalty
from ganzoo.objectives.penalties.penalty import PenaltyContext
from ganzoo.schema import Section

Batch = tuple[tf.Tensor, tuple[tf.Tensor, ...]]  # examples, and further inputs of both networks


class GAN(GenerativeModel, AdversarialModel):
    """A generator and a discriminator trained against each other.

    Args:
      generator: latents `[N, latent_size]` (and labels int32 `[N]`) -> examples `[N, …]`, images in [-1, 1].
      discriminator: examples (and labels) -> logits `[N, 1]`.
      latent_size: size of the latents.
      prior: prior of the latents, `normal` N(0, 1) or `uniform` U(-1, 1).
      classes: number of labels; 0 for an unconditional model.
      further: further networks of a subclass, by name; those in `helpers` are trained by the generator's update.
      ema_decay, seed: see SteppedModel; samples come from the generator's moving average.

    One *step* is one update of the generator with `critic_steps` updates of the discriminator; `fit` takes a
    `tf.data.Dataset` of batches and draws `critic_steps` of them per step. Subclasses define the form of a batch.

    Source: Goodfellow et al. 2014, arXiv:1406.2661, algorithm 1.
    """

    roles: ClassVar[tuple[str, ...]] = ("generator", "discriminator")
    offers = ("generate",)
    stop_rules = ("discriminator_fooled",)
    helpers: ClassVar[tuple[str, ...]] = ()

    class Options(Section):
        """Options of the scheme.

        `critic_steps` is the number of discriminator updates per step. `fresh_latents` draws new latents for the
        generator's update, like the 2014 algorithm, instead of reusing the last fakes.
        """

        latent: Latent
        critic_steps: int = Field(default=1, ge=1)
        fresh_latents: bool = False

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        latent_size: int,
        *,
        prior: str = "normal",
        classes: int = 0,
        further: Mapping[str, keras.Model] | None = None,
        ema_decay: float = 0.0,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        networks = {"generator": generator, "discriminator": discriminator, **(further or {})}
        super().__init__(networks, ["generator"], ema_decay=ema_decay, seed=seed, name=name)
        self.generator = generator
        self.discriminator = discriminator
        self.generator_ema = self.averages["generator"]
        self.latent_size = latent_size
        self.prior = prior
        self.classes = classes

    @classmethod
    def assemble(cls, plan: Any) -> GAN:
        """See SteppedModel."""
        options = plan.options
        classes = plan.classes if cls.batch == "labelled" else 0
        conditioning = getattr(options, "conditioning", None)
        model = cls(
            plan.network("generator", "generator", options.latent.size, plan.shape, classes, conditioning),
            plan.network("discriminator", "discriminator", plan.shape, classes, conditioning),
            options.latent.size,
            prior=options.latent.prior,
            classes=classes,
            **plan.common,
        )
        plan.compile(model, critic_steps=options.critic_steps, fresh_latents=options.fresh_latents)
        return model

    def compile(
        self,
        generator_optimizer: Any,
        discriminator_optimizer: Any,
        loss: Any = "non_saturating",
        *,
        penalties: Sequence[Any] = (),
        constraints: Sequence[Any] = (),
        augmentations: Sequence[Any] = (),
        critic_steps: int = 1,
        fresh_latents: bool = False,
        accumulate: int = 1,
        clip_norm: float | None = None,
        xla: bool = False,
        steps_per_execution: int = 1,
    ) -> None:
        """Set how the model is trained.

        Args:
          generator_optimizer, discriminator_optimizer: a Keras optimizer each, or its name; they are built here. A
            learning rate schedule is called with the model's step.
          loss: name of a registered loss, a mapping of name and options, or an object with the methods of
            `objectives.losses.loss.AdversarialLoss`.
          penalties: each a name, a mapping of name, weight, every and options, (name, weight, every), or an object; see
            `objectives.penalties`. A penalty due every n-th step counts n times; a weight may be a function of the
            step.
          constraints: each a name, a mapping of name and options, or a function; see `objectives.constraints`.
          augmentations: the same; see `objectives.augmentations`.
          critic_steps: discriminator updates per step, each on its own batch.
          fresh_latents: draw new latents for the generator's update (like the 2014 algorithm) instead of reusing the
            last fakes.
          accumulate: number of sequential parts in which each gradient is computed, to save memory.
          clip_norm: largest global norm of each network's gradient.
          xla: compile a replica's computation between communications with the others.
          steps_per_execution: steps per return to Python.

        Raises:
          ConfigError: if a part is not registered, or does not have an option.
          UsageError: if networks, optimizers, model and this call are not all under the same strategy.
        """
        self.compile_adversaries(
            (generator_optimizer, ["generator", *self.helpers]),
            (discriminator_optimizer, ["discriminator"]),
            loss,
            penalties=penalties,
            constraints=constraints,
            augmentations=augmentations,
            accumulate=accumulate,
            clip_norm=clip_norm,
            xla=xla,
            steps_per_execution=steps_per_execution,
        )
        self.critic_steps = self.batches_a_step = critic_steps
        self.fresh_latents = fresh_latents

    def read_batch(self, batch: Any) -> Batch:
        """Return a batch from `fit` as examples, in Keras's float type, and further inputs of the networks."""
        raise NotImplementedError

    def train_step(self, batches: tuple[Any, ...]) -> None:
        """Run algorithm 1: `critic_steps` updates of the discriminator, then one of the generator."""
        fake: Any = None
        for k, batch in enumerate(batches):
            real, labels = self.read_batch(batch)
            fake = self._fakes(k, real, labels)
            self.minimise("discriminator", self.discriminator_loss, real, fake, labels, tf.constant(k))
        if self.fresh_latents:
            fake = self._fakes(len(batches), real, labels)
        self.update_generator(real, fake, labels)

    def update_generator(self, real: tf.Tensor, fake: Forward, labels: tuple[tf.Tensor, ...]) -> None:
        """Run the update of the generator."""
        self.minimise("generator", self.generator_loss, real, fake, labels)

    def discriminator_loss(self, real: tf.Tensor, fake: tf.Tensor, labels: tuple[tf.Tensor, ...], k: tf.Tensor) -> Term:
        """Return L_D(D(x), D(G(z))), and the penalties."""
        return self.discriminator_term("discriminator", real, fake, labels, counters=(k,))

    def generator_loss(self, real: tf.Tensor, fake: tf.Tensor, labels: tuple[tf.Tensor, ...]) -> Term:
        """Return L_G(D(x), D(G(z)))."""
        return self.generator_term("discriminator", real, fake, labels)

    def fake(self, latents: tf.Tensor, labels: tuple[tf.Tensor, ...], draw: tf.Tensor) -> tf.Tensor:
        """Return G(z) for the step's draw of that number."""
        return self.run("generator", self.coded(latents), labels, purpose="generator", counters=(draw,))

    def _own_context(self, update: str, penalty: Penalty, *given: Any) -> PenaltyContext:
        """Add the styles of the generator, for a penalty that needs them."""
        context = super()._own_context(update, penalty, *given)
        if not getattr(penalty.function, "styles", False) or (parts := split_at_styles(self.generator)) is None:
            return context
        mapping, _, synthesis = parts

        def styles() -> tf.Tensor:
            drawn, shape = context.draws(), (self.latent_size,)
            latents = drawn.normal(0, shape) if self.prior == "normal" else drawn.uniform(0, shape, -1.0, 1.0)
            return call(mapping, self.coded(latents), context.conditions, training=False)

        def examples(styles: tf.Tensor) -> tf.Tensor:
            drawn = context.draws()
            with randomness.scope(drawn.key, drawn.place):
                return synthesis(styles, training=True)

        return dataclasses.replace(context, styles=styles, synthesis=examples)

    def _fakes(self, draw: int, real: tf.Tensor, labels: tuple[tf.Tensor, ...]) -> Forward:
        """Return as many generated examples as real ones, with the same labels."""
        latents = self.draw_latents(draw, randomness.rows_of(real))
        return self.forward(self.fake, latents, labels, tf.constant(draw), roles=["generator"])

    def discriminate(self, examples: Any, labels: Any = None) -> np.ndarray:
        """Return the discriminator's logits float32 `[n]`, means over an example's if it has several.

        Above the loss's `threshold` (mostly 0) means real.

        Args:
          examples: `[n, …]` in the dtype of the model's kind of data: images are uint8 `[n, H, W, C]`.
          labels: ints `[n]` in [0, classes), for conditional models only.

        Raises:
          UsageError: if the shape or dtype is wrong, or labels are out of range.
        """
        examples = self.kind.check(examples, "examples")

        def logits(examples: np.ndarray, *labels: np.ndarray) -> tf.Tensor:
            outputs = call(self.discriminator, floats(self.kind.to_inside(examples)), labels, training=False)
            return outputs["logits"] if isinstance(outputs, Mapping) else outputs

        inputs = [examples, *self.check_labels(labels, len(examples))]
        return in_parts(logits, inputs).reshape(len(examples), -1).mean(1).astype(np.float32)


def floats(examples: Any) -> tf.Tensor:
    """Cast examples to Keras's float type."""
    return tf.cast(examples, keras.config.floatx())
