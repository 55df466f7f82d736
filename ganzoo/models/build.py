"""The one place where a config becomes networks, losses, optimizers and a model."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from ganzoo.errors import ConfigError
from ganzoo.losses import LOSSES
from ganzoo.models.adversarial import AdversarialModel
from ganzoo.models.conditional import ConditionalGAN
from ganzoo.models.cyclegan import CycleGAN
from ganzoo.models.pix2pix import Pix2Pix
from ganzoo.models.precision import computing_in
from ganzoo.models.stepped import SteppedModel
from ganzoo.models.vanilla import VanillaGAN
from ganzoo.networks import registry
from ganzoo.penalties import PENALTIES
from ganzoo.randomness import reproducible_initialisation
from ganzoo.schedules import SHAPES, factor
from ganzoo.schema import Config, NetworkConfig, OptimizerConfig, ScheduleConfig, check_arguments

SCHEMES: dict[str, type[AdversarialModel]] = {"vanilla": VanillaGAN, "conditional": ConditionalGAN}
OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop}


def build(config: Config, *, precision: str = "float32", xla: bool = False) -> SteppedModel:
    """A compiled model with fresh weights; the same config gives the same weights. Under a strategy, in its scope.

    Args:
      config: of the model; its own `precision` and `xla` may be `auto` and are for those who train to decide.
      precision: that the networks compute in; weights are float32, and so is sampling.
      xla: see `AdversarialModel.compile`.

    Raises:
      ConfigError: a name that is not registered, or an argument that the named part does not take.
    """
    try:
        LOSSES.get(config.loss.name)
        for penalty in config.penalties:
            PENALTIES.get(penalty.name)
        build_scheme = _translation if config.translates else _generation
        with reproducible_initialisation(config.training.seed), computing_in(precision):
            model, terms = build_scheme(config)
        model.compile(
            _optimizer(config.optimizer.generator, config.training.steps),
            _optimizer(config.optimizer.discriminator, config.training.steps),
            config.loss.name,
            label_smoothing=config.loss.label_smoothing,
            accumulate=config.training.accumulate,
            clip_norm=config.optimizer.clip_norm,
            xla=xla,
            steps_per_execution=config.training.steps_per_execution,
            **terms,
        )
    except ConfigError as error:
        raise ConfigError(f"{config.name}: {error}") from None
    model.config = config
    return model


def _generation(config: Config) -> tuple[SteppedModel, dict[str, Any]]:
    """A model that draws examples from latents, and what its `compile` takes beyond what all take."""
    classes = config.dataset.classes if config.conditional else 0
    shape = config.dataset.example_shape
    latent = config.model.latent
    assert latent is not None, "the schema wants it"
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
    terms = {
        "penalties": [(penalty.name, penalty.weight, penalty.every) for penalty in config.penalties],
        "critic_steps": config.training.critic_steps,
        "fresh_latents": config.training.fresh_latents,
    }
    return model, terms


def _translation(config: Config) -> tuple[SteppedModel, dict[str, Any]]:
    """A model that translates images, and what its `compile` takes beyond what all take."""
    domains, shape = config.dataset.domains, config.dataset.example_shape
    common: dict[str, Any] = {
        "ema_decay": config.training.ema_decay,
        "seed": config.training.seed,
        "name": config.name,
    }

    def generator() -> keras.Model:
        return _network("translator", config.generator, shape)

    def discriminator(images: int) -> keras.Model:
        network = _network("patch_discriminator", config.discriminator, images * shape[-1])
        return _check_patches(network, shape[0])

    if config.paired:
        return Pix2Pix(domains, generator(), discriminator(2), **common), _given(l1_weight=config.loss.l1_weight)
    generators = {domain: generator() for domain in domains}
    discriminators = {domain: discriminator(1) for domain in domains}
    pool = _given(pool_size=config.training.pool_size)
    model = CycleGAN(domains, generators, discriminators, shape, **pool, **common)
    return model, _given(cycle_weight=config.loss.cycle_weight, identity_weight=config.loss.identity_weight)


def _given(**values: Any) -> dict[str, Any]:
    """What the config says; of the rest the model knows the default."""
    return {name: value for name, value in values.items() if value is not None}


def _check_patches(discriminator: keras.Model, size: int) -> keras.Model:
    """Refuses a discriminator whose patches are larger than the images."""
    try:
        discriminator.compute_output_shape((1, size, size, discriminator.input_shape[-1]))
    except ValueError:  # Keras's "output size would be zero or negative"
        raise ConfigError(
            f"dataset.size: {size} is too small for the discriminator, which has no logit for it (enlarge it, or take "
            "fewer discriminator.layers)"
        ) from None
    return discriminator


def _network(role: str, config: NetworkConfig, *given: Any) -> keras.Model:
    builder = registry.get(role, config.network)
    return builder(*given, **check_arguments(builder, config.arguments, registry.config_key(role)))


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
