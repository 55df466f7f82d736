"""What a config says reaches the model: optimizers, schedules, clipping, accumulation, precision, XLA."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.errors import ConfigError
from ganzoo.models.build import build, outlined
from ganzoo.models.conditional import ConditionalGAN
from ganzoo.models.vanilla import VanillaGAN

SMALL = {"generator.widths": [4], "discriminator.widths": [4]}
ADAM = {"name": "adam", "learning_rate": 1e-3, "beta_1": 0.3, "beta_2": 0.8, "epsilon": 1e-5}


def ring(overrides=None, **arguments):
    return build(ganzoo.config("gan_ring").override({**SMALL, **(overrides or {})}), **arguments)


def rates(model, network, steps):
    """The learning rate of a network at some steps."""
    optimizer = model.updates[network].optimizer
    found = []
    for step in steps:
        model.step_counter.assign(step)
        found.append(float(optimizer.learning_rate))
    return found


def test_optimizers_get_their_arguments():
    model = ring(
        {
            "optimizer.generator": ADAM,
            "optimizer.discriminator": {"name": "rmsprop", "learning_rate": 2e-3, "rho": 0.7, "momentum": 0.1},
        }
    )
    adam, rmsprop = (model.updates[network].optimizer for network in ("generator", "discriminator"))
    assert isinstance(adam, keras.optimizers.Adam)
    assert (adam.beta_1, adam.beta_2, adam.epsilon) == (0.3, 0.8, 1e-5)
    assert isinstance(rmsprop, keras.optimizers.RMSprop)
    assert (rmsprop.rho, rmsprop.momentum) == (0.7, 0.1)
    assert rates(model, "generator", [0, 10_000]) == pytest.approx([1e-3, 1e-3])
    assert rates(model, "discriminator", [0, 10_000]) == pytest.approx([2e-3, 2e-3])


@pytest.mark.parametrize(
    ("schedule", "steps", "expected"),
    [
        ({"name": "linear"}, 100, [1.0, 0.9, 0.5, 0.0, 0.0]),  # at steps 0, 10, 50, 100, 1000
        ({"name": "linear", "start": 50}, 100, [1.0, 1.0, 1.0, 0.0, 0.0]),
        ({"name": "linear", "end": 20, "final": 0.1}, 100, [1.0, 0.55, 0.1, 0.1, 0.1]),
        ({"name": "cosine", "end": 20}, 100, [1.0, 0.5, 0.0, 0.0, 0.0]),
        ({"name": "cosine", "start": 5, "end": 20}, 100, [1.0, 0.5 + 0.5 * math.cos(math.pi / 3), 0.0, 0.0, 0.0]),
        ({"name": "constant"}, 100, [1.0, 1.0, 1.0, 1.0, 1.0]),
        ({"name": "linear", "start": 50}, 20, [1.0, 1.0, 1.0, 0.0, 0.0]),  # a run that ends before it starts to fall
    ],
)
def test_schedules(schedule, steps, expected):
    model = ring({"optimizer.discriminator.schedule": schedule, "training.steps": steps})
    whole = ganzoo.config("gan_ring").optimizer.discriminator.learning_rate
    found = rates(model, "discriminator", [0, 10, 50, 100, 1000])
    assert found == pytest.approx([whole * share for share in expected], abs=1e-9)
    assert rates(model, "generator", [0, 1000]) == pytest.approx([2e-3, 2e-3]), "its own has no schedule"


def test_images_are_as_large_as_a_discriminator_s_patches():
    config = ganzoo.config("cyclegan_digits")
    build(config.override({"dataset.size": 12}))
    with pytest.raises(ConfigError, match=r"dataset\.size: 8 is too small for the discriminator, which has no logit"):
        build(config.override({"dataset.size": 8}))


def test_an_unknown_schedule():
    with pytest.raises(
        ConfigError, match=r"gan_ring: schedule\.name: unknown schedule 'cosin' \(did you mean 'cosine'"
    ):
        ring({"optimizer.generator.schedule": {"name": "cosin"}})


def test_the_rest_of_a_step():
    model = ring(
        {
            "optimizer.clip_norm": 0.5,
            "training.accumulate": 4,
            "model.critic_steps": 3,
            "model.fresh_latents": True,
            "training.ema_decay": 0.9,
            "training.seed": 7,
            "training.steps_per_execution": 6,
            "loss.label_smoothing": 0.1,
            "penalties": [{"name": "r1", "weight": 0.5, "every": 4}],
        }
    )
    assert {name: update.clip_norm for name, update in model.updates.items()} == {
        "generator": 0.5,
        "discriminator": 0.5,
    }
    assert (model.accumulate, model.critic_steps, model.fresh_latents) == (4, 3, True)
    assert (model.ema_decay, model.seed, model.steps_per_execution, model.adversarial_loss.label_smoothing) == (
        0.9,
        7,
        6,
        0.1,
    )
    assert [(one.name, one.weight, one.every) for one in model.penalties] == [("r1", 0.5, 4)]
    assert model.generator_ema is not model.generator


@pytest.mark.parametrize(("name", "scheme"), [("cgan", ConditionalGAN), ("gan_ring", VanillaGAN)])
def test_the_scheme_decides_the_class(name, scheme):
    assert type(build(ganzoo.config(name))) is scheme


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_precision(precision):
    model = ring({"training.precision": "auto"}, precision=precision)
    for network in (model.generator, model.discriminator):
        assert {layer.compute_dtype for layer in network.layers if "hidden" in layer.name} == {precision}
    scaled = [update.loss_scale is not None for update in model.updates.values()]
    assert scaled == [precision == "float16"] * 2
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_seed_gives_the_same_weights_in_any_precision(precision):
    """And those of the moving average, though it is a network of its own."""
    model, other = ring(precision=precision), ring()
    for mine, theirs in zip(model.generator_ema.get_weights(), other.generator.get_weights(), strict=True):
        assert (mine == theirs).all()


def test_an_outline_has_the_names_and_shapes_of_the_trained_networks():
    config = ganzoo.config("cyclegan_digits").override({"generator.width": 4, "discriminator.width": 4})
    plain = build(config.override({"training.ema_decay": 0.0}))
    wanted = {name: (tuple(v.shape), v.dtype) for name, v in plain.weights_to_ship().items()}
    outline = outlined(config)
    assert {name: (tuple(v.shape), v.dtype) for name, v in outline.weights_to_ship().items()} == wanted
    assert outline.updates == {}, "it is not compiled"


def test_xla_reaches_every_program():
    assert [ring(xla=xla).xla for xla in (False, True)] == [False, True]


def test_no_xla_by_default():
    assert not build(ganzoo.config("gan_ring")).xla


@pytest.mark.slow
def test_xla_is_the_callers_choice():
    """The config's own may be `auto`, which takes a look at the machine."""
    for xla in (False, True):
        model = ring({"training.xla": "off" if xla else "on"}, xla=xla)
        model.fit(
            tf.data.Dataset.from_tensors(np.ones((8, 2), np.float32)).repeat(),
            steps_per_epoch=100,
            shuffle=False,
            verbose=0,
        )
        assert set(model.programs) == {"fake", "discriminator_loss_gradients", "generator_loss"}
        for program in model.programs.values():
            assert hasattr(program.compiled, "experimental_get_compiler_ir") == xla


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"generator.network": "dcgan"}, r"generator\.network: dcgan .*: image, got points \(use one of: mlp\)"),
        ({"discriminator.network": "patchgan"}, r"discriminator\.network: patchgan .*: image, got points .*mlp"),
        ({"augmentations": [{"name": "diffaugment"}]}, r"augmentations: diffaugment is .* got points .*instance_noise"),
    ],
)
def test_parts_for_images_are_refused_for_points(overrides, message):
    with pytest.raises(ConfigError, match=rf"^gan_ring: {message}"):
        build(ganzoo.config("gan_ring").override(overrides))
