"""Layers of the style generator against loops in NumPy and numbers worked out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.core import randomness
from ganzoo.networks.layers import EqualizedDense, LearnedConstant, ModulatedConv2D, PixelNoise, StyleMean

NUMBERS = np.random.default_rng(0)


def modulated_by_loops(images, styles, kernel, bias, demodulate):
    """The weights of each example, and the sum of products for each output."""
    rows, height, width, channels = images.shape
    side, _, _, filters = kernel.shape
    made = np.zeros((rows, height, width, filters))
    padded = np.pad(images, [(0, 0), (side // 2,) * 2, (side // 2,) * 2, (0, 0)])
    for n in range(rows):
        weights = kernel / (side * np.sqrt(channels))
        weights = weights * styles[n][:, np.newaxis]
        for f in range(filters):
            own = weights[..., f]
            if demodulate:
                own = own / np.sqrt(np.sum(own**2) + 1e-8)
            for y in range(height):
                for x in range(width):
                    made[n, y, x, f] = np.sum(padded[n, y : y + side, x : x + side] * own) + bias[f]
    return made


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("side", "demodulate"), [(3, True), (3, False), (1, True), (1, False)])
def test_modulated_convolution_is_that_of_loops(side, demodulate):
    layer = ModulatedConv2D(4, side, demodulate=demodulate, dtype="float64")
    images, styles = NUMBERS.normal(size=(3, 5, 6, 2)), NUMBERS.normal(size=(3, 2))
    layer([tf.constant(images), tf.constant(styles)])
    bias = NUMBERS.normal(size=4)
    layer.set_weights([layer.get_weights()[0], bias])
    made = layer([tf.constant(images), tf.constant(styles)])
    wanted = modulated_by_loops(images, styles, layer.get_weights()[0], bias, demodulate)
    np.testing.assert_allclose(made, wanted, rtol=0, atol=1e-12)


def test_demodulation_keeps_unit_variance():
    """Whatever the styles; at the border, where there are zeros, it is less."""
    images, styles = NUMBERS.normal(size=(64, 10, 10, 16)), NUMBERS.uniform(0.1, 30.0, (64, 16))
    made = ModulatedConv2D(8, 3)([tf.constant(images, tf.float32), tf.constant(styles, tf.float32)])
    assert np.var(made[:, 1:-1, 1:-1]) == pytest.approx(1.0, abs=0.02)


@pytest.mark.usefixtures("float64")
def test_second_derivatives_of_the_modulated_convolution():
    layer = ModulatedConv2D(2, 3, dtype="float64")
    images, styles = tf.constant(NUMBERS.normal(size=(2, 3, 3, 2))), tf.constant(NUMBERS.normal(size=(2, 2)))
    layer([images, styles])
    kernel = tf.constant(layer.get_weights()[0])

    def slope(images, styles, kernel):
        """The squared gradient by the styles of the sum of the cubes of the outputs."""
        with tf.GradientTape() as tape:
            tape.watch(styles)
            scaled = (
                layer.convolution_op(images * styles[:, None, None], kernel)
                * layer._factors(kernel, styles)[:, None, None]
            )
            total = tf.reduce_sum(scaled**3)
        return tf.reduce_sum(tape.gradient(total, styles) ** 2)

    theoretical, numerical = tf.test.compute_gradient(slope, [images, styles, kernel], delta=1e-5)
    for one, other in zip(theoretical, numerical, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_equalised_weights_start_large_and_are_scaled():
    """A kernel of N(0, 100^2) and a bias, both times 0.01; the kernel over the root of its 400 inputs too."""
    layer = EqualizedDense(300, 0.01)
    inputs = tf.constant(NUMBERS.normal(size=(5, 400)), tf.float32)
    layer(inputs)
    kernel, _ = layer.get_weights()
    assert kernel.std() == pytest.approx(100.0, rel=0.02)
    layer.set_weights([kernel, np.arange(300.0)])
    np.testing.assert_allclose(
        layer(inputs), inputs.numpy() @ kernel * 0.01 / 20.0 + 0.01 * np.arange(300.0), atol=1e-4
    )


@pytest.mark.parametrize(
    "layer",
    [EqualizedDense(3, 0.1), ModulatedConv2D(3, 3, demodulate=False), LearnedConstant((2, 2, 1)), StyleMean(0.9)],
)
def test_config_round_trip(layer):
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


def test_a_constant_for_each_row():
    layer = LearnedConstant((2, 2, 3))
    made = layer(tf.zeros([4, 7]))
    assert made.shape == (4, 2, 2, 3)
    for row in made:
        np.testing.assert_array_equal(row, layer.get_weights()[0])


def test_noise_is_fixed_in_inference_and_starts_without_strength():
    layer = PixelNoise(name="noise")
    inputs = tf.constant(NUMBERS.normal(size=(2, 4, 4, 3)), tf.float32)
    np.testing.assert_array_equal(layer(inputs), inputs)
    layer.set_weights([np.float32(2.0), fixed := layer.get_weights()[1]])
    assert fixed.shape == (4, 4, 1)
    np.testing.assert_allclose(layer(inputs) - inputs, np.broadcast_to(2.0 * fixed, (2, 4, 4, 3)), atol=1e-6)
    assert [v.name for v in layer.trainable_variables] == ["strength"]


def test_noise_of_training_is_normal_and_of_the_row_in_the_global_batch():
    layer = PixelNoise(name="noise")
    layer.build((None, 8, 8, 2))
    layer.strength.assign(3.0)

    def noise(first, rows):
        with randomness.scope(randomness.key(0, "test"), randomness.Place(tf.constant(first), 64)):
            return layer(tf.zeros([rows, 8, 8, 2]), training=True).numpy()

    whole = noise(0, 64)
    np.testing.assert_array_equal(whole[..., 0], whole[..., 1])
    assert whole.mean() == pytest.approx(0.0, abs=0.15)
    assert whole.std() == pytest.approx(3.0, rel=0.03)
    assert not np.array_equal(whole[0], whole[1])
    np.testing.assert_array_equal(np.concatenate([noise(0, 16), noise(16, 48)]), whole)


def test_the_mean_of_styles_moves_in_training_alone():
    """From 0 by a tenth to (2, 3), then to (4, 5): 0.9 (0.2, 0.3) + 0.1 (4, 5)."""
    layer = StyleMean(0.9)
    for training, styles in ((True, [[1.0, 2.0], [3.0, 4.0]]), (True, [[4.0, 5.0]]), (False, [[9.0, 9.0]])):
        np.testing.assert_array_equal(layer(tf.constant(styles), training=training), styles)
    np.testing.assert_allclose(layer.average, [0.58, 0.77], rtol=1e-6)
    made = layer.truncated(tf.constant([[1.0, 1.0]] * 3), tf.constant([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(made, [[0.58, 0.77], [0.79, 0.885], [1.0, 1.0]], rtol=1e-6)
    assert layer.trainable_variables == []


def test_the_mean_is_over_all_replicas():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice())
    with strategy.scope():
        layer = StyleMean(0.5)
        layer.build((None, 1))

    @tf.function
    def step():
        def replica():
            row = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.float32)
            return layer(tf.reshape(2.0 + 4.0 * row, [1, 1]), training=True)

        return strategy.run(replica)

    step()
    for average in strategy.experimental_local_results(layer.average.value):
        np.testing.assert_allclose(average, [2.0])
    assert layer.communicates is False, "one device alone"
    with strategy.scope():
        assert layer.communicates


# Keras 3.15 reads a variable in a way that NumPy 2 deprecates.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
def test_keras_models_of_these_layers_are_saved(tmp_path):
    latents = keras.Input((4,))
    styles = StyleMean()(EqualizedDense(4, 0.01)(latents))
    image = ModulatedConv2D(2, 3)([LearnedConstant((4, 4, 4))(styles), styles])
    network = keras.Model(latents, PixelNoise()(image))
    network.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    numbers = tf.constant(NUMBERS.normal(size=(2, 4)), tf.float32)
    np.testing.assert_array_equal(again(numbers), network(numbers))
