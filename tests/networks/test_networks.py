"""Networks: shapes for every size and conditioning, parameters counted by hand, no weight without a use."""

import numpy as np
import pytest
import tensorflow as tf

from ganzoo.core import randomness
from ganzoo.errors import ConfigError
from ganzoo.registry import of

CONDITIONINGS = ["concatenation", "embedding", "projection"]
SHAPES = [(28, 28, 1), (32, 32, 3), (64, 64, 3)]


def networks(name, shape, classes=0, conditioning=None, **arguments):
    generator = of("generator").get(name)(8, shape, classes, conditioning, **arguments)
    discriminator = of("discriminator").get(name)(shape, classes, conditioning, **arguments)
    return generator, discriminator


def small(name):
    return {"width": 4} if name == "dcgan" else {"widths": [16, 12]}


@pytest.mark.parametrize("name", ["dcgan", "mlp"])
@pytest.mark.parametrize("shape", SHAPES)
def test_unconditional_shapes_and_range(name, shape):
    generator, discriminator = networks(name, shape, **small(name))
    images = generator(randomness.normal(randomness.key(0, "t"), [3, 8]) * 100.0)
    assert images.shape == (3, *shape)
    assert np.max(np.abs(images)) <= 1.0
    assert discriminator(images).shape == (3, 1)


@pytest.mark.parametrize("name", ["dcgan", "mlp"])
@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_the_label_changes_image_and_logit(name, conditioning):
    generator, discriminator = networks(name, (28, 28, 1), 10, conditioning, **small(name))
    for network in (generator, discriminator):  # a label's way in may start near zero: give it weight
        for variable in network.trainable_variables:
            variable.assign_add(0.1 * np.sin(np.arange(variable.value.shape.num_elements())).reshape(variable.shape))
    latents = tf.ones([2, 8])
    images = generator([latents, tf.constant([3, 7])])
    assert images.shape == (2, 28, 28, 1)
    assert not np.allclose(images[0], images[1])
    logits = discriminator([tf.ones([2, 28, 28, 1]), tf.constant([3, 7])])
    assert logits.shape == (2, 1)
    assert not np.allclose(logits[0], logits[1])


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


@pytest.mark.parametrize("normalization", ["batch", "none"])
def test_every_trainable_weight_has_a_gradient(normalization):
    generator, discriminator = networks("dcgan", (28, 28, 1), 10, "projection", width=4, normalization=normalization)
    labels = tf.range(10)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(
            discriminator([generator([tf.random.normal([10, 8]), labels], training=True), labels], training=True) ** 2
        )
    variables = generator.trainable_variables + discriminator.trainable_variables
    gradients = tape.gradient(loss, [v.value for v in variables])
    for variable, gradient in zip(variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.any(tf.convert_to_tensor(gradient) != 0.0), variable.path


def test_a_size_that_cannot_be_doubled_to():
    with pytest.raises(ConfigError, match=r"dataset\.size: 30 does not suit"):
        networks("dcgan", (30, 30, 1))


def test_unknown_network():
    with pytest.raises(ConfigError, match=r"generator\.network: unknown generator 'dcgn' \(did you mean 'dcgan'\?\)"):
        of("generator").get("dcgn")


@pytest.mark.parametrize(("name", "shape"), [("dcgan", (3, 7 * 7 * 8)), ("mlp", (3, 12)), ("patchgan", (3, 2, 2, 32))])
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


def test_minibatch_deviation_is_one_channel_more():
    plain, deviation = (
        of("discriminator").get("dcgan")((28, 28, 1), width=4, minibatch_deviation=on) for on in (False, True)
    )
    assert deviation.count_params() == plain.count_params() + 7 * 7
    assert deviation(tf.ones([8, 28, 28, 1]), training=True).shape == (8, 1)
