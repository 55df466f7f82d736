"""The adversarial model: a generator and a discriminator, and the step that trains one against the other."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo import images, randomness
from ganzoo.errors import UsageError
from ganzoo.losses import LOSSES, accuracy
from ganzoo.models.accumulation import Part, Sums, parts_of
from ganzoo.models.compiled import compiled, compiled_network, may_communicate
from ganzoo.models.generative import GenerativeModel
from ganzoo.models.sampling import call
from ganzoo.models.stepped import SteppedModel
from ganzoo.penalties import PENALTIES


class AdversarialModel(GenerativeModel, SteppedModel):
    """A generator and a discriminator that learn against each other.

    Args:
      generator: latents `[N, latent_size]` (and labels int32 `[N]`) -> examples `[N, …]`, images in [-1, 1].
      discriminator: examples (and labels) -> logits `[N, 1]`.
      latent_size: size of the latents.
      prior: of the latents, `normal` N(0, 1) or `uniform` U(-1, 1).
      classes: number of labels; 0 for an unconditional model.
      ema_decay, seed: see SteppedModel; the generator's moving average is what is sampled.

    One *step* is one update of the generator with `critic_steps` updates of the discriminator; `fit` takes a
    `tf.data.Dataset` of batches and draws `critic_steps` of them a step. Subclasses override `train_step`.

    Source: Goodfellow et al. 2014, arXiv:1406.2661, algorithm 1.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        latent_size: int,
        *,
        prior: str = "normal",
        classes: int = 0,
        ema_decay: float = 0.0,
        seed: int = 0,
        name: str | None = None,
    ) -> None:
        networks = {"generator": generator, "discriminator": discriminator}
        super().__init__(networks, ["generator"], ema_decay=ema_decay, seed=seed, name=name)
        self.generator = generator
        self.discriminator = discriminator
        self.generator_ema = self.averages["generator"]
        self.latent_size = latent_size
        self.prior = prior
        self.classes = classes

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer,
        discriminator_optimizer: keras.optimizers.Optimizer,
        loss: str = "non_saturating",
        *,
        penalties: Sequence[tuple[str, float, int]] = (),
        label_smoothing: float = 0.0,
        critic_steps: int = 1,
        fresh_latents: bool = False,
        accumulate: int = 1,
        clip_norm: float | None = None,
        xla: bool = False,
        steps_per_execution: int = 1,
    ) -> None:
        """Sets how the model is trained.

        Args:
          generator_optimizer, discriminator_optimizer: one Keras optimizer each; they are built here. A learning rate
            that is a schedule is called with the model's step.
          loss: name in `ganzoo.losses`.
          penalties: (name in `ganzoo.penalties`, weight, every) added to the discriminator's loss; one that comes
            every n-th step counts n times.
          label_smoothing: one-sided: the real target is `1 - label_smoothing`.
          critic_steps: discriminator updates a step, each on a batch of its own.
          fresh_latents: draw again for the generator's update (as the 2014 algorithm does) instead of using the last
            fakes twice.
          accumulate: compute each gradient in that many parts of the batch, one after another, for less memory.
          clip_norm: the largest global norm of each network's gradient.
          xla: compile what a replica computes between two exchanges with the others.
          steps_per_execution: steps between two returns to Python.

        Raises:
          UsageError: networks, optimizers, model and this call are not all under the same strategy.
        """
        self.compile_updates(
            {
                "generator": (generator_optimizer, ["generator"]),
                "discriminator": (discriminator_optimizer, ["discriminator"]),
            },
            accumulate=accumulate,
            clip_norm=clip_norm,
            steps_per_execution=steps_per_execution,
        )
        self.adversarial_loss = LOSSES.get(loss)()
        self.penalties = [(name, PENALTIES.get(name), weight, every) for name, weight, every in penalties]
        self.label_smoothing = label_smoothing
        self.critic_steps = critic_steps
        self.fresh_latents = fresh_latents
        self._callable = {name: compiled_network(network, xla) for name, network in self.networks.items()}
        self._run_generator = compiled(self._fake_of, [self.generator], xla)
        self._run_discriminator = compiled(self._discriminator_gradients, [self.discriminator], xla)
        self._run_judge = compiled(self._judged, [self.discriminator], xla)

    @property
    def log_names(self) -> list[str]:
        """The scalars that a step reports."""
        return [
            "generator_loss",
            "discriminator_loss",
            "discriminator_accuracy",
            *(name for name, _, _, _ in getattr(self, "penalties", [])),
        ]

    def adversarial_step(
        self, real: Sequence[tf.Tensor], conditions: Sequence[tuple[tf.Tensor, ...]]
    ) -> dict[str, tf.Tensor]:
        """`critic_steps` discriminator updates, one generator update, the moving average; in replica context.

        Args:
          real: this replica's rows of one batch of examples for each discriminator update.
          conditions: the further inputs of both networks (the labels) for each of them; fakes take those of the real
            batch.

        Returns:
          The scalars of `log_names`, means over this replica's rows.
        """
        real = [tf.cast(examples, keras.config.floatx()) for examples in real]
        parts = parts_of(real[0].shape[0] or tf.shape(real[0])[0], self.accumulate)
        logs: dict[str, tf.Tensor] = {}
        weights: list[tf.Tensor] = []
        for k in range(self.critic_steps):
            sums = Sums(len(parts))
            for part in parts:
                with sums.one_after_another():
                    given = part.of(conditions[k])
                    with tf.GradientTape() as tape:  # of the last one: for the generator's update
                        fake = self._fake(k, part, given)
                    draws = self._discriminator_draws(k, part, real[k].shape.rank)
                    sums.add(
                        *self._run_discriminator(
                            part.of(real[k]), tf.stop_gradient(fake), given, draws, part.place.first, part.place.total
                        )
                    )
            weights += self.updates["discriminator"].apply(sums.gradients)
            logs = sums.logs
        again = self.fresh_latents or len(parts) > 1  # what was kept of more than one part would be no saving
        sums = Sums(len(parts))
        for part in parts:
            with sums.one_after_another():
                given = part.of(conditions[-1])
                if again:
                    with tf.GradientTape() as tape:
                        fake = self._fake(self.critic_steps - (not self.fresh_latents), part, given)
                with tape:
                    loss = self._run_judge(fake, given, self._key("judge"), part.place.first, part.place.total)
                    scaled = self.updates["generator"].scaled(loss / self._replicas)
                variables = self.generator.trainable_variables
                sums.add(tape.gradient(scaled, [v.value for v in variables]), {"generator_loss": loss})
        logs = self._checked_logs(logs | sums.logs)
        weights += self.updates["generator"].apply(sums.gradients)
        self._end_step(logs, weights)
        return logs

    def _fake(self, draw: int, part: Part, conditions: tuple[tf.Tensor, ...]) -> tf.Tensor:
        """The generator's examples for the step's draw of that number."""
        draw_key = self._key("latents", draw)
        latents = part.place.rows(
            lambda total: randomness.latents(self.prior, draw_key, [total, self.latent_size]), part.count
        )
        return self._run_generator(
            latents, conditions, self._key("generator", draw), part.place.first, part.place.total
        )

    def _fake_of(
        self, latents: tf.Tensor, conditions: tuple[tf.Tensor, ...], key: tf.Tensor, first: Any, total: Any
    ) -> tf.Tensor:
        with randomness.scope(key, randomness.Place(first, total)):
            return call(self._callable["generator"], latents, conditions, training=True)

    def _judged(
        self, fake: tf.Tensor, conditions: tuple[tf.Tensor, ...], key: tf.Tensor, first: Any, total: Any
    ) -> tf.Tensor:
        """The generator's loss, a mean over the rows given."""
        with randomness.scope(key, randomness.Place(first, total)):
            return tf.reduce_mean(self.adversarial_loss.generator(self._logits(fake, conditions)))

    def _logits(self, examples: tf.Tensor, conditions: tuple[tf.Tensor, ...]) -> tf.Tensor:
        """The discriminator's logits `[N]`, in training mode."""
        return tf.squeeze(call(self._callable["discriminator"], examples, conditions, training=True), axis=-1)

    def _discriminator_draws(self, k: int, part: Part, rank: int) -> dict[str, tf.Tensor]:
        """All random numbers (or their keys) of the discriminator's update number k, and which penalties are due."""
        draws = {"real": self._key("real", k), "fake": self._key("fake", k)}
        for name, _, _, every in self.penalties:
            draws[name] = key = self._key(name, k)
            mix_of = functools.partial(_mix, key, rank)
            draws[f"{name}_mix"] = part.place.rows(mix_of, part.count)
            draws[f"{name}_due"] = tf.equal(self.step_counter.value % every, 0)
        return draws

    def _discriminator_gradients(
        self,
        real: tf.Tensor,
        fake: tf.Tensor,
        conditions: tuple[tf.Tensor, ...],
        draws: dict[str, tf.Tensor],
        first: Any,
        total: Any,
    ) -> tuple[list[tf.Tensor], dict[str, tf.Tensor]]:
        """This replica's part of the gradient of the discriminator's scaled loss, and the terms of the loss."""
        place = randomness.Place(first, total)
        with tf.GradientTape() as tape:
            with randomness.scope(draws["real"], place):
                real_logits = self._logits(real, conditions)
            with randomness.scope(draws["fake"], place):
                fake_logits = self._logits(fake, conditions)
            loss = self.adversarial_loss.discriminator(real_logits, fake_logits, self.label_smoothing)
            terms = {
                "discriminator_loss": tf.reduce_mean(loss),
                **self._penalty_terms(real, fake, conditions, draws, place),
            }
            scaled = self.updates["discriminator"].scaled(tf.add_n(list(terms.values())) / self._replicas)
        correct = accuracy(self.adversarial_loss, real_logits, fake_logits)
        gradients = tape.gradient(scaled, [v.value for v in self.discriminator.trainable_variables])
        return gradients, {**terms, "discriminator_accuracy": correct}

    def _penalty_terms(
        self,
        real: tf.Tensor,
        fake: tf.Tensor,
        conditions: tuple[tf.Tensor, ...],
        draws: dict[str, tf.Tensor],
        place: randomness.Place,
    ) -> dict[str, tf.Tensor]:
        """Each penalty, weighted; one that comes every n-th step is n times as strong then and 0 otherwise."""
        terms = {}
        for name, function, weight, every in self.penalties:

            def value(name: str = name, function: Any = function, scale: float = weight * every) -> tf.Tensor:
                with randomness.scope(draws[name], place):
                    per_example = function(lambda x: self._logits(x, conditions), real, fake, draws[f"{name}_mix"])
                return scale * tf.reduce_mean(per_example)

            if every == 1:
                terms[name] = value()
            elif may_communicate(self.discriminator):  # a condition cannot hold an exchange with other replicas
                terms[name] = tf.cast(draws[f"{name}_due"], keras.config.floatx()) * value()
            else:
                terms[name] = tf.cond(draws[f"{name}_due"], value, lambda: tf.zeros((), keras.config.floatx()))
        return terms

    def discriminate(self, examples: Any, labels: Any = None) -> np.ndarray:
        """The discriminator's logits float32 `[n]`; above the loss's `threshold` (mostly 0) means real.

        Args:
          examples: uint8 `[n, H, W, C]`, or float32 `[n, columns]` for points.
          labels: ints `[n]` in [0, classes), wanted by a conditional model and by no other.

        Raises:
          UsageError: examples of another shape or type, or labels out of range.
        """
        examples = np.asarray(examples)
        wanted = self.discriminator.input_shape
        shape = tuple((wanted[0] if isinstance(wanted, list) else wanted)[1:])
        if examples.shape[1:] != shape or (len(shape) == 3 and examples.dtype != np.uint8):
            kind = "uint8" if len(shape) == 3 else "float32"
            raise UsageError(f"examples: {examples.dtype} {list(examples.shape)} given, {kind} {['n', *shape]} wanted")
        floats = images.to_float(examples) if len(shape) == 3 else tf.constant(examples)
        conditions = [tf.constant(array) for array in self.check_labels(labels, len(examples))]
        logits = call(self.discriminator, tf.cast(floats, keras.config.floatx()), conditions, training=False)
        return logits.numpy()[:, 0].astype(np.float32)


def _mix(key: tf.Tensor, rank: int, rows: Any) -> tf.Tensor:
    """Uniform numbers, one an example, of a shape that multiplies examples of that rank."""
    return randomness.uniform(key, [rows, *[1] * (rank - 1)])
