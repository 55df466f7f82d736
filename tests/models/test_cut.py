"""CUT: PatchNCE and a whole step against the same mathematics in plain numpy, flips, directions, and refusals."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_runs import train

import ganzoo
from ganzoo.core import randomness
from ganzoo.data.sources.cyclegan_digits import bold_of
from ganzoo.data.sources.mnist_5k import load_mnist_5k
from ganzoo.engine.phases import Now, standing_at
from ganzoo.errors import ConfigError, UsageError
from ganzoo.models.build import build
from ganzoo.models.cut import CUT, encoder_of, patch_nce
from ganzoo.networks.resnet import resnet_translator

SHAPE = (4, 4, 1)
PIXELS = 16
START = {"g": 0.8, "d": 0.7}
RATES = {"generator": 0.05, "discriminator": 0.1}
TEMPERATURE = 0.3
TINY = {"generator.width": 2, "generator.blocks": 1, "discriminator.width": 2, "training.steps_per_execution": 1}


def contrasted(queries, keys, temperature):
    """PatchNCE of each image, one query after the other."""
    losses = []
    for q, k in zip(*(v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (queries, keys)), strict=True):
        similar = [[np.exp(query @ key / temperature) for key in k] for query in q]
        losses.append(np.mean([-np.log(row[own] / sum(row)) for own, row in enumerate(similar)]))
    return np.array(losses)


def test_the_loss_by_hand():
    """Two orthogonal patches: keys at their own positions, keys exchanged, and one key at both."""
    queries = np.float32([[[2.0, 0.0], [0.0, 0.5]]] * 3)
    keys = np.float32([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 3.0], [1.0, 0.0]], [[4.0, 0.0], [4.0, 0.0]]])
    wanted = [np.log(1 + np.exp(-2)), np.log(1 + np.exp(2)), np.log(2)]
    np.testing.assert_allclose(patch_nce(tf.constant(queries), tf.constant(keys), 0.5), wanted, rtol=1e-6)


def test_the_loss_and_its_gradient():
    """In float64 to 1e-6: by central differences for queries; keys are constants."""
    queries, keys = np.random.default_rng(0).normal(size=(2, 3, 7, 5))
    given = [tf.constant(queries), tf.constant(keys)]
    with tf.GradientTape() as tape:
        tape.watch(given)
        found = patch_nce(*given, 0.07)
        total = tf.reduce_sum(found)
    np.testing.assert_allclose(found, contrasted(queries, keys, 0.07), rtol=1e-12)
    by_queries, by_keys = tape.gradient(total, given)
    assert by_keys is None
    slopes, by = np.zeros_like(queries), 1e-6
    for at in np.ndindex(queries.shape):
        moved = [queries.copy(), queries.copy()]
        moved[0][at] += by
        moved[1][at] -= by
        slopes[at] = np.subtract(*(contrasted(one, keys, 0.07).sum() for one in moved)) / (2 * by)
    np.testing.assert_allclose(by_queries, slopes, atol=1e-6 * np.abs(slopes).max())


def test_other_images_are_no_negatives():
    queries, keys = np.random.default_rng(0).normal(size=(2, 2, 7, 5))
    alone = patch_nce(tf.constant(queries[:1]), tf.constant(keys[:1]))
    np.testing.assert_allclose(patch_nce(tf.constant(queries), tf.constant(keys))[:1], alone, rtol=1e-12)


def scale(factor):
    """A network with one number: it multiplies its input."""
    image = keras.Input((None, None, 1), name="images")
    kernel = keras.initializers.Constant(factor)
    made = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer=kernel, name="scale")(image)
    network = keras.Model(image, made)
    network.stride, network.encoder_layers = 1, ("images", "scale")
    return network


def cut(optimizer=keras.optimizers.SGD, **arguments):
    generator = scale(START["g"])
    with randomness.reproducible_initialisation(0):
        model = CUT(("y", "x"), generator, scale(START["d"]), encoder_of(generator), to="y", seed=3)
    for variable in model.networks["heads"].weights:  # larger, and with biases, so that rectifiers matter
        noise = np.random.default_rng(len(variable.path)).normal(size=variable.shape)
        variable.assign(0.3 * noise)
    model.compile(*(optimizer(rate) for rate in RATES.values()), positions=5, temperature=TEMPERATURE, **arguments)
    return model


def images(rows=4):
    numbers = np.random.default_rng(0)
    return {domain: numbers.uniform(-1, 1, (rows, *SHAPE)).astype(np.float32) for domain in ("y", "x")}


def fitted(model):
    data = tf.data.Dataset.from_tensors(images())
    return model.fit(data, steps_per_epoch=1, shuffle=False, verbose=0).history


def headed(heads, layer, features):
    """What a layer's head makes of features `[N, positions, 1]`."""
    hidden = features @ heads[f"{layer}_hidden/kernel"] + heads[f"{layer}_hidden/bias"]
    return np.maximum(hidden, 0) @ heads[f"{layer}_output/kernel"] + heads[f"{layer}_output/bias"]


