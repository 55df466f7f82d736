"""The training step against an independent one in NumPy, and what `generate` promises."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.core import randomness
from ganzoo.errors import ConfigError, UsageError
from ganzoo.models.build import build, scheme_of
from ganzoo.models.conditional import ConditionalGAN
from ganzoo.models.vanilla import VanillaGAN
from ganzoo.networks.layers import BatchNormalization
from ganzoo.objectives.parts import name_of

SMALL = {"generator.width": 4, "discriminator.width": 4, "training.batch_size": 8, "training.steps_per_execution": 1}


def linear_gan(**compile_arguments):
    """G(z) = a z + b and D(x) = w x + c on numbers, with plain gradient descent: a step can be worked out by hand."""
    generator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="g")])
    discriminator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="d")])
    generator.set_weights([np.array([[0.5]]), np.array([0.1])])
    discriminator.set_weights([np.array([[0.8]]), np.array([-0.2])])
    model = VanillaGAN(generator, discriminator, 1, ema_decay=0.9, seed=3)
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.2), **compile_arguments)
    return model


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def latents_of(step, draw, rows):
    key = randomness.key(3, "latents", step, draw)
    return randomness.latents("normal", key, [rows, 1]).numpy().astype(np.float64)


def by_hand(batches, steps, *, critic_steps, fresh_latents, saturating, r1=0.0, smoothing=0.0):
    """The same training in NumPy, with derivatives worked out on paper."""
    a, b, w, c = 0.5, 0.1, 0.8, -0.2
    average = [a, b]
    for step in range(steps):
        for k in range(critic_steps):
            x = batches[step * critic_steps + k].astype(np.float64)
            z = latents_of(step, k, len(x))
            fake = a * z + b
            real_slope = sigmoid(w * x + c) - (1.0 - smoothing)  # of the cross-entropy by the logit
            fake_slope = sigmoid(w * fake + c)
            # R1 of a linear D is w squared over two
            slope_w = np.mean(real_slope * x + fake_slope * fake) + r1 * w
            w, c = w - 0.2 * slope_w, c - 0.2 * np.mean(real_slope + fake_slope)
        if fresh_latents:
            z = latents_of(step, critic_steps, len(x))
        probability = sigmoid(w * (a * z + b) + c)
        slope = -probability if saturating else probability - 1.0
        a, b = a - 0.1 * np.mean(slope * w * z), b - 0.1 * np.mean(slope * w)
        decay = min(0.9, (1 + step) / (10 + step))
        average = [new + decay * (old - new) for old, new in zip(average, (a, b), strict=True)]
    return np.array([a, b, w, c, *average])


@pytest.mark.parametrize("critic_steps", [1, 3])
@pytest.mark.parametrize("fresh_latents", [False, True])
@pytest.mark.parametrize("loss", ["minimax", "non_saturating"])
def test_three_steps_equal_those_worked_out_by_hand(critic_steps, fresh_latents, loss):
    batches = np.random.default_rng(0).normal(2.0, 0.5, (3 * critic_steps, 16, 1)).astype(np.float32)
    model = linear_gan(
        loss={"name": loss, "label_smoothing": 0.1},
        critic_steps=critic_steps,
        fresh_latents=fresh_latents,
        penalties=[("r1", 0.3, 1)],
    )
    model.fit(tf.data.Dataset.from_tensor_slices(batches), epochs=1, steps_per_epoch=3, shuffle=False, verbose=0)
    expected = by_hand(
        batches,
        3,
        critic_steps=critic_steps,
        fresh_latents=fresh_latents,
        saturating=loss == "minimax",
        r1=0.3,
        smoothing=0.1,
    )
    parts = (model.generator, model.discriminator, model.generator_ema)
    actual = np.concatenate([np.ravel(w) for network in parts for w in network.get_weights()])
    np.testing.assert_allclose(actual, expected, rtol=2e-5)
    assert model.step == 3


def test_a_penalty_every_second_step_counts_twice_and_starts_at_step_0():
    batches = np.zeros((2, 4, 1), np.float32)
    model = linear_gan(penalties=[("r1", 0.3, 2)])
    dataset = tf.data.Dataset.from_tensor_slices(batches)
    history = model.fit(dataset, epochs=2, steps_per_epoch=1, shuffle=False, verbose=0).history
    np.testing.assert_allclose(history["r1"], [2 * 0.3 * 0.8**2 / 2, 0.0], rtol=1e-6)


def test_a_penalty_is_computed_where_it_is_due():
    """Of every third step: at the steps 0, 3 and 6."""
    computed = tf.Variable(0)

    def counted(context):
        with tf.control_dependencies([computed.assign_add(1)]):
            return tf.ones([4])

    counted.every, counted.weight = 3, 0.5
    model = linear_gan(penalties=[counted])
    data = tf.data.Dataset.from_tensors(np.zeros((4, 1), np.float32)).repeat()
    history = model.fit(data, epochs=7, steps_per_epoch=1, shuffle=False, verbose=0).history
    assert history["counted"] == [1.5, 0.0, 0.0, 1.5, 0.0, 0.0, 1.5]
    assert computed.numpy() == 3


def test_the_weight_of_a_penalty_by_a_schedule():
    """Cosine from 0.4 at step 1 to a quarter of it at step 3, of a penalty that is 1 and due every second step."""
    config = ganzoo.config("r3gan_ring").override(
        {
            "penalties.1.weight": 0.4,
            "penalties.1.every": 2,
            "penalties.1.schedule": {"name": "cosine", "start": 1, "end": 3, "final": 0.25},
        }
    )
    with pytest.raises(ConfigError, match=r"^penalties\.0\.schedule: expected it in a config alone"):
        linear_gan(penalties=[config.penalties[1].model_dump()])
    plain, scheduled = build(config).penalties
    assert [plain.scale(step) for step in (0, 2)] == [0.01, 0.01]
    factors = [float(scheduled.scale(tf.constant(step))) for step in range(5)]
    assert factors == pytest.approx([0.8, 0.8, 0.5, 0.2, 0.2])
    model = linear_gan(penalties=[{"name": "r1", "weight": lambda step: 0.1 * tf.cast(step, tf.float32)}])
    data = tf.data.Dataset.from_tensors(np.zeros((4, 1), np.float32)).repeat()
    slopes = []

    class Noted(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            slopes.append(model.discriminator.get_weights()[0].item())

    history = model.fit(data, epochs=3, steps_per_epoch=1, shuffle=False, verbose=0, callbacks=[Noted()]).history
    assert history["r1"] == pytest.approx([0.1 * step * slope**2 / 2 for step, slope in enumerate(slopes)])


def test_a_penalty_and_a_constraint_of_the_generator_s_update():
    """The penalty's slope by `a` and `b` of G(z) = a z + b is 1 for one logit of D(x) = 0.8 x - 0.2 each, by hand."""

    class Logits:
        weight, every, update, name = 2.0, 1, "generator", "logits"

        def __call__(self, context):
            assert context.real_outputs["logits"].shape == context.fake_outputs["logits"].shape == [4]
            return context.fake_outputs["logits"]

    class Bounded:
        update = "generator"

        def __call__(self, weight):
            return tf.clip_by_value(weight, -0.45, 0.45)

    class Flat:
        def discriminator(self, real_logits, fake_logits):
            return 0.0 * (real_logits + fake_logits)

        def generator(self, real_logits, fake_logits):
            return 0.0 * (real_logits + fake_logits)  # which are there for the penalty

    model = linear_gan(loss=Flat(), penalties=[Logits()], constraints=[Bounded()])
    assert (model.penalties[0].name, name_of(Bounded())) == ("logits", "Bounded")
    data = tf.data.Dataset.from_tensors(np.zeros((4, 1), np.float32))
    history = model.fit(data, shuffle=False, verbose=0).history
    z = latents_of(0, 0, 4)
    logits = 0.8 * (0.5 * z + 0.1) - 0.2
    np.testing.assert_allclose(history["logits"], [2.0 * logits.mean()], rtol=1e-5)
    slope, bias = (weight.item() for weight in model.generator.get_weights())
    assert slope == pytest.approx(min(0.45, 0.5 - 0.1 * 2.0 * 0.8 * z.mean()), rel=1e-5)
    assert bias == pytest.approx(0.1 - 0.1 * 2.0 * 0.8, rel=1e-5)
    assert [weight.item() for weight in model.discriminator.get_weights()] == pytest.approx([0.8, -0.2])
    Logits.update = "both"
    with pytest.raises(UsageError, match=r"^logits: expected one of the updates generator, discriminator, got 'both'$"):
        linear_gan(penalties=[Logits()])


