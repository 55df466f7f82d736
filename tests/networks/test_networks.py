"""Networks: shapes for every size and conditioning, parameters counted by hand, no weight without a use."""

from itertools import pairwise

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.core import randomness
from ganzoo.errors import ConfigError
from ganzoo.networks.layers import BilinearUpsampling, SlopedTanh
from ganzoo.registry import of

NAMES = ["dcgan", "mlp", "sngan", "r3gan"]
CONDITIONINGS = ["concatenation", "embedding", "projection"]
SHAPES = [(28, 28, 1), (32, 32, 3), (64, 64, 3)]


def networks(name, shape, classes=0, conditioning=None, **arguments):
    generator = of("generator").get(name)(8, shape, classes, conditioning, **arguments)
    discriminator = of("discriminator").get(name)(shape, classes, conditioning, **arguments)
    return generator, discriminator


def small(name):
    return {"mlp": {"widths": [16, 12]}, "r3gan": {"width": 4, "group": 4, "blocks": 1}}.get(name, {"width": 4})


def example():
    return np.random.default_rng(0).uniform(-1.0, 1.0, (1, 28, 28, 1)).astype(np.float32)


def stirred(*networks):
    """Gives every weight a value: some start at zero, and hide what is before them."""
    for network in networks:
        for variable in network.trainable_variables:
            variable.assign_add(0.1 * np.sin(np.arange(variable.value.shape.num_elements())).reshape(variable.shape))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_unconditional_shapes_and_range(name, shape):
    generator, discriminator = networks(name, shape, **small(name))
    images = generator(randomness.normal(randomness.key(0, "t"), [3, 8]) * 100.0)
    assert images.shape == (3, *shape)
    assert np.max(np.abs(images)) <= 1.0
    assert discriminator(images).shape == (3, 1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_the_label_changes_image_and_logit(name, conditioning):
    generator, discriminator = networks(name, (28, 28, 1), 10, conditioning, **small(name))
    stirred(generator, discriminator)
    latents = tf.ones([2, 8])
    images = generator([latents, tf.constant([3, 7])])
    assert images.shape == (2, 28, 28, 1)
    assert not np.allclose(images[0], images[1])
    logits = discriminator([tf.repeat(example(), 2, axis=0), tf.constant([3, 7])])
    assert logits.shape == (2, 1)
    assert not np.allclose(logits[0], logits[1])


@pytest.mark.parametrize("name", NAMES)
def test_an_auxiliary_classifier_is_a_second_output_that_sees_no_label(name):
    _, discriminator = networks(name, (28, 28, 1), 10, "auxiliary", **small(name))
    stirred(discriminator)
    outputs = discriminator([tf.repeat(example(), 2, axis=0), tf.constant([3, 7])])
    assert {key: tuple(value.shape) for key, value in outputs.items()} == {"logits": (2, 1), "class_logits": (2, 10)}
    for output in outputs.values():
        np.testing.assert_allclose(output[0], output[1], atol=1e-6)


def test_conditional_batch_normalisation_is_the_labels_only_way_in():
    generator, _ = networks("dcgan", (28, 28, 1), 10, "projection", width=4, normalization="conditional_batch")
    start = 8 * 7 * 7 * 8 + 2 * 8 + 2 * 10 * 8  # dense without bias, moving averages, scale and shift of each class
    assert generator.count_params() == start + 4 * 4 * 4 * 8 + 2 * 4 + 2 * 10 * 4 + 4 * 4 * 1 * 4 + 1
    inputs = [tf.ones([2, 8]), tf.constant([3, 7])]
    np.testing.assert_allclose(*generator(inputs), atol=1e-6)
    stirred(generator)
    one, other = generator(inputs)
    assert not np.allclose(one, other)


def test_conditional_batch_normalisation_needs_classes():
    with pytest.raises(
        ConfigError, match=r"generator\.normalization: expected batch or none without labels, got conditional_batch"
    ):
        of("generator").get("dcgan")(8, (28, 28, 1), normalization="conditional_batch")


def test_points_are_linear_and_unbounded():
    generator, discriminator = networks("mlp", (2,), widths=[16])
    points = generator(tf.fill([2, 8], 1e3))
    assert np.max(np.abs(points)) > 1.0
    assert discriminator(points).shape == (2, 1)


def test_dcgan_parameters_counted_by_hand():
    generator, discriminator = networks("dcgan", (28, 28, 1), width=4, kernel=4, normalization="batch")
    start = 8 * 7 * 7 * 8 + 4 * 8  # dense without bias, four vectors of batch norm
    up1 = 4 * 4 * 4 * 8 + 4 * 4
    up2 = 4 * 4 * 1 * 4 + 1
    assert generator.count_params() == start + up1 + up2
    down1 = 4 * 4 * 1 * 4 + 4
    down2 = 4 * 4 * 4 * 8 + 4 * 8
    assert discriminator.count_params() == down1 + down2 + 7 * 7 * 8 + 1


def test_maxout_discriminator_counted_by_hand():
    _, discriminator = (
        networks("mlp", (28, 28, 1), widths=[3]),
        of("discriminator").get("mlp")((28, 28, 1), widths=[3], activation="maxout", pieces=5),
    )
    assert discriminator.count_params() == 784 * 15 + 15 + 3 + 1


@pytest.mark.parametrize(
    ("name", "options", "judging"),
    [
        ("dcgan", {"normalization": "batch"}, {"normalization": "batch"}),
        ("dcgan", {"normalization": "none"}, {"normalization": "none"}),
        ("dcgan", {"normalization": "conditional_batch"}, {}),
        ("sngan", {}, {}),
        ("r3gan", {}, {}),
    ],
)
@pytest.mark.parametrize("conditioning", ["projection", "auxiliary"])
def test_every_trainable_weight_has_a_gradient(name, options, judging, conditioning):
    generator = of("generator").get(name)(8, (28, 28, 1), 10, conditioning, **small(name), **options)
    discriminator = of("discriminator").get(name)((28, 28, 1), 10, conditioning, **small(name), **judging)
    stirred(generator, discriminator)
    labels = tf.range(10)
    with tf.GradientTape() as tape:
        made = generator([tf.random.normal([10, 8], seed=0), labels], training=True)
        outputs = tf.nest.flatten(discriminator([made, labels], training=True))
        loss = tf.add_n([tf.reduce_sum(output**2) for output in outputs])
    variables = generator.trainable_variables + discriminator.trainable_variables
    gradients = tape.gradient(loss, [v.value for v in variables])
    for variable, gradient in zip(variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.any(tf.convert_to_tensor(gradient) != 0.0), variable.path


@pytest.mark.parametrize("name", ["dcgan", "sngan", "r3gan"])
def test_a_size_that_cannot_be_doubled_to(name):
    with pytest.raises(
        ConfigError, match=rf"dataset\.size: expected 4 to 7 times a power of two for network {name}, got 30 "
    ):
        networks(name, (30, 30, 1))


def test_unknown_network():
    with pytest.raises(ConfigError, match=r"generator\.network: unknown generator 'dcgn' \(did you mean 'dcgan'\?\)"):
        of("generator").get("dcgn")


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("dcgan", (3, 7 * 7 * 8)),
        ("mlp", (3, 12)),
        ("patchgan", (3, 2, 2, 32)),
        ("sngan", (3, 4)),
        ("r3gan", (3, 4)),
    ],
)
def test_discriminators_return_their_features_on_demand(name, shape):
    """The logits are those of the same weights without features."""
    options = {"width": 4} if name == "patchgan" else small(name)
    build, images = of("discriminator").get(name), tf.ones([3, 28, 28, 1])
    plain, judge = build((28, 28, 1), **options), build((28, 28, 1), **options, features=True)
    plain.set_weights(judge.get_weights())
    outputs = judge(images)
    assert set(outputs) == {"logits", "features"}
    np.testing.assert_array_equal(outputs["logits"], plain(images))
    assert outputs["features"].shape == shape