def compared(g, heads, made, before, x, number):
    """PatchNCE(made, x) by weights g and heads, with keys by those before the step."""
    losses = []
    for place, layer in enumerate(("images", "scale")):
        drawn = randomness.uniform(randomness.key(3, "positions", 0, number, place), [PIXELS]).numpy()
        at = np.argsort(-drawn)[:5]
        factors = (g, before[0]) if layer == "scale" else (1.0, 1.0)
        asked, known = (image.reshape(-1, PIXELS, 1)[:, at] for image in (made, x))
        queries = headed(heads, layer, factors[0] * asked)
        keys = headed(before[1], layer, factors[1] * known)
        losses.append(contrasted(queries, keys, TEMPERATURE).mean())
    return np.mean(losses)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("identity_weight", "flip", "accumulate"), [(0.0, False, 1), (2.0, False, 2), (2.0, True, 1), (0.0, True, 2)]
)
def test_a_step_is_that_of_the_equations(identity_weight, flip, accumulate):
    """Networks of one pixel's number do the same with flipped images, so that flips change nothing if all fit."""
    options = {"identity_weight": identity_weight, "flip_equivariance": flip, "accumulate": accumulate}
    model = cut(nce_weight=3.0, **options)
    heads = {variable.path: variable.numpy() for variable in model.networks["heads"].variables}
    logs = fitted(model)
    x, y = (np.float64(images()[domain]) for domain in ("x", "y"))
    before = START["g"], heads

    def discriminator_loss(d):
        return 0.5 * np.mean((d * y - 1) ** 2) + 0.5 * np.mean((d * START["g"] * x) ** 2)

    by = 1e-6
    slope = (discriminator_loss(START["d"] + by) - discriminator_loss(START["d"] - by)) / (2 * by)
    d = START["d"] - RATES["discriminator"] * slope

    def terms(g, heads):
        adversarial = np.mean((d * g * x - 1) ** 2)
        nce = [compared(g, heads, g * image, before, image, number) for number, image in enumerate((x, y))]
        return adversarial, *nce

    def generator_loss(g, heads):
        return np.dot([1.0, 3.0, identity_weight], terms(g, heads))

    slope = (generator_loss(START["g"] + by, heads) - generator_loss(START["g"] - by, heads)) / (2 * by)
    assert float(np.squeeze(model.discriminator.get_weights()[0])) == pytest.approx(d, rel=1e-6)
    moved = START["g"] - RATES["generator"] * slope
    assert float(np.squeeze(model.generator.get_weights()[0])) == pytest.approx(moved, rel=1e-6)
    for variable in model.networks["heads"].variables:
        path, largest = variable.path, np.unravel_index(np.abs(heads[variable.path]).argmax(), variable.shape)
        sides = []
        for step in (by, -by):
            changed = {**heads, path: heads[path].copy()}
            changed[path][largest] += step
            sides.append(generator_loss(START["g"], changed))
        wanted = -RATES["generator"] * np.subtract(*sides) / (2 * by)
        assert variable.numpy()[largest] - heads[path][largest] == pytest.approx(wanted, rel=1e-5, abs=1e-10), path
    adversarial, nce, identity = terms(START["g"], heads)
    assert logs["discriminator_loss"] == pytest.approx([discriminator_loss(START["d"])])
    assert logs["generator_loss"] == pytest.approx([adversarial])
    assert logs["nce_loss"] == pytest.approx([nce])
    assert ("identity_loss" in logs) == (identity_weight > 0)
    if identity_weight:
        assert logs["identity_loss"] == pytest.approx([identity])