def test_a_loss_that_does_not_compare_sees_no_real_logits():
    """They would cost a pass of the discriminator, which moves its averages."""

    class Alone:
        def discriminator(self, real_logits, fake_logits):
            return fake_logits - real_logits

        def generator(self, real_logits, fake_logits):
            assert real_logits is None
            return -fake_logits

    model = linear_gan(loss=Alone())
    model.fit(tf.data.Dataset.from_tensors(np.zeros((4, 1), np.float32)), shuffle=False, verbose=0)
    assert set(model.programs) == {"fake", "discriminator_loss_gradients", "generator_loss"}


def test_a_discriminator_with_several_outputs():
    """Its logits are judged; a penalty sees the others, of real and generated examples."""
    image = keras.Input((1,))
    logits = keras.layers.Dense(1, name="d")(image)
    discriminator = keras.Model(image, {"logits": logits, "features": 3.0 * image})
    discriminator.set_weights([np.array([[0.8]]), np.array([-0.2])])
    model = VanillaGAN(linear_gan().generator, discriminator, 1, seed=3)

    def apart(context):
        return tf.reduce_sum(context.real_outputs["features"] - context.fake_outputs["features"], axis=-1)

    model.compile("sgd", "sgd", penalties=[apart])
    x = np.array([[1.0], [2.0]], np.float32)
    np.testing.assert_allclose(model.discriminate(x), [0.6, 1.4], rtol=1e-6)
    history = model.fit(tf.data.Dataset.from_tensors(x), shuffle=False, verbose=0).history
    assert history["apart"] == pytest.approx([3.0 * (1.5 - (0.5 * latents_of(0, 0, 2) + 0.1).mean())], rel=1e-5)
    assert history["discriminator_accuracy"][0] >= 0.5


