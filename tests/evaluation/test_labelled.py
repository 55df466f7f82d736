"""Distances, diversity and accuracy worked out by hand; and a generator that repeats itself."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from ganzoo.data.kinds import of_shape
from ganzoo.data.sources.mnist_5k import load_mnist_5k
from ganzoo.errors import UsageError
from ganzoo.evaluation.evaluate import Evaluator
from ganzoo.evaluation.examples import Examples, from_array
from ganzoo.evaluation.metrics import labelled


def image(*values):
    return np.array(values, np.uint8).reshape(1, len(values), 1)


def with_labels(name, images, labels):
    return Examples(
        name,
        len(images),
        of_shape(images.shape[1:]),
        lambda numbers: images[numbers],
        np.asarray(labels),
        tuple("0123456789"),
    )


def test_mean_pairwise_distance_by_hand():
    # distances in units of 255: 3-4-5 triangles between (0,0), (255,0), (0,255): 1, 1, sqrt 2
    images = np.stack([image(0, 0), image(255, 0), image(0, 255)])
    assert labelled.mean_pairwise_distance(images) == pytest.approx((2 + math.sqrt(2)) / 3, rel=1e-6)
    assert labelled.mean_pairwise_distance(np.stack([image(9, 9)] * 4)) == pytest.approx(0.0, abs=1e-6)


def test_class_diversity_is_a_ratio_for_each_class():
    real = {0: np.stack([image(0, 0), image(200, 0)]), 1: np.stack([image(0, 0), image(0, 100)])}
    fake = {0: np.stack([image(0, 0), image(100, 0)]), 1: np.stack([image(7, 7)] * 2)}
    assert labelled.class_diversity(fake, real) == {0: pytest.approx(0.5), 1: pytest.approx(0.0, abs=1e-6)}


def test_label_accuracy_is_the_share_that_is_read_as_asked():
    fake = SimpleNamespace(classes=np.array([0, 2, 1, 0]), examples=SimpleNamespace(labels=np.array([0, 2, 0, 1])))
    names = SimpleNamespace(class_names=("a", "b", "c"))
    given = SimpleNamespace(fake=fake, real=SimpleNamespace(examples=names), extractor=names)
    assert labelled.label_accuracy(given)["label_accuracy"].value == 0.5


def test_label_accuracy_of_other_classes_than_the_extractor_s():
    real = SimpleNamespace(examples=SimpleNamespace(class_names=("a", "b"), name="pets"))
    extractor = SimpleNamespace(class_names=("0", "1", "2", "3"), name="mnist_cnn")
    fake = SimpleNamespace(classes=np.zeros(2, int), examples=SimpleNamespace(labels=np.zeros(2, int)))
    with pytest.raises(
        UsageError, match=r"expected the classes of pets, got those of mnist_cnn \(0, 1, 2, …\) \(leave"
    ):
        labelled.label_accuracy(SimpleNamespace(fake=fake, real=real, extractor=extractor))


def test_diversity_is_the_mean_and_the_least_of_the_classes():
    real = np.stack([image(0, 0), image(200, 0), image(0, 0), image(0, 100)])
    fake = np.stack([image(0, 0), image(100, 0), image(7, 7), image(7, 7)])
    given = (SimpleNamespace(examples=with_labels("some", each, [0, 0, 1, 1])) for each in (fake, real))
    found = labelled.diversity(SimpleNamespace(**dict(zip(("fake", "real"), given, strict=True)), examples_a_class=500))
    assert found["class_diversity"].value == pytest.approx(0.25)
    assert found["class_diversity_least"].value == pytest.approx(0.0, abs=1e-6)


def test_the_first_500_examples_of_a_class_are_compared():
    images = np.zeros((502, 1, 2, 1), np.uint8)
    images[500:] = 255  # not looked at
    assert len(labelled._by_class(with_labels("many", images, [3] * 502), 500)[3]) == 500


def test_a_generator_of_one_digit_a_class_is_accurate_but_not_diverse():
    images, labels = load_mnist_5k("train")
    images = images[..., np.newaxis]
    firsts = np.stack([images[labels == label][0] for label in range(10)])
    asked = np.arange(200) % 10
    evaluator = Evaluator(with_labels("real", images, labels), "mnist_cnn", ["label_accuracy", "class_diversity_least"])
    found = evaluator(with_labels("copycat", firsts[asked], asked))
    assert found == {"label_accuracy_mnist_cnn": 1.0, "class_diversity_least_mnist_cnn": pytest.approx(0.0, abs=1e-6)}


def test_diversity_that_has_no_yardstick():
    one, two = np.stack([image(0, 0)] * 2), np.stack([image(0, 0), image(9, 0)])
    with pytest.raises(UsageError, match="no generated example of class 1"):
        labelled.class_diversity({0: two}, {0: two, 1: two})
    with pytest.raises(UsageError, match="all real examples of class 0 are identical"):
        labelled.class_diversity({0: two}, {0: one})


def test_labels_that_are_missing():
    images = load_mnist_5k("test")[0][..., np.newaxis]
    labelled_images = with_labels("fake", images, np.arange(len(images)) % 10)
    with pytest.raises(UsageError, match="class_diversity needs labels, real has none"):
        Evaluator(from_array("real", images), "mnist_cnn", ["class_diversity"])(labelled_images)
    with pytest.raises(UsageError, match=r"label_accuracy needs a conditional model \(leave it out\)"):
        Evaluator(labelled_images, "mnist_cnn", ["label_accuracy"])(from_array("fake", images))
    with pytest.raises(UsageError, match="expected 2 or more examples of class 9, got 1 in fake"):
        Evaluator(labelled_images, "mnist_cnn", ["class_diversity"])(with_labels("fake", images[:20], [0] * 19 + [9]))
