"""The adversarial model: two networks, two optimizers, an EMA of the generator, and a train step that is a pure
function.

Keras's own `fit` runs it. Keras's train function is replaced, because the stock one fails or goes silently wrong with
two optimizers under a strategy (see the README's design section).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganzoo import images, randomness
from ganzoo.errors import UsageError
from ganzoo.losses import LOSSES
from ganzoo.models.generative import GenerativeModel
from ganzoo.models.sampling import call
from ganzoo.penalties import PENALTIES

EMA_WARM_UP = 10


class AdversarialModel(GenerativeModel):
    """A generator and a discriminator that learn against each other.

    Args:
      generator: latents `[N, latent_size]` (and labels int32 `[N]`) -> examples `[N, …]`, images in [-1, 1].
      discriminator: examples (and labels) -> logits `[N, 1]`.
      latent_size: size of the latents.
      prior: of the latents, `normal` N(0, 1) or `uniform` U(-1, 1).
      classes: number of labels; 0 for an unconditional model.
      ema_decay: of the generator's moving average, which is what is sampled; 0 for none. It is warmed up:
        `min(ema_decay, (1 + step) / (10 + step))`.
      seed: of every random draw of the training.

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
        super().__init__(generator, latent_size, prior=prior, classes=classes, ema=ema_decay > 0, name=name)
        self.discriminator = discriminator
        self.ema_decay = ema_decay
        self.seed = seed
        self.train_function: Any = None
        self.step_counter = self.add_weight(name="step", shape=(), dtype="int64", initializer="zeros", trainable=False)
        self.built = True

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
        steps_per_execution: int = 1,
    ) -> None:
        """Sets how the model is trained.

        Args:
          generator_optimizer, discriminator_optimizer: one Keras optimizer each; they are built here.
          loss: name in `ganzoo.losses`.
          penalties: (name in `ganzoo.penalties`, weight, every) added to the discriminator's loss; one that comes
            every n-th step counts n times.
          label_smoothing: one-sided: the real target is `1 - label_smoothing`.
          critic_steps: discriminator updates a step, each on a batch of its own.
          fresh_latents: draw again for the generator's update (as the 2014 algorithm does) instead of using the last
            fakes twice.
          steps_per_execution: steps between two returns to Python.
        """
        super().compile(optimizer=None, loss=None, jit_compile=False, steps_per_execution=steps_per_execution)
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        generator_optimizer.build(self.generator.trainable_variables)
        discriminator_optimizer.build(self.discriminator.trainable_variables)
        self.adversarial_loss = LOSSES.get(loss)()
        self.penalties = [(name, PENALTIES.get(name), weight, every) for name, weight, every in penalties]
        self.label_smoothing = label_smoothing
        self.critic_steps = critic_steps
        self.fresh_latents = fresh_latents

    @property
    def step(self) -> int:
        """How many steps have been made."""
        return int(self.step_counter.numpy())

    def state(self) -> dict[str, keras.Variable]:
        """Every variable that training reads, by a name that does not depend on what else the process has built."""
        parts = {"generator": self.generator.variables, "discriminator": self.discriminator.variables}
        if self.generator_ema is not self.generator:
            parts["generator_ema"] = self.generator_ema.variables
        named = {f"{part}/{v.path}": v for part, variables in parts.items() for v in variables}
        for part in ("generator_optimizer", "discriminator_optimizer"):
            for i, variable in enumerate(getattr(self, part).variables):
                named[f"{part}/{i:03d}_{variable.name}"] = variable
        return {**named, "step": self.step_counter}

    def weights_to_ship(self) -> dict[str, keras.Variable]:
        """What a weights file holds, by name: the generator's moving average, which is sampled; the discriminator."""
        parts = {"generator": self.generator_ema, "discriminator": self.discriminator}
        return {f"{part}/{v.path}": v for part, network in parts.items() for v in network.variables}

    def adopt_generator(self) -> None:
        """Makes the generator that is trained equal to the moving average, after weights were read into the latter."""
        if self.generator is not self.generator_ema:
            self.generator.set_weights(self.generator_ema.get_weights())

    @property
    def log_names(self) -> list[str]:
        """The scalars that a step reports."""
        return [
            "generator_loss",
            "discriminator_loss",
            "discriminator_accuracy",
            *(name for name, _, _, _ in getattr(self, "penalties", [])),
        ]

    def train_step(self, batches: tuple[Any, ...]) -> dict[str, tf.Tensor]:
        """One step on `critic_steps` batches; subclasses say what of a batch is the example and what the condition."""
        raise TypeError(f"{type(self).__name__} has no train_step: use VanillaGAN or ConditionalGAN, or write one")

    def adversarial_step(
        self, real: Sequence[tf.Tensor], conditions: Sequence[tuple[tf.Tensor, ...]]
    ) -> dict[str, tf.Tensor]:
        """`critic_steps` discriminator updates, one generator update, the moving average.

        Args:
          real: one batch of examples for each discriminator update.
          conditions: the further inputs of both networks (the labels) for each of them; fakes take those of the real
            batch.

        Returns:
          The scalars of `log_names`, means over the global batch.
        """
        rows = real[0].shape[0] or tf.shape(real[0])[0]
        logs: dict[str, tf.Tensor] = {}
        for k in range(self.critic_steps):
            with tf.GradientTape() as tape:  # of the last one: for the generator's update
                fake = self._fake(k, rows, conditions[k])
            logs = self._update_discriminator(k, real[k], tf.stop_gradient(fake), conditions[k])
        if self.fresh_latents:
            with tf.GradientTape() as tape:
                fake = self._fake(self.critic_steps, rows, conditions[-1])
        with tape, randomness.scope(self._key("judge")):
            fake_logits = self._logits(fake, conditions[-1])
            loss = self._global_mean(self.adversarial_loss.generator(fake_logits))
        variables = self.generator.trainable_variables
        self.generator_optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
        self._update_ema()
        self.step_counter.assign_add(1)
        return {"generator_loss": self._log(loss), **logs}

    def _key(self, purpose: str, *counters: int) -> tf.Tensor:
        """The key of one draw of this step."""
        return randomness.key(self.seed, purpose, self.step_counter.value, *counters)

    def _fake(self, draw: int, rows: Any, conditions: tuple[tf.Tensor, ...]) -> tf.Tensor:
        """The generator's examples for the step's draw of that number."""
        draw_key = self._key("latents", draw)
        latents = randomness.rows_of_replica(
            lambda n: randomness.latents(self.prior, draw_key, [n, self.latent_size]), rows
        )
        with randomness.scope(self._key("generator", draw)):
            return call(self.generator, latents, conditions, training=True)

    def _logits(self, examples: tf.Tensor, conditions: tuple[tf.Tensor, ...]) -> tf.Tensor:
        """The discriminator's logits `[N]`, in training mode."""
        return tf.squeeze(call(self.discriminator, examples, conditions, training=True), axis=-1)

    def _update_discriminator(
        self, k: int, real: tf.Tensor, fake: tf.Tensor, conditions: tuple[tf.Tensor, ...]
    ) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            with randomness.scope(self._key("real", k)):
                real_logits = self._logits(real, conditions)
            with randomness.scope(self._key("fake", k)):
                fake_logits = self._logits(fake, conditions)
            terms = {
                "discriminator_loss": self._global_mean(
                    self.adversarial_loss.discriminator(real_logits, fake_logits, self.label_smoothing)
                ),
                **self._penalty_terms(k, real, fake, conditions),
            }
            total = tf.add_n(list(terms.values()))
        variables = self.discriminator.trainable_variables
        self.discriminator_optimizer.apply(tape.gradient(total, [v.value for v in variables]), variables)
        correct = 0.5 * (tf.cast(real_logits > 0, total.dtype) + tf.cast(fake_logits < 0, total.dtype))
        logs = {name: self._log(term) for name, term in terms.items()}
        logs["discriminator_accuracy"] = tf.reduce_mean(correct)
        return logs

    def _penalty_terms(
        self, k: int, real: tf.Tensor, fake: tf.Tensor, conditions: tuple[tf.Tensor, ...]
    ) -> dict[str, tf.Tensor]:
        """Each penalty, weighted; one that comes every n-th step is n times as strong then and 0 otherwise."""
        terms = {}
        for name, function, weight, every in self.penalties:

            def value(name: str = name, function: Any = function, scale: float = weight * every) -> tf.Tensor:
                draw_key = self._key(name, k)
                mix = randomness.rows_of_replica(
                    lambda rows: randomness.uniform(draw_key, [rows, *[1] * (real.shape.rank - 1)]), tf.shape(real)[0]
                )
                with randomness.scope(draw_key):
                    per_example = function(lambda x: self._logits(x, conditions), real, fake, mix)
                return scale * self._global_mean(per_example)

            if every == 1:
                terms[name] = value()
            else:
                due = tf.equal(self.step_counter.value % every, 0)
                terms[name] = tf.cond(due, value, lambda: tf.zeros((), keras.config.floatx()))
        return terms

    def _global_mean(self, per_example: tf.Tensor) -> tf.Tensor:
        """This replica's part of the mean over the global batch; applying gradients sums them over the replicas."""
        return tf.reduce_mean(per_example) / self.distribute_strategy.num_replicas_in_sync

    def _log(self, part_of_mean: tf.Tensor) -> tf.Tensor:
        """A replica's own mean from `_global_mean`; logs are averaged over replicas."""
        return tf.stop_gradient(part_of_mean) * self.distribute_strategy.num_replicas_in_sync

    def _update_ema(self) -> None:
        if not self.ema_decay:
            return
        step = tf.cast(self.step_counter.value, keras.config.floatx())
        decay = tf.minimum(tf.cast(self.ema_decay, step.dtype), (1.0 + step) / (EMA_WARM_UP + step))
        for average, variable in zip(self.generator_ema.variables, self.generator.variables, strict=True):
            average.assign(variable + decay * (average - variable))

    def make_train_function(self, force: bool = False) -> Any:
        """Makes what `fit` calls: `steps_per_execution` steps on an iterator of batches; the means of their logs."""
        if self.train_function is not None and not force:
            return self.train_function
        strategy = self.distribute_strategy

        def one_step(iterator: Any) -> dict[str, tf.Tensor]:
            batches = tuple(next(iterator) for _ in range(self.critic_steps))
            logs = strategy.run(self.train_step, args=(batches,))
            return {name: strategy.reduce("MEAN", logs[name], axis=None) for name in self.log_names}

        @tf.function(reduce_retracing=True)
        def execute(iterator: Any, steps: tf.Tensor) -> dict[str, tf.Tensor]:
            def body(i: tf.Tensor, sums: dict[str, tf.Tensor]) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
                logs = one_step(iterator)
                return i + 1, {name: sums[name] + logs[name] for name in sums}

            zeros = {name: tf.zeros((), keras.config.floatx()) for name in self.log_names}
            _, sums = tf.while_loop(lambda i, _: i < steps, body, (tf.constant(0), zeros), parallel_iterations=1)
            return {name: value / tf.cast(steps, value.dtype) for name, value in sums.items()}

        self.train_function = lambda iterator: execute(iterator, tf.constant(self.steps_per_execution))
        return self.train_function

    def discriminate(self, examples: Any, labels: Any = None) -> np.ndarray:
        """The discriminator's logits float32 `[n]`; positive means real.

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