@pytest.mark.parametrize(("accumulate", "times"), [(1, 1), (2, 4)])
def test_generated_examples_are_kept_for_the_generator_s_update(accumulate, times):
    """Of parts nothing is kept, which would save no memory: each of two parts is made in both updates."""
    model, made = linear_gan(accumulate=accumulate), []

    def fake(latents, labels, draw):
        made.append(latents.shape[0])
        return VanillaGAN.fake(model, latents, labels, draw)

    model.fake = fake
    model.fit(tf.data.Dataset.from_tensors(np.zeros((4, 1), np.float32)), shuffle=False, verbose=0)
    assert made == [4 // accumulate] * times


def test_augmentations_go_to_both_inputs_of_the_discriminator():
    """One that draws its shift: real and generated examples have their own, in each of the two updates."""
    seen = []

    def shift(examples, draws):
        drawn = draws.uniform(0)
        tf.numpy_function(lambda values: seen.append(values), [drawn], [])
        return examples + drawn[:, tf.newaxis]

    model = linear_gan(augmentations=[shift])
    x = np.zeros((4, 1), np.float32)
    history = model.fit(tf.data.Dataset.from_tensors(x), shuffle=False, verbose=0).history

    def drawn(purpose, *counters):
        key = randomness.key(3, f"augmentation 0 {purpose}", 0, *counters)
        return randomness.uniform(randomness.fold(key, 0), [4]).numpy()

    wanted = [drawn("real", 0), drawn("fake", 0), drawn("judge")]
    assert sorted(map(tuple, seen)) == sorted(map(tuple, wanted))
    fake = 0.5 * latents_of(0, 0, 4)[:, 0] + 0.1
    loss = np.log1p(np.exp(-(0.8 * wanted[0] - 0.2))) + np.log1p(np.exp(0.8 * (fake + wanted[1]) - 0.2))
    assert history["discriminator_loss"] == pytest.approx([loss.mean()], rel=1e-5)


def test_defaults_of_compile():
    model = linear_gan()
    assert type(model.adversarial_loss).__name__ == "NonSaturating"
    assert (model.critic_steps, model.batches_a_step, model.fresh_latents, model.accumulate) == (1, 1, False, 1)
    assert (model.steps_per_execution, model.xla, model.penalties, model.augmentations) == (1, False, [], [])
    assert [update.clip_norm for update in model.updates.values()] == [None, None]
    assert (model.classes, model.prior) == (0, "normal")


def test_each_critic_step_has_the_labels_of_its_own_batch():
    """D is one number a label, from 0 on; its slope there is the smoothing, for the batch's label alone."""
    latents, label = keras.Input((1,)), keras.Input((), dtype="int32")
    generator = keras.Model([latents, label], keras.layers.Dense(1)(latents))
    example, numbers = keras.Input((1,)), keras.layers.Embedding(3, 1, embeddings_initializer="zeros")
    nothing = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", trainable=False)(example)
    discriminator = keras.Model([example, label], keras.layers.Add()([numbers(label), nothing]))
    model = ConditionalGAN(generator, discriminator, 1, classes=3, seed=3)
    loss = {"name": "minimax", "label_smoothing": 0.1}
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.2), loss, critic_steps=2)
    batches = tf.data.Dataset.from_tensor_slices((np.ones((2, 4, 1), np.float32), [[0] * 4, [2] * 4]))
    model.fit(batches, epochs=1, steps_per_epoch=1, shuffle=False, verbose=0)
    np.testing.assert_allclose(numbers.get_weights()[0][:, 0], [-0.02, 0.0, -0.02], atol=1e-7)


