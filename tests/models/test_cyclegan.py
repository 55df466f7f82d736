"""CycleGAN's step against the same mathematics in plain numpy, and what makes it fit for resumes and replicas."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganzoo.core import randomness
from ganzoo.engine.phases import Now, standing_at
from ganzoo.errors import UsageError
from ganzoo.models.cyclegan import CycleGAN
from ganzoo.models.pool import ImagePool
from ganzoo.networks.layers import Dropout

SHAPE = (2, 2, 1)
DOMAINS = ("a", "b")
START = {"generator_a": 0.8, "generator_b": 1.3, "discriminator_a": 0.7, "discriminator_b": -0.4}
RATES = {"generator": 0.05, "discriminator": 0.1}


def scale(factor, *further):
    """A network with one number: it multiplies its input."""
    image = keras.Input((None, None, 1))
    kernel = keras.initializers.Constant(factor)
    x = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer=kernel, name="scale")(image)
    for layer in further:
        x = layer()(x)
    network = keras.Model(image, x)
    network.stride = 1
    return network


def cyclegan(pool_size=4, further=(), optimizer=keras.optimizers.SGD, ema_decay=0.0, **arguments):
    networks = {name: scale(factor, *(further if "generator" in name else ())) for name, factor in START.items()}
    model = CycleGAN(
        DOMAINS,
        {domain: networks[f"generator_{domain}"] for domain in DOMAINS},
        {domain: networks[f"discriminator_{domain}"] for domain in DOMAINS},
        SHAPE,
        pool_size=pool_size,
        ema_decay=ema_decay,
        seed=3,
    )
    model.compile(optimizer(RATES["generator"]), optimizer(RATES["discriminator"]), **arguments)
    return model


def images(seed=0, rows=4):
    numbers = np.random.default_rng(seed)
    return {domain: numbers.uniform(-1, 1, (rows, *SHAPE)).astype(np.float32) for domain in DOMAINS}


def fitted(model, *batches):
    """The logs of one step on each batch."""
    every = {domain: np.stack([batch[domain] for batch in batches]) for domain in DOMAINS}
    data = tf.data.Dataset.from_tensor_slices(every)
    model.steps_per_execution = 1
    return model.fit(data, epochs=len(batches), steps_per_epoch=1, shuffle=False, verbose=0).history


def values(model):
    return {name: float(np.squeeze(network.get_weights()[0])) for name, network in model.networks.items()}


def generators_terms(w, x):
    """The terms of the generators' loss for weights w and images x, as the paper has them."""
    fake = {"a": w["generator_a"] * x["b"], "b": w["generator_b"] * x["a"]}
    back = {"a": w["generator_a"] * fake["b"], "b": w["generator_b"] * fake["a"]}
    adversarial = sum(np.mean((w[f"discriminator_{d}"] * fake[d] - 1) ** 2) for d in DOMAINS)
    cycle = sum(np.mean(np.abs(back[d] - x[d])) for d in DOMAINS)
    identity = sum(np.mean(np.abs(w[f"generator_{d}"] * x[d] - x[d])) for d in DOMAINS)
    return adversarial, cycle, identity


def discriminators_loss(w, x, shown, target=1.0):
    def of(domain):
        factor = w[f"discriminator_{domain}"]
        return 0.5 * np.mean((factor * x[domain] - target) ** 2) + 0.5 * np.mean((factor * shown[domain]) ** 2)

    return sum(map(of, DOMAINS))


def slopes(function, w, names, by=1e-6):
    def moved(name, change):
        return {**w, name: w[name] + change}

    return {name: (function(moved(name, by)) - function(moved(name, -by))) / (2 * by) for name in names}


@pytest.mark.parametrize(
    ("cycle_weight", "identity_weight", "smoothing"), [(10.0, 0.0, 0.1), (3.0, None, 0.0), (0.0, 2.0, 0.0)]
)
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_step_is_that_of_the_equations(cycle_weight, identity_weight, smoothing, accumulate):
    loss = {"name": "least_squares", "label_smoothing": smoothing}
    model = cyclegan(loss=loss, cycle_weight=cycle_weight, identity_weight=identity_weight, accumulate=accumulate)
    x = {domain: np.float64(array) for domain, array in images().items()}
    logs = fitted(model, images())
    share = 0.5 * cycle_weight if identity_weight is None else identity_weight

    def generators_loss(w):
        adversarial, cycle, identity = generators_terms(w, x)
        return adversarial + cycle_weight * cycle + share * identity

    def discriminators(w):
        return discriminators_loss(w, x, fake, 1 - smoothing)

    fake = {"a": START["generator_a"] * x["b"], "b": START["generator_b"] * x["a"]}
    expected = dict(START)
    for kind, of_kind in (("generator", generators_loss), ("discriminator", discriminators)):
        for name, slope in slopes(of_kind, START, [f"{kind}_a", f"{kind}_b"]).items():
            expected[name] -= RATES[kind] * slope
    assert values(model) == pytest.approx(expected, rel=1e-5)
    adversarial, cycle, identity = generators_terms(START, x)
    assert logs["generator_loss"] == pytest.approx([adversarial])
    assert logs["cycle_loss"] == pytest.approx([cycle])
    assert logs["discriminator_loss"] == pytest.approx([discriminators(START)])
    assert ("identity_loss" in logs) == (share > 0)
    if share:
        assert logs["identity_loss"] == pytest.approx([identity])
    right = [np.mean(START[f"discriminator_{d}"] * x[d] > 0.5) for d in DOMAINS]
    right += [np.mean(START[f"discriminator_{d}"] * fake[d] < 0.5) for d in DOMAINS]
    assert logs["discriminator_accuracy"] == pytest.approx([np.mean(right)])


