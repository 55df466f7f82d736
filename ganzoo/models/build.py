"""The one place where a config becomes networks, losses, optimizers and a model."""

from __future__ import annotations

from typing import Any

import keras

from ganzoo.errors import ConfigError
from ganzoo.losses import LOSSES
from ganzoo.models.adversarial import AdversarialModel
from ganzoo.models.conditional import ConditionalGAN
from ganzoo.models.vanilla import VanillaGAN
from ganzoo.networks import registry
from ganzoo.penalties import PENALTIES
from ganzoo.randomness import reproducible_initialisation
from ganzoo.schema import Config, NetworkConfig, OptimizerConfig, check_arguments

SCHEMES: dict[str, type[AdversarialModel]] = {"vanilla": VanillaGAN, "conditional": ConditionalGAN}
OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop}


def build(config: Config) -> AdversarialModel:
    """A compiled model with fresh weights; the same config gives the same weights.

    Raises:
      ConfigError: a name that is not registered, or an argument that the named part does not take.
    """
    try:
        return _build(config)
    except ConfigError as error:
        raise ConfigError(f"{config.name}: {error}") from None


def _build(config: Config) -> AdversarialModel:
    LOSSES.get(config.loss.name)
    for penalty in config.penalties:
        PENALTIES.get(penalty.name)
    classes = config.dataset.classes if config.conditional else 0
    shape = config.dataset.example_shape
    latent = config.model.latent
    with reproducible_initialisation(config.training.seed):
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
        _optimizer(config.optimizer.generator),
        _optimizer(config.optimizer.discriminator),
        config.loss.name,
        penalties=[(penalty.name, penalty.weight, penalty.every) for penalty in config.penalties],
        label_smoothing=config.loss.label_smoothing,
        critic_steps=config.training.critic_steps,
        fresh_latents=config.training.fresh_latents,
        steps_per_execution=config.training.steps_per_execution,
    )
    return model


def _network(role: str, config: NetworkConfig, *given: Any) -> keras.Model:
    builder = registry.get(role, config.network)
    return builder(*given, **check_arguments(builder, config.arguments, role))


def _optimizer(config: OptimizerConfig) -> keras.optimizers.Optimizer:
    return OPTIMIZERS[config.name](learning_rate=config.learning_rate, **config.arguments)
