"""What each scheme refuses, and compositions of the parts that it takes."""

import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError
from small_runs import NEEDED

import ganzoo
from ganzoo.errors import ConfigError
from ganzoo.models.build import build, scheme_of
from ganzoo.registry import of


@pytest.fixture(scope="module")
def two_replicas():
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.ReductionToOneDevice())


SMALL = {"generator.widths": [8], "discriminator.widths": [8], "training.steps_per_execution": 5}


@pytest.mark.parametrize(
    ("name", "override", "message"),
    [
        ("cgan", {"dataset.classes": 0}, r"model\.scheme: conditional needs dataset\.classes of 2 or more"),
        ("cgan", {"model": {"scheme": "conditional", "latent": {"size": 4}}}, r"model\.conditioning: missing"),
        (
            "infogan",
            {"dataset.classes": 10, "model.categorical": [1]},
            r"model\.categorical\.0: input should be greater",
        ),
        ("gan", {"model.conditioning": "embedding"}, r"model\.conditioning: unknown key"),
        ("gan", {"model": {"scheme": "vanilla"}}, r"model\.latent: missing"),
        ("gan", {"model.cycle_weight": 1.0}, r"model\.cycle_weight: unknown key"),
        ("gan", {"model.scheme": "vanila"}, r"model\.scheme: unknown scheme 'vanila' \(did you mean 'vanilla'\?\)"),
        ("gan", {"dataset.load_size": 32}, r"dataset\.load_size: only for task: image_translation"),
        ("cyclegan_digits", {"dataset.classes": 10}, r"dataset\.classes: not for model\.scheme: cyclegan"),
        ("cyclegan_digits", {"model.latent": {"size": 4}}, r"model\.latent: unknown key"),
        ("cyclegan_digits", {"model.l1_weight": 4.0}, r"model\.l1_weight: unknown key"),
        (
            "cyclegan_digits",
            {"model.cycle_weight": -1.0},
            r"model\.cycle_weight: input should be greater",
        ),
        ("cyclegan_digits", {"model.critic_steps": 2}, r"model\.critic_steps: unknown key"),
        ("cyclegan_digits", {"dataset.paired": True}, r"dataset\.paired: expected false, for model\.scheme: cyclegan"),
        (
            "cyclegan_digits",
            {"training.stop_when": "discriminator_fooled"},
            r"training\.stop_when: not for model\.scheme: cyclegan",
        ),
        ("pix2pix_digits", {"dataset.paired": False}, r"dataset\.paired: expected true, for model\.scheme: pix2pix"),
    ],
)
def test_what_does_not_go_with_a_scheme(name, override, message):
    config = ganzoo.config(name)
    with pytest.raises(ConfigError, match=rf"{config.name}: {message}"):
        scheme_of(config.override(override))


LATENT = {"latent": {"size": 8}}
OF_CUT = {"to": None, "nce_weight": 1.0, "identity_weight": 1.0, "flip_equivariance": False}
OF_CUT |= {"layers": None, "positions": 256, "temperature": 0.07}
OF_A_GAN = {"latent": {"size": 8, "prior": "normal"}, "critic_steps": 1, "fresh_latents": False}


@pytest.mark.parametrize(
    ("name", "given", "options"),
    [
        ("vanilla", LATENT, OF_A_GAN),
        ("conditional", {**LATENT, "conditioning": "embedding"}, {**OF_A_GAN, "conditioning": "embedding"}),
        ("cyclegan", {}, {"cycle_weight": 10.0, "identity_weight": None, "pool_size": 50}),
        ("pix2pix", {}, {"l1_weight": 100.0}),
        ("cut", {}, OF_CUT),
        ("vae", LATENT, {"latent": OF_A_GAN["latent"], "observation_noise": 1.0, "beta": 1.0}),
    ],
)
def test_options_that_are_left_out(name, given, options):
    assert of("scheme").get(name).Options.model_validate(given).model_dump() == options


@pytest.mark.parametrize(
    ("name", "key", "good", "wrong"),
    [
        ("vanilla", "critic_steps", [1, 5], [0]),
        ("vanilla", "latent", [{"size": 1}, {"size": 65536}], [{"size": 0}, {"size": 65537}]),
        ("cyclegan", "cycle_weight", [0.0, 3.0], [-0.1]),
        ("cyclegan", "identity_weight", [0.0, None], [-0.1]),
        ("cyclegan", "pool_size", [0, 1, 10_000], [-1, 10_001]),
        ("pix2pix", "l1_weight", [0.0], [-0.1]),
        ("cut", "nce_weight", [0.1], [0.0]),
        ("cut", "identity_weight", [0.0], [-0.1]),
        ("cut", "positions", [2], [1]),
        ("cut", "temperature", [0.01], [0.0]),
        ("vae", "beta", [0.0], [-0.1]),
        ("vae", "observation_noise", [0.01], [0.0]),
    ],
)
def test_bounds_of_options(name, key, good, wrong):
    options = of("scheme").get(name).Options
    rest = {} if name in ("cyclegan", "pix2pix", "cut") else LATENT
    for value in good:
        options.model_validate({**rest, key: value})
    for value in wrong:
        with pytest.raises(ValidationError):
            options.model_validate({**rest, key: value})