def test_the_average_follows_the_statistics_of_batch_normalisation():
    """After one step: with a decay of 1/10, 9/10 of the way from 0 and 1 to the network's own."""
    norm = BatchNormalization(name="norm")
    generator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1), norm])
    discriminator = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model = VanillaGAN(generator, discriminator, 1, ema_decay=0.9, seed=3)
    model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.2))
    model.fit(tf.data.Dataset.from_tensors(np.ones((4, 1), np.float32)), epochs=1, shuffle=False, verbose=0)
    average = model.generator_ema.get_layer("norm")
    for name, start in (("moving_mean", 0.0), ("moving_variance", 1.0)):
        own = getattr(norm, name).numpy()
        assert own != start
        np.testing.assert_allclose(getattr(average, name).numpy(), 0.9 * own + 0.1 * start, rtol=1e-6)


def test_batch_statistics_of_a_discriminator_are_those_of_real_or_generated_examples_alone():
    """Its batch normalisation takes off whatever all real examples have in common."""
    examples = np.random.default_rng(0).normal(size=(16, 1)).astype(np.float32)

    def loss(examples):
        discriminator = keras.Sequential([keras.Input((1,)), BatchNormalization(name="norm"), keras.layers.Dense(1)])
        discriminator.layers[-1].set_weights([np.array([[0.8]]), np.array([-0.2])])
        model = linear_gan()
        model = VanillaGAN(model.generator, discriminator, 1, ema_decay=0.0, seed=3)
        model.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
        batches = tf.data.Dataset.from_tensors(examples)
        return model.fit(batches, epochs=1, shuffle=False, verbose=0).history["discriminator_loss"][0]

    assert loss(examples + 7.0) == pytest.approx(loss(examples), rel=1e-4)


