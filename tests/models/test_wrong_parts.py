"""Parts from outside that return what they must not: one line that names the part."""

import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.data.open import open_source
from ganzoo.errors import ConfigError, DataError, UsageError
from ganzoo.models.build import build
from ganzoo.models.vanilla import VanillaGAN
from ganzoo.registry import KINDS
from ganzoo.schema import DatasetConfig

SMALL = {"generator.widths": [4], "discriminator.widths": [4], "training.steps_per_execution": 1}
POINTS = np.zeros((256, 2), np.float32)


@pytest.fixture(autouse=True)
def forgotten():
    """What a test registers is gone after it."""
    yield
    for registry in KINDS.values():
        registry.registrations.pop("wrong", None)


def loss(update, value):
    methods = {"discriminator": lambda self, real, fake: fake, "generator": lambda self, real, fake: fake}
    return type("Wrong", (), {**methods, update: lambda self, real, fake: value})


@pytest.mark.parametrize(
    ("kind", "part", "overrides", "message"),
    [
        ("loss", loss("generator", None), {"loss.name": "wrong"}, "loss: Wrong.generator: expected it to return a"),
        (
            "loss",
            loss("discriminator", (1.0, 2.0)),
            {"loss.name": "wrong"},
            "loss: Wrong.discriminator: expected it to ret",
        ),
        (
            "penalty",
            lambda context: None,
            {"penalties": [{"name": "wrong", "weight": 1.0}]},
            "penalties: wrong: expected it to return a tensor of floats, got NoneType",
        ),
        (
            "penalty",
            lambda context: tf.ones([4], tf.int32),
            {"penalties": [{"name": "wrong", "weight": 1.0}]},
            "penalties: wrong: expected it to return a tensor of floats, got int32",
        ),
        (
            "augmentation",
            lambda examples, draws: examples[:, :1],
            {"augmentations": [{"name": "wrong"}]},
            "augmentations.0: expected it to return a tensor [256, 2], got [256, 1]",
        ),
        (
            "constraint",
            lambda weight: None,
            {"constraints": [{"name": "wrong"}]},
            "constraints: expected a tensor [2, 4] for ",
        ),
    ],
)
def test_objectives(kind, part, overrides, message):
    ganzoo.register(kind, "wrong")(part)
    model = build(ganzoo.config("gan_ring").override({**SMALL, **overrides}))
    with pytest.raises(UsageError) as caught:
        model.fit(POINTS, batch_size=256, epochs=1, verbose=0)
    assert str(caught.value).startswith(message)


def test_a_network():
    ganzoo.register("generator", "wrong")(lambda latent_size, example_shape, classes, conditioning: "network")
    with pytest.raises(
        ConfigError, match=r"^gan_ring: generator\.network: wrong: expected a keras\.Model from it, got"
    ):
        build(ganzoo.config("gan_ring").override({**SMALL, "generator": {"network": "wrong"}}))


def test_a_data_set():
    ganzoo.register("dataset", "wrong", kind="points")(lambda dataset, **passed: POINTS)
    with pytest.raises(DataError, match=r"^dataset\.name: wrong: expected a Source from it, got ndarray$"):
        open_source(DatasetConfig(name="wrong", kind="points", columns=2))


def test_a_scheme_without_a_role_that_it_names():
    class Wrong(VanillaGAN):
        @classmethod
        def assemble(cls, plan):
            return plan.network("critic", "discriminator", plan.shape)

    ganzoo.register("scheme", "wrong")(Wrong)
    with pytest.raises(ConfigError, match=r"^gan_ring: model\.scheme: wrong has no role 'critic' \(its roles: gen"):
        build(ganzoo.config("gan_ring").override({**SMALL, "model": {"scheme": "wrong", "latent": {"size": 2}}}))


def test_a_scheme_that_is_no_model():
    ganzoo.register("scheme", "wrong")(dict)
    with pytest.raises(ConfigError, match=r"^gan_ring: model\.scheme: wrong: expected a subclass of SteppedModel, got"):
        build(ganzoo.config("gan_ring").override({**SMALL, "model.scheme": "wrong"}))