def test_half_of_the_rows_are_flipped_before_and_back():
    """The generator is shown flipped images; the rows are the same wherever they are in the global batch."""
    model = cut(flip_equivariance=True)
    x = tf.constant(np.random.default_rng(0).normal(size=(64, *SHAPE)), tf.float32)

    def flipped(first, rows):
        with standing_at(Now(tf.constant(0, tf.int64), randomness.Place(first, 64))):
            return model._flipped(x[first : first + rows]).numpy()

    whole = flipped(0, 64)
    np.testing.assert_array_equal(np.concatenate([flipped(0, 32), flipped(32, 32)]), whole)
    turned = [bool((made == np.flip(image, 1)).all()) for made, image in zip(whole, x.numpy(), strict=True)]
    kept = [bool((made == image).all()) for made, image in zip(whole, x.numpy(), strict=True)]
    assert [not one for one in kept] == turned
    assert 20 <= sum(turned) <= 44


def test_each_call_of_a_drawing_network_has_draws_of_its_own(monkeypatch):
    model, calls = cut(identity_weight=1.0), []
    run = CUT.run

    def noted(self, role, *given, purpose, counters=()):
        calls.append((role, purpose, counters))
        return run(self, role, *given, purpose=purpose, counters=counters)

    monkeypatch.setattr(CUT, "run", noted)
    fitted(model)
    drawing = [call for call in calls if call[0] in ("encoder", "generator_y")]
    assert len(set(drawing)) == len(drawing) == 6


def test_two_replicas_make_the_step_of_one():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice())
    alone = cut(flip_equivariance=True)
    logs = fitted(alone)
    with strategy.scope():
        together = cut(flip_equivariance=True)
    for name, of_steps in fitted(together).items():
        assert of_steps == pytest.approx(logs[name], rel=1e-5), name
    for name, variable in together.state().items():
        np.testing.assert_allclose(variable.numpy(), alone.state()[name].numpy(), rtol=1e-5, atol=1e-7, err_msg=name)


def test_defaults_are_the_paper_s():
    generator = scale(1.0)
    model = CUT(("x", "y"), generator, scale(1.0), encoder_of(generator))
    model.compile("adam", "adam")
    assert model.to == "y"
    assert (model.nce_weight, model.identity_weight, model.positions, model.temperature) == (1.0, 1.0, 256, 0.07)
    assert not model.flip_equivariance
    assert type(model.adversarial_loss).__name__ == "LeastSquares"
    assert model.log_names == [
        *("generator_loss", "discriminator_loss", "discriminator_accuracy", "nce_loss", "identity_loss")
    ]
    assert model.updates["generator"].roles == ("generator_y", "heads")
    heads = {variable.path: tuple(variable.shape) for variable in model.networks["heads"].variables}
    assert heads == {
        f"{layer}_{part}/{kind}": shape
        for layer in ("images", "scale")
        for part, kernel in (("hidden", (1, 256)), ("output", (256, 256)))
        for kind, shape in (("kernel", kernel), ("bias", (256,)))
    }

    for kind, deviation in (("kernel", 0.02), ("bias", 0.0)):
        weight = next(v for v in model.networks["heads"].variables if v.path == f"images_output/{kind}")
        assert np.std(weight) == pytest.approx(deviation, rel=0.02), "as in the paper's code"


@pytest.mark.parametrize(("blocks", "last"), [(1, ()), (3, ("block3_sum",)), (9, ("block5_sum",))])
def test_the_layers_of_a_resnet(blocks, last):
    """The image, both halvings, the first block and the fifth or last; as the generator computes them."""
    network = resnet_translator((8, 8, 1), width=2, blocks=blocks)
    encoder = encoder_of(network)
    assert encoder.output_names == ["images", "down1", "down2", "block1_sum", *last]
    image = np.random.default_rng(0).normal(size=(1, 8, 8, 1)).astype(np.float32)
    features = encoder(image)
    np.testing.assert_array_equal(features[0], image)
    assert [tuple(one.shape) for one in features[1:3]] == [(1, 4, 4, 4), (1, 2, 2, 8)]
    deepest = features[-1]
    for block in range(min(blocks, 5) + 1, blocks + 1):
        names = [f"block{block}_{part}" for part in ("pad1", "conv1", "conv1_norm", "conv1_relu", "pad2", "conv2")]
        change = deepest
        for name in [*names, f"block{block}_conv2_norm"]:
            change = network.get_layer(name)(change)
        deepest = deepest + change
    first_of_rest = network.layers.index(network.get_layer(f"block{blocks}_sum")) + 1
    for layer in network.layers[first_of_rest:]:
        deepest = layer(deepest)
    np.testing.assert_allclose(deepest, network(image), rtol=1e-5, atol=1e-6)