def test_accuracy_and_losses_that_are_logged():
    model = linear_gan()
    x = np.full((4, 1), 10.0, np.float32)  # logit 7.8: seen as real
    z = latents_of(0, 0, 4)
    fake_logits = 0.8 * (0.5 * z + 0.1) - 0.2
    history = model.fit(tf.data.Dataset.from_tensors(x), epochs=1, verbose=0, shuffle=False).history
    assert history["discriminator_accuracy"][0] == pytest.approx(0.5 + 0.5 * np.mean(fake_logits < 0))
    expected = np.mean(np.log1p(np.exp(-7.8)) + np.log1p(np.exp(fake_logits)))
    assert history["discriminator_loss"][0] == pytest.approx(expected, rel=1e-5)


def test_a_relativistic_generator_looks_at_real_examples():
    """With D = 0.8 x - 0.2 the generator's loss is the mean of softplus(D(x) - D(G(z)))."""
    x = np.array([[1.0], [2.0], [3.0], [4.0]], np.float32)
    model = linear_gan(loss="relativistic")
    history = model.fit(tf.data.Dataset.from_tensors(x), epochs=1, verbose=0, shuffle=False).history
    kernel, bias = model.discriminator.get_weights()
    fake = 0.5 * latents_of(0, 0, 4) + 0.1
    difference = kernel.item() * (x - fake)
    assert history["generator_loss"][0] == pytest.approx(np.mean(np.log1p(np.exp(difference))), rel=1e-5)
    before = 0.8 * (x - fake)
    assert history["discriminator_loss"][0] == pytest.approx(np.mean(np.log1p(np.exp(-before))), rel=1e-5)
    assert bias.item() == pytest.approx(-0.2, abs=1e-6), "only differences count"


@pytest.mark.parametrize("steps_per_execution", [1, 4])
def test_steps_per_execution_changes_nothing(steps_per_execution):
    batches = np.random.default_rng(0).normal(size=(8, 4, 1)).astype(np.float32)
    model = linear_gan(steps_per_execution=steps_per_execution)
    model.fit(tf.data.Dataset.from_tensor_slices(batches), steps_per_epoch=8, epochs=1, shuffle=False, verbose=0)
    expected = by_hand(batches, 8, critic_steps=1, fresh_latents=False, saturating=False)
    np.testing.assert_allclose(np.ravel(model.generator.get_weights()[0]), expected[:1], rtol=1e-4)
    assert model.step == 8


def test_two_replicas_take_the_step_of_one_device():
    """Losses are means over the global batch and draws are made for it: the same three steps as worked out by hand."""
    batches = np.random.default_rng(0).normal(2.0, 0.5, (3, 16, 1)).astype(np.float32)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        model = linear_gan(loss={"name": "minimax", "label_smoothing": 0.1}, penalties=[("r1", 0.3, 1)])
    dataset = tf.data.Dataset.from_tensor_slices(batches.reshape(-1, 1)).batch(16, drop_remainder=True)
    history = model.fit(dataset, epochs=1, steps_per_epoch=3, shuffle=False, verbose=0).history
    expected = by_hand(batches, 3, critic_steps=1, fresh_latents=False, saturating=True, r1=0.3, smoothing=0.1)
    parts = (model.generator, model.discriminator, model.generator_ema)
    actual = np.concatenate([np.ravel(w) for network in parts for w in network.get_weights()])
    np.testing.assert_allclose(actual, expected, rtol=2e-5)
    alone = linear_gan(loss={"name": "minimax", "label_smoothing": 0.1}, penalties=[("r1", 0.3, 1)])
    one = alone.fit(
        tf.data.Dataset.from_tensor_slices(batches), epochs=1, steps_per_epoch=3, shuffle=False, verbose=0
    ).history
    for name, values in one.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5, err_msg=name)


@pytest.mark.slow
def test_a_conditional_batch_may_be_a_pair_or_a_mapping():
    images = np.random.default_rng(0).uniform(-1, 1, (8, 28, 28, 1)).astype(np.float32)
    labels = np.arange(8) % 10
    states = []
    for batch in ((images, labels), {"examples": images, "labels": labels}):
        model = build(ganzoo.config("cgan").override(SMALL))
        assert isinstance(model, ConditionalGAN)
        model.fit(tf.data.Dataset.from_tensors(batch), epochs=1, shuffle=False, verbose=0)
        states.append({name: v.numpy() for name, v in model.state().items()})
    for name, value in states[0].items():
        np.testing.assert_array_equal(value, states[1][name], err_msg=name)