@pytest.mark.parametrize("name", NAMES)
def test_features_beside_an_auxiliary_classifier(name):
    judge = of("discriminator").get(name)((28, 28, 1), 10, "auxiliary", **small(name), features=True)
    outputs = judge([tf.constant(example()), tf.constant([3])])
    assert set(outputs) == {"logits", "features", "class_logits"}
    last = judge.get_layer("class_logits")
    np.testing.assert_allclose(last(outputs["features"]), outputs["class_logits"], rtol=1e-5)


def test_minibatch_deviation_is_one_channel_more():
    plain, deviation = (
        of("discriminator").get("dcgan")((28, 28, 1), width=4, minibatch_deviation=on) for on in (False, True)
    )
    assert deviation.count_params() == plain.count_params() + 7 * 7
    assert deviation(tf.ones([8, 28, 28, 1]), training=True).shape == (8, 1)


@pytest.mark.parametrize("upsampling", ["bilinear", "nearest"])
def test_the_light_generator_halves_its_channels_at_each_doubling(upsampling):
    generator = of("generator").get("light")(8, (128, 128, 3), 3, "projection", width=2, upsampling=upsampling)
    widths = [32, 32, 16, 8, 4, 2]
    convolutions = sum(9 * width * to for width, to in pairwise(widths))
    norms = sum(2 * width + 2 * 3 * width for width in widths)  # moving averages; scale and shift of three classes
    assert generator.count_params() == 8 * 4 * 4 * 32 + convolutions + norms + 9 * 2 * 3 + 3
    kind = BilinearUpsampling if upsampling == "bilinear" else keras.layers.UpSampling2D
    assert [isinstance(generator.get_layer(f"up{level}_resize"), kind) for level in range(1, 6)] == [True] * 5
    assert isinstance(generator.get_layer("images"), SlopedTanh)
    start = generator.get_layer("start_norm")
    start.gamma.assign(tf.constant([[1.0], [2.0], [-1.0]]) * tf.ones([3, 32]))
    images = generator([tf.ones([3, 8]), tf.constant([0, 2, 0])]).numpy()
    assert images.shape == (3, 128, 128, 3)
    np.testing.assert_allclose(images[0], images[2], atol=1e-6)
    assert np.mean(np.abs(images[0] - images[1])) > 1e-4
