"""Combinations of parts that are refused, with the reason; those with state and with statistics of the batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.errors import ConfigError, UsageError
from ganzoo.models.build import build
from ganzoo.models.compositions import warned
from ganzoo.training.checkpoints import Checkpoints

RING = {"generator.widths": [8], "discriminator.widths": [8], "training.steps_per_execution": 1}
SGD = {"name": "sgd", "learning_rate": 0.05}
# every part with statistics of the batch, on points and on images (with multi-layer perceptrons, which are fast)
POINTS = {
    **RING,
    "loss": {"name": "relativistic_average"},
    "discriminator.features": True,
    "penalties": [{"name": "feature_matching", "weight": 1.0, "every": 2}],
    "augmentations": [{"name": "instance_noise", "steps": 10}],
    "optimizer.generator": SGD,
    "optimizer.discriminator": SGD,
}
IMAGES = {
    **RING,
    "discriminator.widths": [8],
    "discriminator.dropout": 0.0,
    "discriminator.input_dropout": 0.0,
    "augmentations": [{"name": "adaptive", "policy": ["cutout"], "target": -0.9, "images": 64}],
    "penalties": [
        {"name": "lecam", "weight": 0.3},
        {"name": "consistency", "weight": 1.0, "augmentation": {"name": "diffaugment", "policy": ["color"]}},
    ],
}


def trained(name, overrides, steps=4, model=None):
    """The model after some steps."""
    config = ganzoo.config(name).override(overrides)
    model = model or build(config)
    shape = (6, 8, *config.dataset.example_shape)
    examples = np.random.default_rng(0).uniform(-1, 1, shape).astype(keras.config.floatx()).reshape(-1, *shape[2:])
    batches = tf.data.Dataset.from_tensor_slices(examples).batch(8, drop_remainder=True).skip(model.step)
    model.fit(batches, steps_per_epoch=steps, epochs=1, verbose=0, shuffle=False)
    return model


def values(model):
    return {name: variable.numpy() for name, variable in model.state().items()}


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        (
            "cyclegan_digits",
            {"discriminator.normalization": "spectral", "constraints": [{"name": "weight_clipping"}]},
            r"constraints: weight_clipping: expected layers without spectral normalisation, .*undoes the bound",
        ),
        (
            "dcgan_mnist",
            {"penalties": [{"name": "gradient_penalty", "weight": 10.0}]},
            r"penalties: gradient_penalty: expected a discriminator that judges each example alone, got batch norm",
        ),
        (
            "cyclegan_digits",
            {"loss": {"name": "heads", "losses": ["hinge", "non_saturating"]}},
            r"loss\.losses: expected a discriminator with 2 logits, one for each loss, got one with 1 "
            r"\(set discriminator\.heads=2,",
        ),
        (
            "cyclegan_digits",
            {"loss": {"name": "heads", "losses": ["hinge", "non_saturating"]}, "discriminator.heads": 3},
            r"loss\.losses: expected a discriminator with 2 logits, one for each loss, got one with 3 ",
        ),
        (
            "gan_ring",
            {"penalties": [{"name": "feature_matching", "weight": 1.0}]},
            r"penalties: feature_matching: expected a discriminator with the output 'features', got one with logits "
            r"\(set discriminator\.features=true",
        ),
        (
            "gan_mnist",
            {"penalties": [{"name": "path_length", "weight": 2.0}]},
            r"penalties: path_length: expected a generator with styles, got none \(set generator\.network=style\)",
        ),
        (
            "stylegan2_mnist",
            {"training.accumulate": 2},
            r"training\.accumulate: expected 1, got 2: the part 'path_length' has",
        ),
        (
            "gan_mnist",
            {"loss.name": "wasserstein", "augmentations": [{"name": "adaptive"}]},
            r"augmentations: expected a loss whose logits are positive for real examples, .* got Wasserstein",
        ),
        (
            "gan_ring",
            {"loss.name": "relativistic_average", "training.accumulate": 2},
            r"training\.accumulate: expected 1, got 2: the part 'loss' has statistics of the whole batch",
        ),
        (
            "gan_ring",
            {"penalties": [{"name": "lecam", "weight": 0.3}], "training.accumulate": 2},
            r"training\.accumulate: expected 1, got 2: the part 'lecam' has",
        ),
        (
            "gan_mnist",
            {"augmentations": [{"name": "adaptive"}], "training.accumulate": 2},
            r"training\.accumulate: expected 1, got 2: the part 'augmentations\.0' has",
        ),
        (
            "gan_ring",
            {"augmentations": [{"name": "adaptive"}]},
            r"augmentations: adaptive is for dataset\.kind: image, got points",
        ),
    ],
)
def test_what_cannot_be_combined(name, overrides, message):
    with pytest.raises(ConfigError, match=message):
        build(ganzoo.config(name).override(overrides))


def test_as_many_heads_as_losses():
    """Of patches too, of which there are other numbers: [N, h, w, heads]."""
    heads = {"loss": {"name": "heads", "losses": ["hinge", "least_squares"]}, "discriminator.heads": 2}
    resnet = {"generator": {"network": "resnet", "width": 2, "blocks": 1}, "discriminator.width": 2}
    model = build(ganzoo.config("cyclegan_digits").override({**resnet, **heads}))
    assert model.networks["discriminator_bold"].output_shape[-1] == 2


def test_state_of_parts_is_the_model_s():
    config = ganzoo.config("gan_ring").override({**RING, "penalties": [{"name": "lecam", "weight": 0.3}]})
    state = build(config).state()
    assert {name for name in state if name.startswith("parts/")} == {
        f"parts/lecam/discriminator/{kind}" for kind in ("real", "fake")
    }


@pytest.fixture(scope="module")
def after_two():
    """A model with state after two steps."""
    return trained("gan_mnist", IMAGES, steps=2)


@pytest.mark.slow
def test_state_is_part_of_the_model_and_moves(after_two):
    """LeCam's averages are below two hundredths of the logits; ADA has moved by 8 of 64 images twice."""
    parts = {name: float(value) for name, value in values(after_two).items() if name.startswith("parts/")}
    assert parts.pop("parts/augmentation_0/discriminator/probability") == 0.25
    assert parts.keys() == {f"parts/lecam/discriminator/{kind}" for kind in ("real", "fake")}
    assert all(0.0 < abs(average) < 0.1 for average in parts.values())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_state_is_in_a_file_of_keras(tmp_path, after_two):
    after_two.save(tmp_path / "m.keras")
    loaded = values(keras.models.load_model(tmp_path / "m.keras"))
    for key, value in values(after_two).items():
        np.testing.assert_array_equal(loaded[key], value, err_msg=key)


