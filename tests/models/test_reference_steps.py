"""Whole steps in float64 against a reference that is written without ganzoo's networks, losses and engine.

The equality matrix compares every strategy, compiled or not, with the same reference.
"""

import numpy as np
import pytest
import reference
import tensorflow as tf

import ganzoo
from ganzoo.models.build import build

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("float64")]

SMALL = {"generator.width": 2, "discriminator.width": 2, "loss.label_smoothing": 0.1}
ROWS = 4


def check(name, settings, steps, **parts):
    """Trains a model of the zoo, and compares all of it with the reference.

    Args:
      name: the model.
      settings: beside `SMALL`.
      steps: how many.
      parts: the batches' parts, `[batches, rows, …]`.
    """
    config = ganzoo.config(name).override({**SMALL, **settings})
    model = build(config)
    before = {name: variable.numpy() for name, variable in model.state().items()}
    batches = tf.data.Dataset.from_tensor_slices(parts)
    logs = model.fit(batches, epochs=1, steps_per_epoch=steps, shuffle=False, verbose=0).history
    expected = reference.after(config, before, batches.as_numpy_iterator(), steps, model.steps_per_execution)
    found = {name: variable.numpy() for name, variable in model.state().items()}
    found |= {f"logs/{name}": values[0] for name, values in logs.items()}
    for name, value in expected.items():
        distance = np.linalg.norm(found[name] - value) / (np.linalg.norm(value) or 1.0)
        assert distance <= 1e-6, name  # instance normalisation of nearly flat images amplifies rounding
    assert {name for name in found if "optimizer" not in name and "accuracy" not in name} - expected.keys() <= {
        *("step", "rate_scale"),
        *(f"logs/{penalty.name}" for penalty in config.penalties),
    }


def images(batches, side=28):
    return np.random.default_rng(side).uniform(-1, 1, (batches, ROWS, side, side, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("normalization", "penalties"), [("batch", []), ("none", [{"name": "r1", "weight": 0.5, "every": 2}])]
)
def test_a_conditional_dcgan(normalization, penalties):
    """Labels and two critic steps; batch norm in both networks, or R1 at the first and third of three steps."""
    settings = {
        "discriminator.normalization": normalization,
        "model.critic_steps": 2,
        "model.fresh_latents": True,
        "penalties": penalties,
        "training.steps_per_execution": 3,
    }
    labels = np.random.default_rng(0).integers(0, 10, (6, ROWS))
    check("cgan_mnist", settings, 3, examples=images(6), labels=labels)


def test_cyclegan():
    """The pool is full after two of three steps."""
    settings = {"generator.blocks": 1, "model.pool_size": 6, "model.identity_weight": 2.0}
    settings |= {"training.steps_per_execution": 3}
    check("cyclegan_digits", settings, 3, plain=images(3), bold=images(3)[::-1].copy())


def test_pix2pix():
    settings = {"generator": {"network": "resnet", "width": 2, "blocks": 1, "upsampling": "transposed4"}}
    settings |= {"training.steps_per_execution": 2}
    check("pix2pix_digits", settings, 2, edges=images(2, 32), digits=images(2, 32)[::-1].copy())


@pytest.mark.parametrize("settings", [{"to": "plain"}, {"identity_weight": 0.0, "flip_equivariance": True}])
def test_cut(settings):
    """The way back with the identity term, and FastCUT."""
    settings = {f"model.{key}": value for key, value in settings.items()} | {"generator.blocks": 2}
    settings |= {"model.positions": 20, "training.steps_per_execution": 2}
    check("cut_digits", settings, 2, plain=images(2), bold=images(2)[::-1].copy())