def test_defaults():
    model = cyclegan()
    assert (model.cycle_weight, model.identity_weight) == (10.0, 5.0)
    assert type(model.adversarial_loss).__name__ == "LeastSquares"
    assert model.log_names == [
        *("generator_loss", "discriminator_loss", "discriminator_accuracy", "cycle_loss", "identity_loss")
    ]
    networks = {domain: scale(1.0) for domain in DOMAINS}
    usual = CycleGAN(DOMAINS, networks, {domain: scale(1.0) for domain in DOMAINS}, SHAPE)
    assert usual.pools["a"].images.shape == (50, *SHAPE)
    assert (usual.ema_decay, usual.seed) == (0.0, 0)


def test_batches_as_mappings_and_pairs():
    model, batch = cyclegan(), images()
    for given in (batch, tuple(batch.values())):
        for domain, tensor in model.of_domains(given).items():
            assert tensor.dtype == tf.float32
            np.testing.assert_array_equal(tensor, batch[domain])
    assert list(model.batch_parts) == ["a", "b"]
    assert model.batch_parts["b"].shape == (None, None, 1)


def test_each_network_draws_by_its_own_number():
    """Keys of the domains' order: the pools', and the dropout's in the generators' two passes."""
    model = cyclegan(further=[lambda: Dropout(0.5, name="dropout")], identity_weight=0.0)
    batch = {domain: tf.ones([4, *SHAPE]) for domain in DOMAINS}
    with standing_at(Now(tf.constant(0, tf.int64), randomness.Place(0, 4))):
        _, terms, fake = model.generator_loss(batch)
    back = {}
    for number, domain in enumerate(DOMAINS):
        for purpose, given in (("translated", batch), ("cycled", fake)):
            with randomness.scope(randomness.key(3, purpose, 0, number), randomness.Place(0, 4)):
                other = given["b" if domain == "a" else "a"]
                made = Dropout(0.5, name="dropout")(START[f"generator_{domain}"] * other, training=True)
            if purpose == "cycled":
                back[domain] = made
            else:
                np.testing.assert_allclose(fake[domain], made, rtol=1e-6)
    distance = sum(np.mean(np.abs(back[domain] - batch[domain])) for domain in DOMAINS)
    assert float(terms["cycle_loss"]) == pytest.approx(distance, rel=1e-6)


@pytest.mark.slow
def test_pairs_in_the_order_of_the_domains_are_taken_too():
    model, other = cyclegan(), cyclegan()
    fitted(model, images())
    pair = tuple(images()[domain] for domain in DOMAINS)
    other.fit(tf.data.Dataset.from_tensors(pair), steps_per_epoch=1, shuffle=False, verbose=0)
    assert values(model) == values(other)


@pytest.mark.parametrize("identity_weight", [0.0, 1.0])
def test_each_generator_runs_twice_a_step(identity_weight):
    """The forward passes of a step, counted in its graph: convolutions with each generator's weights."""
    model = cyclegan(identity_weight=identity_weight)
    batch = {domain: tf.constant(array) for domain, array in images().items()}
    judged = 2
    assert operations(model.generator_loss, "Conv2D", batch) == 2 * 2 + judged
    assert operations(model.generator_loss, "ConcatV2", batch) == (2 if identity_weight else 0), "its own images beside"
    assert operations(model.discriminator_loss, "Conv2D", batch, batch) == 2, "real and generated images together"


def operations(function, kind, *batches):
    """How many of a kind there are in the graph of a loss."""

    def loss(*given):
        with standing_at(Now(tf.constant(0, tf.int64), randomness.Place(0, 4))):
            return function(*given)[0]

    graph = tf.function(loss, autograph=False).get_concrete_function(*batches).graph
    return len([op for op in graph.get_operations() if op.type == kind])


def test_the_identity_term_of_a_network_with_dropout_has_a_mask_of_its_own():
    """In one call the rows of the second half would have masks that depend on the number of replicas."""
    model = cyclegan(further=[lambda: Dropout(0.5, name="dropout")], identity_weight=1.0)
    batch = {domain: tf.constant(array) for domain, array in images().items()}
    assert operations(model.generator_loss, "Conv2D", batch) == 3 * 2 + 2


