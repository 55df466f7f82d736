"""The one place where a config becomes networks, losses, optimizers and a model."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ganzoo.errors import ConfigError
from ganzoo.losses import LOSSES
from ganzoo.models.adversarial import AdversarialModel
from ganzoo.models.conditional import ConditionalGAN
from ganzoo.models.precision import computing_in
from ganzoo.models.vanilla import VanillaGAN
from ganzoo.networks import registry
from ganzoo.penalties import PENALTIES
from ganzoo.randomness import reproducible_initialisation
from ganzoo.schedules import SHAPES, factor
from ganzoo.schema import Config, NetworkConfig, OptimizerConfig, ScheduleConfig, check_arguments

SCHEMES: dict[str, type[AdversarialModel]] = {"vanilla": VanillaGAN, "conditional": ConditionalGAN}
OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop}


def build(config: Config, *, precision: str = "float32", xla: bool = False) -> AdversarialModel:
    """A compiled model with fresh weights; the same config gives the same weights. Under a strategy, in its scope.

    Args:
      config: of the model; its own `precision` and `xla` may be `auto` and are for those who train to decide.
      precision: that the networks compute in; weights are float32, and so is sampling.
      xla: see `AdversarialModel.compile`.

    Raises:
      ConfigError: a name that is not registered, or an argument that the named part does not take.
    """
    try:
        return _build(config, precision, xla)
    except ConfigError as error:
        raise ConfigError(f"{config.name}: {error}") from None


def _build(config: Config, precision: str, xla: bool) -> AdversarialModel:
    LOSSES.get(config.loss.name)
    for penalty in config.penalties:
        PENALTIES.get(penalty.name)
    classes = config.dataset.classes if config.conditional else 0
    shape = config.dataset.example_shape
    latent = config.model.latent
    with reproducible_initialisation(config.training.seed), computing_in(precision):
        generator = _network("generator", config.generator, latent.size, shape, classes, config.model.conditioning)
        discriminator = _network("discriminator", config.discriminator, shape, classes, config.model.conditioning)
    model = SCHEMES[config.model.scheme](
        generator,
        discriminator,
        latent.size,
        prior=latent.prior,
        classes=classes,
        ema_decay=config.training.ema_decay,
        seed=config.training.seed,
        name=config.name,
    )
    model.compile(
        _optimizer(config.optimizer.generator, config.training.steps),
        _optimizer(config.optimizer.discriminator, config.training.steps),
        config.loss.name,
        penalties=[(penalty.name, penalty.weight, penalty.every) for penalty in config.penalties],
        label_smoothing=config.loss.label_smoothing,
        critic_steps=config.training.critic_steps,
        fresh_latents=config.training.fresh_latents,
        accumulate=config.training.accumulate,
        clip_norm=config.optimizer.clip_norm,
        xla=xla,
        steps_per_execution=config.training.steps_per_execution,
    )
    model.config = config
    return model


def _network(role: str, config: NetworkConfig, *given: Any) -> keras.Model:
    builder = registry.get(role, config.network)
    return builder(*given, **check_arguments(builder, config.arguments, role))


def _optimizer(config: OptimizerConfig, steps: int) -> keras.optimizers.Optimizer:
    rate: Any = config.learning_rate
    if config.schedule is not None:
        rate = Schedule(rate, config.schedule, steps)
    return OPTIMIZERS[config.name](learning_rate=rate, **config.arguments)


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """A config's schedule as Keras knows them; a function of the model's step."""

    def __init__(self, learning_rate: float, config: ScheduleConfig, steps: int) -> None:
        self.learning_rate = learning_rate
        self.config = config
        self.end = config.end_of(steps)
        SHAPES.get(config.name)

    def __call__(self, step: Any) -> tf.Tensor:
        config, floats = self.config, keras.config.floatx()
        left = factor(config.name, tf.cast(step, floats), config.start, self.end, config.final)
        return self.learning_rate * left
