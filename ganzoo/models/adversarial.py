"""Base class of schemes with a discriminator: adversarial loss, penalties and augmentations."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from ganzoo.core import randomness
from ganzoo.engine.compiled import may_communicate
from ganzoo.engine.phases import check_may_communicate, now
from ganzoo.engine.stepped import SteppedModel
from ganzoo.errors import UsageError
from ganzoo.models.compositions import check_composition, over_batch
from ganzoo.objectives import parts
from ganzoo.objectives.augmentations.augmentation import Draws
from ganzoo.objectives.losses.loss import accuracy
from ganzoo.objectives.penalties.penalty import PenaltyContext

Conditions = Sequence[tf.Tensor]
Term = tuple[tf.Tensor, dict[str, tf.Tensor]]


class AdversarialModel(SteppedModel):
    """Networks trained against discriminators. Subclasses are schemes."""

    update_names = ("generator", "discriminator")
    objectives = ("loss", "penalties", "constraints", "augmentations")
    part_states: parts.States | None = None

    def compile_adversaries(
        self,
        generator: tuple[Any, Sequence[str]],
        discriminator: tuple[Any, Sequence[str]],
        loss: Any,
        *,
        penalties: Sequence[Any] = (),
        constraints: Sequence[Any] = (),
        augmentations: Sequence[Any] = (),
        **engine: Any,
    ) -> None:
        """Set the two updates and their objectives.

        Args:
          generator, discriminator: optimizer of each update, and the names of the networks that it trains.
          loss, penalties, constraints, augmentations: see GAN.compile.
          engine: further arguments of `compile_updates`.

        Raises:
          ConfigError: if a part is not registered, or does not have an option.
          UsageError: as `compile_updates`, if a penalty or constraint belongs to an unknown update, or if the parts
            cannot be combined (`compositions.check_composition`).
        """
        objective, penalised, held = parts.loss(loss), parts.penalties(penalties), parts.constraints(constraints)
        judged = [role.removeprefix("discriminator_") for role in discriminator[1]]
        augmented = parts.augmentations(augmentations, judged if len(judged) > 1 else ())
        joined = [(one.name, update) for one in penalised for update in one.updates]
        for name, update in [*joined, *((one.name, one.update) for one in held)]:
            if update not in self.update_names:
                raise UsageError(f"{name}: expected one of the updates {', '.join(self.update_names)}, got '{update}'")
        accumulate = engine.get("accumulate", 1)
        check_composition(self.networks, discriminator[1], objective, penalised, held, augmented, accumulate)
        named: dict[str, Any] = {one.name: one.function for one in penalised}
        named |= {f"augmentation_{number}": one.function for number, one in enumerate(augmented)}
        states = parts.States(named, discriminator[1])
        self.compile_updates(
            {"generator": generator, "discriminator": discriminator},
            constraints={
                update: [one.function for one in held if one.update == update] for update in self.update_names
            },
            **engine,
        )
        self.adversarial_loss, self.penalties, self.augmentations = objective, penalised, augmented
        self.part_states = states
        self._communicates = bool(over_batch(objective, penalised, augmented))

    def state(self) -> dict[str, keras.Variable]:
        """See SteppedModel; includes the state of penalties and augmentations."""
        return {**super().state(), **(self.part_states.variables if self.part_states else {})}

    @property
    def log_names(self) -> list[str]:
        """Names of the scalars that a step reports."""
        names = ["generator_loss", "discriminator_loss", "discriminator_accuracy"]
        penalties = getattr(self, "penalties", [])
        return [*names, *(penalty.logged(update) for penalty in penalties for update in penalty.updates)]

    def discriminator_term(
        self,
        role: str,
        real: tf.Tensor,
        fake: tf.Tensor,
        conditions: Conditions = (),
        *,
        counters: Sequence[Any] = (),
        together: bool = False,
    ) -> Term:
        """Return a discriminator's loss, including the penalties due at this step.

        Args:
          role: name of the discriminator.
          real, fake: examples of the same shape.
          conditions: further inputs of the discriminator.
          counters: index of the update within the step, for the random keys.
          together: evaluate both in one call, which is faster, unless the discriminator has batch statistics.

        Returns:
          The loss, a mean over the rows, and its terms.
        """
        self._check_may_communicate()
        seen = self._augmented(role, real, "real", counters), self._augmented(role, fake, "fake", counters)
        if together and not any(getattr(layer, "over_batch", False) for layer in self.networks[role].layers):
            both = tf.concat(seen, axis=0)
            outputs = self._outputs(role, both, [tf.concat([c, c], axis=0) for c in conditions], "real", counters)
            halves = {name: tf.split(value, 2) for name, value in outputs.items()}
            of_real = {name: first for name, (first, _) in halves.items()}
            of_fake = {name: second for name, (_, second) in halves.items()}
        else:
            of_real = self._outputs(role, seen[0], conditions, "real", counters)
            of_fake = self._outputs(role, seen[1], conditions, "fake", counters)
        loss = self.adversarial_loss.discriminator(of_real["logits"], of_fake["logits"])
        loss = parts.returned(loss, f"loss: {parts.name_of(self.adversarial_loss)}.discriminator")
        terms = {"discriminator_loss": tf.reduce_mean(loss)}
        terms |= self._penalty_terms("discriminator", role, (real, fake), (of_real, of_fake), conditions, counters)
        self._observe(role, real, of_real["logits"], counters)
        right = accuracy(self.adversarial_loss, of_real["logits"], of_fake["logits"])
        return tf.add_n(list(terms.values())), {**terms, "discriminator_accuracy": right}

    def generator_term(
        self,
        role: str,
        real: tf.Tensor,
        fake: tf.Tensor,
        conditions: Conditions = (),
        *,
        counters: Sequence[Any] = (),
    ) -> Term:
        """Return a generator's loss against a discriminator, including the penalties of the generator's update.

        Args:
          role: name of the discriminator.
          real: real examples, used only by losses that compare and by penalties.
          fake, conditions, counters: as in `discriminator_term`.

        Returns:
          The loss, a mean over the rows, and its terms.
        """
        self._check_may_communicate()
        of_fake = self._outputs(role, self._augmented(role, fake, "judge", counters), conditions, "judge", counters)
        of_real: dict[str, tf.Tensor] = {}
        wanted = [penalty for penalty in self.penalties if "generator" in penalty.updates]
        comparing = [penalty for penalty in wanted if getattr(penalty.function, "compares", True)]
        if getattr(self.adversarial_loss, "compares", False) or comparing:
            seen = self._augmented(role, real, "judge_real", counters)
            of_real = self._outputs(role, seen, conditions, "judge_real", counters)
        loss = self.adversarial_loss.generator(of_real.get("logits"), of_fake["logits"])
        loss = parts.returned(loss, f"loss: {parts.name_of(self.adversarial_loss)}.generator")
        terms = {"generator_loss": tf.reduce_mean(loss)}
        if wanted:
            terms |= self._penalty_terms("generator", role, (real, fake), (of_real, of_fake), conditions, counters)
        return tf.add_n(list(terms.values())), terms

    def _outputs(
        self, role: str, examples: tf.Tensor, conditions: Conditions, purpose: str, counters: Sequence[Any]
    ) -> dict[str, tf.Tensor]:
        """Return a discriminator's outputs by name; a single logit's axis is left out."""
        given = self.run(role, examples, conditions, purpose=purpose, counters=counters)
        outputs = dict(given) if isinstance(given, dict) else {"logits": given}
        logits = outputs["logits"]
        return {**outputs, "logits": tf.squeeze(logits, axis=-1) if logits.shape[-1] == 1 else logits}

    def _augmented(self, role: str, examples: tf.Tensor, purpose: str, counters: Sequence[Any]) -> tf.Tensor:
        """Apply the augmentations to a discriminator's input."""
        for number, augmentation in self._augmentations_of(role):
            key = self.key(f"augmentation {number} {purpose}", *counters)
            seen = augmentation(examples, self._draws(key, examples, f"augmentation_{number}", role))
            examples = parts.returned(seen, f"augmentations.{number}", examples.shape)
        return examples

    def _augmentations_of(self, role: str) -> Iterator[tuple[int, Any]]:
        """Yield the number and function of each augmentation that a discriminator sees."""
        for number, augmentation in enumerate(self.augmentations):
            if augmentation.domains is None or role.removeprefix("discriminator_") in augmentation.domains:
                yield number, augmentation.function

    def _observe(self, role: str, real: tf.Tensor, logits: tf.Tensor, counters: Sequence[Any]) -> None:
        """Show the logits of real examples to the augmentations that look at them."""
        for number, augmentation in self._augmentations_of(role):
            if observe := getattr(augmentation, "observe", None):
                key = self.key(f"augmentation {number} observe", *counters)
                threshold = getattr(self.adversarial_loss, "threshold", 0.0)
                observe(logits - threshold, self._draws(key, real, f"augmentation_{number}", role))

    def _draws(self, key: tf.Tensor, examples: tf.Tensor, part: str, role: str) -> Draws:
        """Return the random numbers of a part for the rows of examples, and its state for a discriminator."""
        at = now()
        assert at is not None, "inside a loss function"
        rows = randomness.rows_of(examples)
        return Draws(key, at.place, rows, at.step, self._state_of(part, role))

    def _state_of(self, part: str, role: str) -> dict[str, keras.Variable]:
        return self.part_states.of(part, role) if self.part_states else {}

    def _check_may_communicate(self) -> None:
        """Refuse an XLA program for parts that exchange statistics with other replicas."""
        if self._communicates:
            check_may_communicate()

    def _penalty_terms(self, update: str, role: str, *given: Any) -> dict[str, tf.Tensor]:
        """Return the weighted penalties of an update; one due every n-th step is n times as strong then, else 0."""
        terms = {}
        floats = keras.config.floatx()
        at = now()
        assert at is not None, "inside a loss function"
        for penalty in self.penalties:
            if update not in penalty.updates:
                continue

            due, name = tf.equal(at.step % penalty.every, 0), penalty.logged(update)

            def value(penalty: parts.Penalty = penalty, due: tf.Tensor = due) -> tf.Tensor:
                context = dataclasses.replace(self._own_context(update, penalty, role, *given), due=due)
                each = parts.returned(penalty.function(context), f"penalties: {penalty.name}")
                return penalty.scale(at.step) * tf.reduce_mean(each)

            if penalty.every == 1:
                terms[name] = value()
            elif may_communicate(self.networks[role]) or getattr(penalty.function, "over_batch", False):
                # a condition must not contain communication between replicas
                terms[name] = tf.cast(due, floats) * value()
            else:
                terms[name] = tf.cond(due, value, lambda: tf.zeros((), floats))
        return terms

    def _own_context(
        self,
        update: str,
        penalty: parts.Penalty,
        role: str,
        examples: Any,
        outputs: Any,
        conditions: Conditions,
        counters: Any,
    ) -> PenaltyContext:
        """Return the context of one penalty: a discriminator and random numbers with their own keys."""
        real, fake = examples
        drawn = itertools.count()
        name = penalty.logged(update)

        def discriminator(seen: tf.Tensor) -> tf.Tensor:
            seen = self._augmented(role, seen, name, counters)
            return self._outputs(role, seen, conditions, name, counters)["logits"]

        def uniform(shape: Sequence[int]) -> tf.Tensor:
            key = self.key(f"{name}_draws", *counters)
            return self._draws(key, real, penalty.name, role).uniform(next(drawn), shape)

        def draws() -> Draws:
            return self._draws(self.key(f"{name}_draws", *counters, next(drawn)), real, penalty.name, role)

        of_real, of_fake = outputs
        state = self._state_of(penalty.name, role)
        return PenaltyContext(
            discriminator, real, fake, of_real, of_fake, conditions, self.networks, uniform, draws, state, update
        )