def test_schemes_say_what_domains_they_make():
    made = {name: scheme_of(ganzoo.config(name)) for name in ("cyclegan_digits", "pix2pix_digits")}
    assert made["cyclegan_digits"].domains_made(["a", "b"], None) == ["a", "b"]
    assert made["pix2pix_digits"].domains_made(["a", "b"], None) == ["b"]


@pytest.mark.parametrize("name", of("scheme").names())
def test_every_scheme_describes_itself(name):
    scheme = of("scheme").get(name)
    assert scheme.roles
    assert scheme.update_names
    assert scheme.batch in ("examples", "labelled", "domains", "pairs")
    assert set(scheme.offers) & {"generate", "translate"}


def fitted(config, steps=10, **arguments):
    model = build(config, **arguments)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(16, 2)).astype(np.float32)
    history = model.fit(
        tf.data.Dataset.from_tensors(points).repeat(), steps_per_epoch=steps, epochs=1, verbose=0, shuffle=False
    ).history
    return model, history


def pairs():
    """Every loss with every penalty and with none: each of them once by day, all pairs by night."""
    losses, penalties = of("loss").names(), [None, *of("penalty").names()]
    for other in ("auxiliary_classifier", "path_length"):  # for labels; for a style generator
        penalties.remove(other)
    for first, loss in enumerate(losses):
        for second, penalty in enumerate(penalties):
            by_day = second == first % len(penalties) or (first == 0 and second >= len(losses))
            yield pytest.param(loss, penalty, marks=[] if by_day else pytest.mark.nightly)


@pytest.mark.parametrize(("loss", "penalty"), list(pairs()))
def test_every_loss_goes_with_every_penalty(loss, penalty):
    penalties = [{"name": penalty, "weight": 0.1, **NEEDED.get(penalty, {})}] if penalty else []
    parts = {"loss": {"name": loss, **NEEDED.get(loss, {})}, "penalties": penalties, "discriminator.features": True}
    parts["discriminator.heads"] = 2 if loss == "heads" else 1
    model, history = fitted(ganzoo.config("gan_ring").override({**SMALL, **parts}))
    assert all(np.isfinite(values).all() for values in history.values())
    assert (penalty in history) == (penalty is not None)
    assert np.isfinite(model.generate(4, seed=0)).all()


@pytest.mark.parametrize(
    ("name", "override", "message"),
    [
        (
            "acgan",
            {"model.conditioning": "projection"},
            r"penalties: auxiliary_classifier: expected a discriminator with the output 'class_logits', got one with "
            r"logits \(set model\.scheme=conditional and model\.conditioning=auxiliary\)",
        ),
        ("acgan", {"penalties": []}, r"penalties: expected one that trains class_logits, got none "),
        (
            "infogan",
            {"model.categorical": [], "model.continuous": 0},
            r"model\.categorical: expected a categorical or ",
        ),
    ],
)
def test_what_a_model_lacks(name, override, message):
    with pytest.raises(ConfigError, match=rf"^{name}_mnist: {message}"):
        build(ganzoo.config(name).override(override))


def test_both_updates_of_an_acgan_learn_the_classes():
    """On two classes, black and white: the discriminator names them, and the generator is led to them."""
    config = ganzoo.config("acgan").override(
        {"generator.width": 4, "discriminator.width": 4, "discriminator.dropout": 0.0, "training.ema_decay": 0.0}
    )
    model = build(config.override({"dataset.classes": 2, "optimizer.generator.learning_rate": 2e-3}))
    labels = np.arange(16) % 2
    images = np.broadcast_to(2.0 * labels[:, None, None, None] - 1.0, (16, 28, 28, 1)).astype(np.float32)
    data = tf.data.Dataset.from_tensors({"examples": images, "labels": labels}).repeat()
    history = model.fit(data, steps_per_epoch=30, epochs=2, verbose=0, shuffle=False).history
    for name in ("discriminator_auxiliary_classifier", "generator_auxiliary_classifier"):
        assert history[name][1] < 0.5 * history[name][0], name
    black, white = model.generate(labels=[0, 1], seed=0).astype(np.float32).mean(axis=(1, 2, 3))
    assert white > black + 50.0