def test_the_same_config_builds_the_same_weights_and_another_seed_others():
    def kernel(seed):
        model = build(ganzoo.config("cgan").override({**SMALL, "training.seed": seed}))
        return model.state()["generator/start/kernel"].numpy()

    np.testing.assert_array_equal(kernel(0), kernel(0))
    assert not np.array_equal(kernel(0), kernel(1))


def test_state_names_do_not_depend_on_what_was_built_before():
    config = ganzoo.config("cgan").override(SMALL)
    first = set(build(config).state())
    keras.layers.Dense(2)
    assert set(build(config).state()) == first
    assert "generator/start/kernel" in first
    assert "generator_ema/start_norm/moving_mean" in first


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"generator.widht": 8}, r"cgan_mnist: generator\.widht: unknown key \(did you mean 'width'\?\)"),
        ({"generator.network": "dcgn"}, r"cgan_mnist: generator\.network: unknown generator 'dcgn'"),
        ({"loss.name": "minmax"}, r"cgan_mnist: loss\.name: unknown loss"),
        ({"penalties": [{"name": "r9", "weight": 1.0}]}, r"cgan_mnist: penalties: unknown penalty 'r9'"),
        ({"dataset.size": 30}, r"cgan_mnist: dataset\.size: expected 4 to 7 times a power of two .*, got 30 "),
    ],
)
def test_what_only_building_can_tell_is_a_config_error(override, message):
    with pytest.raises(ConfigError, match=message):
        build(ganzoo.config("cgan").override(override))


@pytest.fixture(scope="module")
def conditional():
    return build(ganzoo.config("cgan").override(SMALL))


@pytest.fixture(scope="module")
def points():
    return build(ganzoo.config("gan_ring"))


def test_image_37_is_the_same_alone_in_five_and_in_fifty(conditional):
    fifty = conditional.generate(50, seed=1)
    assert fifty.shape == (50, 28, 28, 1)
    assert fifty.dtype == np.uint8
    np.testing.assert_array_equal(conditional.generate(1, seed=1, positions=[37])[0], fifty[37])
    np.testing.assert_array_equal(
        conditional.generate(5, seed=1, positions=[1, 37, 3, 37, 49]), fifty[[1, 37, 3, 37, 49]]
    )
    assert not np.array_equal(conditional.generate(1, seed=2, positions=[37])[0], fifty[37])


def test_more_rows_than_one_call_takes(conditional):
    many = conditional.generate(300, seed=1)
    np.testing.assert_array_equal(many[299], conditional.generate(positions=[299], seed=1)[0])


def test_labels_cycle_by_default_and_may_be_chosen(conditional):
    np.testing.assert_array_equal(
        conditional.generate(12, seed=0), conditional.generate(12, np.arange(12) % 10, seed=0)
    )
    np.testing.assert_array_equal(conditional.generate(3, 7, seed=0), conditional.generate(labels=[7, 7, 7], seed=0))
    assert conditional.generate(seed=0).shape[0] == 10


def test_decode_of_sampled_latents_is_generate(conditional):
    latents = conditional.sample_latents(6, seed=5)
    assert latents.shape == (6, conditional.latent_size)
    np.testing.assert_array_equal(conditional.decode(latents, 4), conditional.generate(6, 4, seed=5))
    np.testing.assert_allclose(conditional.sample_latents(6, seed=5, truncation=0.5), 0.5 * latents, rtol=1e-6)