def test_the_averages_follow_both_generators():
    model = cyclegan(ema_decay=0.5)
    fitted(model, images())
    now = values(model)
    for domain in DOMAINS:
        average = float(np.squeeze(model.averages[f"generator_{domain}"].get_weights()[0]))
        decay = 0.1  # (1 + 0) / (10 + 0), less than 0.5
        expected = decay * START[f"generator_{domain}"] + (1 - decay) * now[f"generator_{domain}"]
        assert average == pytest.approx(expected, rel=1e-6)
        assert model.translate(np.full((1, 8, 8, 1), 255, np.uint8), domain).mean() == pytest.approx(
            min(255, round((average + 1) * 127.5))
        )


@pytest.mark.slow
def test_the_state_holds_the_pools_and_a_restored_model_goes_on_the_same():
    batches = [images(seed) for seed in range(6)]
    whole, first = cyclegan(optimizer=keras.optimizers.Adam), cyclegan(optimizer=keras.optimizers.Adam)
    fitted(whole, *batches)
    fitted(first, *batches[:3])
    assert np.count_nonzero(first.state()["pool/a"].numpy()) == 4 * np.prod(SHAPE)
    second = cyclegan(optimizer=keras.optimizers.Adam)
    for name, variable in second.state().items():
        variable.assign(first.state()[name].numpy())
    fitted(second, *batches[3:])
    for name, variable in whole.state().items():
        np.testing.assert_array_equal(second.state()[name].numpy(), variable.numpy(), err_msg=name)


def test_two_replicas_make_the_step_of_one():
    """Traps 1 and 2 with pool: losses count once, and both replicas have the pool of the whole batch."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice())
    batches = [images(seed) for seed in range(5)]
    alone = cyclegan(identity_weight=1.0)
    logs = fitted(alone, *batches)
    with strategy.scope():
        together = cyclegan(identity_weight=1.0)
    for name, of_steps in fitted(together, *batches).items():
        assert of_steps == pytest.approx(logs[name], rel=1e-5), name
    for name, variable in together.state().items():
        for copy in strategy.experimental_local_results(variable.value):
            np.testing.assert_allclose(copy.numpy(), alone.state()[name].numpy(), rtol=1e-5, err_msg=name)


def test_a_batch_that_does_not_divide_is_refused():
    model = cyclegan(accumulate=3)
    with pytest.raises(UsageError, match="batch: expected a multiple of 3 rows"):
        fitted(model, images())


class Holder(keras.Model):
    """Has a pool's variable."""


def exchanged(pool, new, seen):
    key = randomness.key(0, "pool", seen)
    place = randomness.Place(0, len(new))
    exchange = vars(pool).setdefault("compiled", tf.function(pool.exchange))
    return exchange(tf.constant(new), tf.constant(seen, tf.int64), key, place).numpy()


def numbered(first, count):
    """Images that are all one number each."""
    return np.ones((count, *SHAPE), np.float32) * np.arange(first, first + count, dtype=np.float32)[:, None, None, None]


def test_a_pool_fills_then_exchanges_half():
    pool = ImagePool(Holder(), "pool", 4, SHAPE)
    np.testing.assert_array_equal(exchanged(pool, numbered(1, 3), 0), numbered(1, 3))
    np.testing.assert_array_equal(exchanged(pool, numbered(4, 3), 3), numbered(4, 3))
    # the fourth filled it, the fifth and sixth took the places of the first two
    np.testing.assert_array_equal(pool.images.numpy()[:, 0, 0, 0], [5, 6, 3, 4])
    old, seen = 0, 6
    for turn in range(200):
        new = numbered(100 + 3 * turn, 3)
        before = pool.images.numpy()[:, 0, 0, 0]
        shown = exchanged(pool, new, seen)[:, 0, 0, 0]
        after = pool.images.numpy()[:, 0, 0, 0]
        seen += 3
        assert sorted([*before, *new[:, 0, 0, 0]]) == sorted([*after, *shown])  # nothing is lost, nothing doubled
        old += int(np.sum(shown < 100 + 3 * turn))
    assert 0.43 < old / 600 < 0.57  # 3.4 standard deviations


def test_what_a_batch_has_more_than_the_pool_is_shown_itself():
    pool = ImagePool(Holder(), "pool", 2, SHAPE)
    exchanged(pool, numbered(1, 5), 0)
    shown = exchanged(pool, numbered(10, 5), 5)
    np.testing.assert_array_equal(shown[2:], numbered(12, 3))
    assert set(shown[:2, 0, 0, 0]) <= {1, 2, 10, 11}


def test_without_a_pool_the_new_images_are_shown():
    model = cyclegan(pool_size=0)
    fitted(model, images(), images(1))
    assert not [name for name in model.state() if name.startswith("pool")]
