"""Half precision for the networks' arithmetic; weights, statistics, optimizers, logits and samples in float32."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_runs import model_of_each_kind, tiny

import ganzoo
from ganzoo.engine.precision import computes_in_full_precision, computing_in, twin
from ganzoo.models.build import build
from ganzoo.networks.layers import BatchNormalization, Dropout, Maxout


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_layers_made_inside_compute_in_it(precision):
    before = keras.config.dtype_policy().name
    with computing_in(precision):
        layers = [keras.layers.Dense(1), BatchNormalization(), Dropout(0.1), Maxout(2)]
    assert {layer.compute_dtype for layer in layers} == {precision}
    assert {layer.variable_dtype for layer in layers} == {"float32"}
    assert keras.config.dtype_policy().name == before == "float32"


def test_the_policy_comes_back_after_an_error():
    def fail():
        with computing_in("bfloat16"):
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        fail()
    assert keras.config.dtype_policy().name == "float32"


def test_a_twin_is_equal_full_and_its_own():
    with computing_in("bfloat16"):
        inputs = [keras.Input((3,)), keras.Input((), dtype="int32")]
        code = keras.layers.Embedding(5, 4, name="code")(inputs[1])
        x = keras.layers.Concatenate(name="joined")([keras.layers.Dense(4, name="dense")(inputs[0]), code])
        x = keras.layers.LeakyReLU(0.3, name="leaky")(BatchNormalization(name="norm", momentum=0.7)(x))
        network = keras.Model(inputs, Dropout(0.25, name="dropout")(Maxout(2, 3, name="maxout")(x)))
    numbers = np.random.default_rng(0)
    network.set_weights([numbers.uniform(0.5, 1.5, weight.shape) for weight in network.get_weights()])
    copy = twin(network)
    assert computes_in_full_precision(copy)
    assert not computes_in_full_precision(network)
    assert [variable.path for variable in copy.variables] == [variable.path for variable in network.variables]
    for mine, its in zip(network.variables, copy.variables, strict=True):
        assert mine is not its
        assert its.dtype == "float32"
        np.testing.assert_array_equal(mine.numpy(), its.numpy())
    assert copy.get_layer("norm").momentum == 0.7
    assert copy.get_layer("dropout").rate == 0.25
    rows = [numbers.normal(size=(8, 3)).astype(np.float32), np.arange(8) % 5]
    half, full = network(rows, training=False), copy(rows, training=False)
    assert (half.dtype, full.dtype) == (tf.bfloat16, tf.float32)
    np.testing.assert_allclose(np.float32(half), full, rtol=0.05, atol=0.05)
    before = copy.get_weights()
    network.set_weights([weight + 1.0 for weight in network.get_weights()])
    for weight, old in zip(copy.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


@pytest.mark.slow
@pytest.mark.parametrize("name", model_of_each_kind())
def test_every_model_trains_in_bfloat16_and_keeps_float32(name):
    config = ganzoo.config(name)
    config = config.override({**tiny(config), "training.steps_per_execution": 1, "training.ema_decay": 0.0})
    model = build(config, precision="bfloat16")
    for network in model.networks.values():
        assert not computes_in_full_precision(network)
        assert {output.dtype for output in network.outputs} == {"float32"}
    for role, average in model.averages.items():
        assert average is not model.networks[role], "samples are of a twin, though there is no average"
        assert computes_in_full_precision(average)
    before = {key: variable.numpy() for key, variable in model.state().items()}
    batch = batch_for(config)
    steps = 2  # in the first one a layer of zeros hides those before it
    model.fit(tf.data.Dataset.from_tensors(batch).repeat(), epochs=1, steps_per_epoch=steps, shuffle=False, verbose=0)
    state = model.state()
    assert {variable.dtype for variable in state.values()} == {"float32", "int64"}
    for part in (*model.networks, *(f"{role}_ema" for role in model.averages)):
        fixed = {f"{part}/{v.path}" for network in model.networks.values() for v in network.non_trainable_variables}
        kernels = [key for key in state if key.startswith(f"{part}/") and key.endswith("kernel") and key not in fixed]
        assert kernels
        for key in kernels:
            assert np.isfinite(state[key].numpy()).all()
            assert not np.array_equal(state[key].numpy(), before[key]), key
    if config.offers("translate"):
        check_translations(model, config)
    else:
        check_samples(model, config)


def batch_for(config):
    """One batch of two rows, as the config's model takes it."""
    numbers = np.random.default_rng(0)

    def examples():
        return numbers.uniform(-1, 1, (2, *config.dataset.example_shape)).astype(np.float32)

    if config.offers("translate"):
        return {domain: examples() for domain in config.dataset.domains}
    return {"examples": examples(), "labels": np.array([0, 1])} if conditional(config) else examples()


def conditional(config):
    return config.model.scheme == "conditional"


def check_samples(model, config):
    """What is drawn is what the average makes in full precision."""
    latents, labels = model.sample_latents(2, seed=0), [0, 1] if conditional(config) else None
    seen = getattr(model, "coded", tf.constant)(latents)  # what InfoGAN's generator sees of them
    full = model.generator_ema([seen, np.array(labels)] if labels else [seen], training=False)
    assert full.dtype == tf.float32
    drawn = model.decode(latents, labels)
    if config.dataset.size:
        np.testing.assert_allclose(drawn, (np.clip(full, -1, 1) + 1) * 127.5, atol=0.5001)
    else:
        np.testing.assert_allclose(drawn, full, rtol=1e-5)


def check_translations(model, config):
    """What is translated is what the average makes in full precision."""
    pictures = np.random.default_rng(1).integers(0, 256, (2, *config.dataset.example_shape), np.uint8)
    for domain in model.translators:
        full = model.averages[f"generator_{domain}"](np.float32(pictures) / 127.5 - 1.0, training=False)
        assert full.dtype == tf.float32
        translated = model.translate(pictures, domain)
        np.testing.assert_allclose(translated, (np.clip(full, -1, 1) + 1) * 127.5, atol=0.51)
