"""Labels of `generate` and `decode` by the config's class names."""

import numpy as np
import pytest

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


def test_a_model_without_names():
    digits = build(ganzoo.config("cgan_mnist"))
    assert digits.class_names == ()
    assert np.array_equal(digits.generate(labels=["3"], seed=1), digits.generate(labels=[3], seed=1))
    with pytest.raises(UsageError, match=r"^labels: expected integers, got 'three' \(cgan_mnist has no class names\)$"):
        digits.generate(labels=["three"])
    with pytest.raises(UsageError, match=r"^labels: gan_mnist is not conditional \(leave them out\)$"):
        build(ganzoo.config("gan_mnist")).generate(labels=[3])
