"""Labels of `generate` and `decode` by the config's class names."""

import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.errors import UsageError
from ganzoo.models.build import build

PETS = {"dataset.classes": 3, "dataset.class_names": ["cat", "dress", "dog"]}


@pytest.fixture(scope="module")
def pets():
    return build(ganzoo.config("cgan_mnist").override(PETS))


def test_labels_by_name(pets):
    assert pets.class_names == ("cat", "dress", "dog")
    by_number = pets.generate(labels=[1, 2, 0], seed=1)
    assert np.array_equal(pets.generate(labels=["dress", 2, "cat"], seed=1), by_number)
    assert np.array_equal(pets.generate(2, labels="dog", seed=1), pets.generate(2, labels=2, seed=1))
    latents = pets.sample_latents(3, seed=1)
    assert np.array_equal(pets.decode(latents, ["dress", "dog", "cat"]), pets.decode(latents, [1, 2, 0]))
    with pytest.raises(UsageError, match=r"^labels: cgan_mnist has no class 'dgo' \(did you mean 'dog'\?\)$"):
        pets.generate(labels=["dgo"])


def test_parts_of_a_batch_and_what_is_exported(pets):
    assert {name: getattr(part, "shape", part) for name, part in pets.batch_parts.items()} == {
        "examples": (28, 28, 1),
        "labels": 3,
    }
    points = build(ganzoo.config("gan_ring"))
    assert {name: part.shape for name, part in points.batch_parts.items()} == {"examples": (2,)}
    for model, classes, output in ((pets, 3, "images"), (points, 0, "points")):
        exported = model.exported()
        assert list(exported) == ["generate", "decode"]
        for name, one in exported.items():
            assert one.run is getattr(model.sampler, name)
            assert (one.classes, one.smallest_side, one.output) == (classes, 0, output)
            assert one.variables == model.generator_ema.variables
    other = points.exported({"generator": points.generator})["decode"]
    latents = points.sample_latents(3, seed=1)
    assert np.array_equal(other.run(latents), points.decode(latents))
    assert other.variables == points.generator.variables


def test_more_rows_than_a_call_takes_and_dropout_that_is_off(monkeypatch, pets):
    monkeypatch.setattr("ganzoo.models.generative.ROWS_A_CALL", 2)
    latents = pets.sample_latents(5, seed=1)
    assert np.abs(pets.decode(latents).astype(int) - pets.decode(latents, [0, 1, 2, 0, 1])).max() == 0
    assert np.array_equal(pets.decode(latents[4:], [1]), pets.decode(latents)[4:])


def test_signatures_of_what_is_sampled(pets):
    seeds, truncation = tf.TensorSpec([None, 2], tf.int32, "seeds"), tf.TensorSpec([None], tf.float32, "truncation")
    latents, labels = tf.TensorSpec([None, 64], tf.float32, "latents"), tf.TensorSpec([None], tf.int32, "labels")
    sampler = pets.sampler
    assert sampler is pets.sampler
    assert sampler.generate.input_signature == (seeds, truncation, labels)
    assert sampler.decode.input_signature == (latents, labels)
    assert sampler.latents.input_signature == (seeds, truncation)
    points = build(ganzoo.config("gan_ring")).sampler
    assert points.generate.input_signature == (seeds, truncation)
    assert len(points.decode.input_signature) == 1


def test_priors():
    uniform = build(ganzoo.config("gan_ring").override({"model.latent.prior": "uniform"}))
    drawn = uniform.sample_latents(2000, seed=1)
    assert -1.0 <= drawn.min() < -0.99 < 0.99 < drawn.max() < 1.0
    with pytest.raises(UsageError, match=r"^gan_ring: truncated_latents: expected the prior normal, got uniform$"):
        uniform.truncated_latents(2, 0.5)


def test_a_model_without_names():
    digits = build(ganzoo.config("cgan_mnist"))
    assert digits.class_names == ()
    assert np.array_equal(digits.generate(labels=["3"], seed=1), digits.generate(labels=[3], seed=1))
    with pytest.raises(UsageError, match=r"^labels: expected integers, got 'three' \(cgan_mnist has no class names\)$"):
        digits.generate(labels=["three"])
    with pytest.raises(UsageError, match=r"^labels: gan_mnist is not conditional \(leave them out\)$"):
        build(ganzoo.config("gan_mnist")).generate(labels=[3])