def test_clipped_weights_stay_in_their_bounds():
    config = ganzoo.config("gan_ring").override(
        {**SMALL, "loss.name": "wasserstein", "penalties": [], "constraints": [{"name": "weight_clipping"}]}
    )
    model, _ = fitted(config, steps=20)
    largest = [float(np.abs(weight).max()) for weight in model.discriminator.get_weights()]
    assert max(largest) == pytest.approx(0.01, rel=1e-6)
    assert float(np.abs(model.generator.get_weights()[0]).max()) > 0.1, "the generator's are not clipped"


@pytest.mark.slow
def test_clipping_under_replicas_is_that_of_one_device(two_replicas):
    config = ganzoo.config("gan_ring").override(
        {**SMALL, "loss.name": "wasserstein", "penalties": [], "constraints": [{"name": "weight_clipping"}]}
    )
    alone, _ = fitted(config)
    with two_replicas.scope():
        two, _ = fitted(config)
    for one, other in zip(alone.discriminator.get_weights(), two.discriminator.get_weights(), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_augmented_images_train_the_same_on_one_and_two_replicas(two_replicas):
    config = ganzoo.config("dcgan_mnist").override(
        {
            "generator.width": 2,
            "discriminator.width": 2,
            "generator.normalization": "none",
            "discriminator.normalization": "none",
            "augmentations": [{"name": "diffaugment"}],
            "penalties": [{"name": "gradient_penalty", "weight": 1.0}],
            "training.steps_per_execution": 1,
            "optimizer.generator": {"name": "sgd", "learning_rate": 0.01},
            "optimizer.discriminator": {"name": "sgd", "learning_rate": 0.01},
        }
    )
    images = np.random.default_rng(0).uniform(-1, 1, (8, 28, 28, 1)).astype(np.float32)

    def weights():
        model = build(config)
        data = tf.data.Dataset.from_tensor_slices(images).batch(8, drop_remainder=True).repeat()
        model.fit(data, steps_per_epoch=2, epochs=1, verbose=0, shuffle=False)
        return [variable.numpy() for variable in model.state().values()]

    alone = weights()
    with two_replicas.scope():
        two = weights()
    for one, other in zip(alone, two, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_translations_take_penalties_and_augmentations():
    config = ganzoo.config("cyclegan_digits").override(
        {
            "generator.width": 2,
            "generator.blocks": 1,
            "discriminator.width": 2,
            "loss.name": "hinge",
            "penalties": [{"name": "r1", "weight": 0.5, "every": 2}],
            "augmentations": [{"name": "diffaugment", "policy": ["color"]}],
            "training.steps_per_execution": 1,
        }
    )
    model = build(config)
    images = np.random.default_rng(0).uniform(-1, 1, (2, 2, 28, 28, 1)).astype(np.float32)
    data = tf.data.Dataset.from_tensors((images[0], images[1])).repeat()
    history = model.fit(data, steps_per_epoch=1, epochs=2, verbose=0, shuffle=False).history
    assert history["r1"][0] > 0.0
    assert history["r1"][1] == 0.0, "every second step"


@pytest.mark.slow
def test_the_discriminator_of_one_domain_alone_sees_augmented_images():
    """With all weights equal, the other domain's discriminator gets the same gradient as without augmentations."""
    small = {
        "generator.width": 2,
        "generator.blocks": 1,
        "discriminator.width": 2,
        "training.steps_per_execution": 1,
        "optimizer.discriminator": {"name": "sgd", "learning_rate": 0.1},
    }
    images = np.random.default_rng(0).uniform(-1, 1, (2, 2, 28, 28, 1)).astype(np.float32)
    data = tf.data.Dataset.from_tensors((images[0], images[1])).repeat()

    def trained(augmentations):
        model = build(ganzoo.config("cyclegan_digits").override({**small, "augmentations": augmentations}))
        first, second = (model.discriminators[domain] for domain in model.domains)
        model.fit(data, steps_per_epoch=1, epochs=1, verbose=0, shuffle=False)
        return first.get_weights(), second.get_weights()

    plain = trained([])
    seen = ganzoo.config("cyclegan_digits").dataset.domains[0]
    one = trained([{"name": "diffaugment", "policy": ["color"], "domains": [seen]}])
    assert any(not np.array_equal(a, b) for a, b in zip(one[0], plain[0], strict=True))
    for a, b in zip(one[1], plain[1], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)