@pytest.mark.slow
def test_a_restored_run_goes_on_bit_for_bit(tmp_path, after_two):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(after_two)
    again = build(after_two.config)
    assert checkpoints.restore(again) == 2
    whole = values(trained("gan_mnist", IMAGES, 2, after_two))
    for key, value in values(trained("gan_mnist", IMAGES, 2, again)).items():
        np.testing.assert_array_equal(value, whole[key], err_msg=key)


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("gan_ring", POINTS),
        ("gan_mnist", IMAGES),
        (
            "dcgan_mnist",
            {
                "generator.width": 2,
                "generator.normalization": "none",
                "discriminator.width": 2,
                "discriminator.normalization": "none",
                "discriminator.minibatch_deviation": True,
                "training.steps_per_execution": 1,
                "optimizer.generator": SGD,
                "optimizer.discriminator": SGD,
            },
        ),
    ],
)
def test_two_replicas_are_one_device(name, overrides, xla):
    """In float64, to a billionth; compiled where the parts allow it."""
    if xla and name != "gan_ring":
        pytest.skip("XLA takes long over images")
    alone = values(trained(name, overrides))
    reduction = tf.distribute.ReductionToOneDevice()
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=reduction).scope():
        model = build(ganzoo.config(name).override(overrides), xla=xla)
    two = values(trained(name, overrides, model=model))
    assert two.keys() == alone.keys()
    for key, value in alone.items():
        np.testing.assert_allclose(two[key], value, rtol=1e-9, atol=1e-12, err_msg=key)


def test_a_refused_compile_keeps_the_parts_of_the_one_before():
    model = build(ganzoo.config("dcgan_mnist").override({"generator.width": 2, "discriminator.width": 2}))
    before = model.adversarial_loss, model.penalties, model.updates, model.part_states
    with pytest.raises(UsageError, match="batch normalisation"):
        model.compile("adam", "adam", "hinge", penalties=["r1"])
    assert (model.adversarial_loss, model.penalties, model.updates, model.part_states) == before


def test_models_of_an_older_version_are_warned_of_and_load(caplog):
    """R1 over batch normalisation was not refused in version 0.1."""
    small = {"generator.width": 2, "discriminator.width": 2, "penalties": [{"name": "r1", "weight": 1.0}]}
    config = ganzoo.config("dcgan_mnist").override(small)
    with pytest.raises(ConfigError, match="batch normalisation"):
        build(config)
    with warned():
        assert build(config).generate(1, seed=0).shape == (1, 28, 28, 1)
    assert "r1: expected a discriminator that judges each example alone" in caplog.text