def test_one_direction_is_made_kept_and_shipped():
    model = build(ganzoo.config("cut_digits").override({**TINY, "model.to": "plain"}))
    assert list(model.translators) == ["plain"]
    assert CUT.domains_made(["plain", "bold"], CUT.Options(to="plain")) == ["plain"]
    assert CUT.domains_made(["plain", "bold"], CUT.Options()) == ["bold"]
    assert {name.split("/")[0] for name in model.weights_to_ship()} == {"generator_plain"}
    roles = {name.split("/")[0] for name in model.state()}
    assert {"generator_plain", "generator_plain_ema", "discriminator_plain", "heads"} <= roles
    cyclegan = build(ganzoo.config("cyclegan_digits").override(TINY))
    own, theirs = ({v.path for v in each.networks["generator_plain"].variables} for each in (model, cyclegan))
    assert own == theirs
    with pytest.raises(UsageError, match=r"to: cut_digits cannot make 'bold' \(it makes: plain\)"):
        model.translate(np.zeros((28, 28), np.uint8), "bold")
    assert model.direction("heads") == "features to compare"
    assert model.direction("generator_plain") == "bold to plain"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            {"generator": {"network": "unet", "width": 2, "levels": 2}},
            r"generator\.network: expected one with encoder layers, got one without \(use resnet,",
        ),
        ({"model.layers": ["down9"]}, r"model\.layers: expected layers .*, got 'down9' \(did you mean 'down2'\?\)"),
        ({"model.layers": []}, r"model\.layers: list should have at least 1 item"),
        (
            {"model.positions": 50},
            r"model\.positions: expected at most 49, as down2 has 7x7 pixels for dataset\.size: 28, got 50",
        ),
        ({"model.positions": 1}, r"model\.positions: input should be greater than or equal to 2"),
        ({"model.nce_weight": 0.0}, r"model\.nce_weight: input should be greater than 0"),
        ({"model.identity_weight": -1.0}, r"model\.identity_weight: input should be greater than or equal to 0"),
        ({"model.temperature": 0.0}, r"model\.temperature: input should be greater than 0"),
        ({"model.to": "blod"}, r"model\.to: expected one of dataset\.domains, got 'blod' \(did you mean 'bold'\?\)"),
    ],
)
def test_what_is_refused(override, message):
    with pytest.raises(ConfigError, match=rf"^cut_digits: {message}"):
        build(ganzoo.config("cut_digits").override({**TINY, **override} if "generator" not in override else override))


@pytest.mark.slow
def test_any_network_with_layers_to_name():
    """A U-Net, whose dropout draws masks of its own for each call."""
    generator = {"network": "unet", "width": 2, "levels": 2}
    asked = {"generator": generator, "discriminator.width": 2, "model.layers": ["images", "down2"]}
    model = build(ganzoo.config("cut_digits").override({**asked, "training.steps_per_execution": 1}))
    batch = np.random.default_rng(0).uniform(-1, 1, (2, 2, 28, 28, 1)).astype(np.float32)
    data = tf.data.Dataset.from_tensors(dict(zip(("plain", "bold"), batch, strict=True)))
    before = [weight.numpy() for weight in model.networks["heads"].weights]
    assert np.isfinite(model.fit(data, steps_per_epoch=1, verbose=0, shuffle=False).history["nce_loss"]).all()
    for old, new in zip(before, model.networks["heads"].weights, strict=True):
        assert not np.array_equal(old, new.numpy()), new.path


@pytest.mark.nightly
def test_it_learns_to_make_digits_bold(tmp_path):
    """In 600 steps to a third of the untouched digits' error, without pairs (0.044 against 0.132 with seed 0)."""
    late = {f"optimizer.{update}.schedule.start": 300 for update in ("generator", "discriminator")}
    model = train("cut_digits", tmp_path / "run", {"training.steps": 600, **late}).model
    found = ganzoo.evaluate(model, ["translation_error"], seed=0)
    plain = load_mnist_5k("test")[0][::2]
    untouched = np.mean(np.abs(255.0 - bold_of(plain) - plain)) / 255.0
    assert min(found.values()) < 0.45 * untouched
