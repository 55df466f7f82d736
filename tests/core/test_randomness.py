"""Draws are functions of their keys, and of nothing else."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.core import randomness


def test_keys_differ_by_seed_purpose_and_counters():
    keys = [
        randomness.key(0, "latents"),
        randomness.key(1, "latents"),
        randomness.key(0, "mix"),
        randomness.key(0, "latents", 0),
        randomness.key(0, "latents", 1),
        randomness.key(0, "latents", 0, 1),
        randomness.key(0, "latents", 1, 0),
    ]
    assert len({tuple(k.numpy()) for k in keys}) == len(keys)


def test_a_key_gives_the_same_numbers_eagerly_in_a_graph_and_compiled():
    def draw():
        return randomness.normal(randomness.key(7, "latents", 3), [64])

    eager = draw().numpy()
    np.testing.assert_array_equal(tf.function(draw)().numpy(), eager)
    np.testing.assert_allclose(tf.function(draw, jit_compile=True)().numpy(), eager, rtol=1e-6)


@pytest.mark.parametrize(
    "draw",
    [
        lambda key: randomness.uniform(key, [500]),
        lambda key: randomness.uniform(key, [50, 10], -1.0, 1.0),
        lambda key: randomness.latents("uniform", key, [50, 10]),
        lambda key: tf.cast(randomness.keep_mask(key, [50, 7], 0.3), tf.float32),
    ],
)
def test_uniform_draws_are_the_same_in_xla(draw):
    """With the key as an argument: TensorFlow folds a draw of a constant key, which then says nothing of XLA's."""
    compiled = tf.function(draw, jit_compile=True, autograph=False)
    for seed in (0, 7):
        key = randomness.key(seed, "draw")
        np.testing.assert_array_equal(compiled(key), draw(key))
    assert not np.array_equal(compiled(randomness.key(0, "draw")), compiled(randomness.key(7, "draw")))


def test_uniform_numbers_are_the_low_bits_of_a_draw():
    key = randomness.key(5, "bits")
    bits = tf.random.stateless_uniform([1000], key, None, None, dtype=tf.int32, alg="philox").numpy()
    unit = (bits & (2**23 - 1)) / 2**23
    np.testing.assert_array_equal(randomness.uniform(key, [1000]), unit.astype(np.float32))
    np.testing.assert_allclose(randomness.uniform(key, [1000], -3.0, 1.0), 4 * unit - 3, atol=1e-6)


@pytest.mark.parametrize("shape", [[400, 3, 3, 10], [6000, 7], [40000]])
@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.999])
def test_a_mask_keeps_its_share(shape, rate):
    mask = randomness.keep_mask(randomness.key(0, "mask"), shape, rate).numpy()
    assert mask.shape == tuple(shape)
    assert mask.dtype == bool
    assert mask.mean() == pytest.approx(1 - rate, abs=4 * np.sqrt(rate * (1 - rate) / mask.size))


def test_a_mask_of_a_rate_of_almost_one_drops_almost_all():
    """Rounded to whole 65536ths the rate is 1, which is one more than 16 bits can be compared with."""
    assert randomness.keep_mask(randomness.key(0, "mask"), [1000, 8], 0.999999).numpy().mean() < 0.001


def test_neighbours_in_a_mask_are_independent():
    """Two of them are the halves of one draw."""
    mask = randomness.keep_mask(randomness.key(0, "mask"), [10_000, 8], 0.3).numpy()
    correlation = np.corrcoef(mask[:, 0::2].ravel(), mask[:, 1::2].ravel())[0, 1]
    assert abs(correlation) < 0.02  # four standard deviations


def test_a_mask_is_made_of_half_words():
    key = randomness.key(0, "mask")
    bits = tf.random.stateless_uniform([5, 4], key, None, None, dtype=tf.int32, alg="philox").numpy()
    halves = bits.view("<i2")[:, :7]
    np.testing.assert_array_equal(randomness.keep_mask(key, [5, 7], 0.25), halves >= 0.25 * 65536 - 32768)


def test_a_row_of_a_mask_does_not_depend_on_how_many_there_are():
    key = randomness.key(0, "mask")
    many = randomness.keep_mask(key, [64, 5], 0.5)
    np.testing.assert_array_equal(
        randomness.Place(8, 64).rows(lambda n: randomness.keep_mask(key, [n, 5], 0.5), 4), many[8:12]
    )


def test_priors_have_their_moments():
    key = randomness.key(0, "moments")
    normal = randomness.latents("normal", key, [100_000]).numpy()
    uniform = randomness.latents("uniform", key, [100_000]).numpy()
    assert abs(normal.mean()) < 0.01
    assert abs(normal.std() - 1.0) < 0.01
    assert abs(uniform.mean()) < 0.01
    assert abs(uniform.std() - 1 / np.sqrt(3)) < 0.01
    assert uniform.min() >= -1.0
    assert uniform.max() < 1.0


def test_a_row_depends_on_its_own_seed_alone():
    seeds = np.array([[5, 0], [5, 1], [9, 0], [5, 1]], np.int32)
    together = randomness.latents_by_row("normal", seeds, 16).numpy()
    alone = randomness.latents_by_row("normal", seeds[1:2], 16).numpy()
    np.testing.assert_array_equal(together[1], alone[0])
    np.testing.assert_array_equal(together[1], together[3])
    assert not np.array_equal(together[0], together[2])


def test_replicas_take_their_rows_of_one_global_draw():
    devices = tf.config.list_logical_devices("CPU")
    if len(devices) < 2:
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
        )
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    key = randomness.key(0, "latents")

    @tf.function
    def draw():
        return strategy.run(lambda: randomness.place_of_replica(4).rows(lambda n: randomness.normal(key, [n, 3]), 4))

    parts = strategy.experimental_local_results(draw())
    np.testing.assert_array_equal(np.concatenate([p.numpy() for p in parts]), randomness.normal(key, [8, 3]).numpy())


def test_a_layer_outside_of_a_scope_says_what_to_do():
    with pytest.raises(RuntimeError, match=r"layer 'drop'.*randomness\.scope"):
        randomness.layer_key("drop")


def test_scopes_nest_and_end():
    outer, inner = randomness.key(0, "outer"), randomness.key(0, "inner")
    place = randomness.Place(0, 4)

    def layer_key():
        return randomness.layer_key("a")[0].numpy()

    with randomness.scope(outer, place):
        first = layer_key()
        with randomness.scope(inner, place):
            assert not np.array_equal(layer_key(), first)
        np.testing.assert_array_equal(layer_key(), first)
    assert randomness.current_scope() is None


def test_initialisation_is_reproducible_and_leaves_pythons_generator_alone():
    def kernel(seed):
        with randomness.reproducible_initialisation(seed):
            layer = keras.layers.Dense(4)
            layer.build((None, 3))
        return layer.get_weights()[0]

    state = random.getstate()
    np.testing.assert_array_equal(kernel(3), kernel(3))
    assert not np.array_equal(kernel(3), kernel(4))
    assert random.getstate() == state