def test_truncated_latents_are_those_of_a_truncated_normal(conditional):
    drawn, plain = conditional.truncated_latents(400, 0.8, seed=5), conditional.sample_latents(400, seed=5)
    assert drawn.shape == plain.shape
    assert 0.79 < np.abs(drawn).max() <= 0.8
    # 1 - 2 t phi(t) / (Phi(t) - Phi(-t)) for t = 0.8: phi = 0.28969, Phi(t) - Phi(-t) = 0.57629
    assert drawn.var() == pytest.approx(1 - 2 * 0.8 * 0.28969 / 0.57629, rel=0.03)
    np.testing.assert_array_equal(np.argsort(drawn[:, 0]), np.argsort(plain[:, 0]))
    np.testing.assert_array_equal(conditional.truncated_latents(3, 0.8, seed=5), drawn[:3])
    np.testing.assert_allclose(conditional.truncated_latents(400, 9.0, seed=5), plain, atol=1e-4)
    for threshold in (0.0, -1.0, float("nan")):
        with pytest.raises(UsageError, match="threshold: expected a number above 0, got "):
            conditional.truncated_latents(1, threshold)


def test_discriminate_gives_the_discriminators_logits(conditional):
    images = conditional.generate(4, seed=0)
    logits = conditional.discriminate(images, [0, 1, 2, 3])
    direct = conditional.discriminator([images.astype(np.float32) / 127.5 - 1.0, np.arange(4)], training=False)
    assert logits.shape == (4,)
    np.testing.assert_allclose(logits, direct[:, 0], atol=1e-6)


def test_points(points):
    drawn = points.generate(7, seed=0)
    assert drawn.shape == (7, 2)
    assert drawn.dtype == np.float32
    assert points.discriminate(drawn).shape == (7,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n: expected an integer of 1 or more, got 0"),
        ({"n": -3}, "n: expected an integer of 1 or more, got -3"),
        ({"n": 2.5}, "n: expected an integer of 1 or more, got 2.5"),
        ({"labels": [10]}, "labels: expected integers in 0 … 9, got 10"),
        ({"labels": [-1]}, "labels: expected integers in 0 … 9, got -1"),
        ({"labels": [0.5]}, "labels: expected integers in 0 … 9, got 0.5"),
        ({"labels": [10**30]}, "labels: expected integers in 0 … 9, got 1000000000000000000000000000000"),
        ({"n": 3, "labels": [1, 2]}, r"labels: expected 3 integers, got shape \[2\]"),
        ({"labels": []}, "n: expected an integer of 1 or more, got 0"),
        ({"seed": -1}, "seed: expected integers in 0 … 2147483647, got -1"),
        ({"seed": 2**31}, "seed: expected integers in 0 … 2147483647, got 2147483648"),
        ({"truncation": 0.0}, r"truncation: expected a number in \(0, 1\], got 0.0"),
        ({"truncation": 1.5}, r"truncation: expected a number in \(0, 1\], got 1.5"),
        ({"positions": [-1]}, "positions: expected integers in 0 … 2147483647, got -1"),
    ],
)
def test_requests_that_make_no_sense(conditional, arguments, message):
    with pytest.raises(UsageError, match=message):
        conditional.generate(**arguments)


def test_labels_for_a_model_without_them(points):
    with pytest.raises(UsageError, match="gan_ring is not conditional"):
        points.generate(2, labels=[0, 1])


def test_wrong_latents_and_examples(conditional):
    for shape in ((2, 3), (0, 64), (64,)):
        with pytest.raises(UsageError, match=rf"latents: expected \[n, 64\], got {re.escape(str(list(shape)))}"):
            conditional.decode(np.zeros(shape))
    with pytest.raises(UsageError, match=r"examples: expected images \[n, 28, 28, 1\], got uint8 \[2, 28, 28, 3\]"):
        conditional.discriminate(np.zeros((2, 28, 28, 3), np.uint8), [0, 1])
    with pytest.raises(UsageError, match="labels: expected integers"):
        conditional.discriminate(np.zeros((2, 28, 28, 1), np.uint8))


@pytest.mark.parametrize(("size", "right"), [(0, False), (1, True), (65536, True), (65537, False)])
def test_sizes_of_latents(size, right):
    config = ganzoo.config("gan_ring")
    asked = config.override({"model.latent.size": size})
    if right:
        scheme_of(asked)
    else:
        with pytest.raises(ConfigError, match=r"model\.latent\.size: "):
            scheme_of(asked)
