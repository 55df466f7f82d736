"""Metrics of translations, by hand and by models whose answer is known."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

import ganzoo
from ganzoo.errors import UsageError
from ganzoo.evaluation.evaluate import Evaluator, default_features
from ganzoo.evaluation.metrics.taken_for_target import domain_classifier, taken_for_target
from ganzoo.evaluation.metrics.translation import luminance_correlation
from ganzoo.evaluation.translations import open_translation, translated
from ganzoo.models.translation import TranslationModel
from ganzoo.zoo.evaluate import evaluate

DOMAINS = ("plain", "bold")
INVERTING_ERROR = 0.131  # of bold_of's two parts the inversion alone, on the digits


def network(*layers):
    inputs = keras.Input((None, None, 1))
    outputs = inputs
    for layer in layers:
        outputs = layer(outputs)
    made = keras.Model(inputs, outputs)
    made.stride = 1
    return made


def identity():
    return network(keras.layers.Identity())


def inversion():
    return network(keras.layers.Rescaling(-1.0))


def true_bold():
    """255 less the maximum of nine."""
    return network(keras.layers.MaxPooling2D(3, 1, "same"), keras.layers.Rescaling(-1.0))


def blank():
    return network(keras.layers.Rescaling(0.0))


def model_of(to_plain, to_bold):
    made = TranslationModel(DOMAINS, {"plain": to_plain(), "bold": to_bold()}, {}, name="stub")
    made.config = ganzoo.config("cyclegan_digits")
    return made


def judged(model, to, metrics, count=200):
    translation = open_translation(model.config, to, count)
    features = default_features(model.config.dataset, to)
    if to == "bold":
        features = "mnist_cnn"  # a fast one
    evaluator = Evaluator(translation.target, features, metrics, translation=translation)
    found = evaluator(translated(model, translation.given, to), translator=model)
    return {name: found[f"{name}_{features}"] for name in metrics}, found


@pytest.mark.slow
def test_nothing_done():
    """The ratio is 1, the way back ends where it began, and what is taken for the target was so before."""
    names = ["kid_ratio", "cycle_error", "luminance_correlation", "luminance_correlation_least"]
    names += ["taken_for_target", "untouched_taken", "classifier_accuracy"]
    found, _ = judged(model_of(identity, identity), "bold", names)
    assert found["kid_ratio"] == 1.0
    assert found["cycle_error"] == 0.0
    assert found["luminance_correlation"] == pytest.approx(1.0)
    assert found["luminance_correlation_least"] == pytest.approx(1.0)
    assert found["taken_for_target"] == found["untouched_taken"] < 0.05
    assert found["classifier_accuracy"] > 0.95


def test_the_true_translation():
    found, _ = judged(model_of(inversion, true_bold), "bold", ["kid_ratio", "taken_for_target", "translation_error"])
    assert found["translation_error"] == 0.0
    assert found["kid_ratio"] < 0.05
    assert found["taken_for_target"] > 0.95


@pytest.mark.parametrize("to", DOMAINS)
def test_inverting_alone(to):
    names = ["translation_error", "luminance_correlation", "luminance_correlation_least", "cycle_error"]
    found, whole = judged(model_of(inversion, inversion), to, names, count=500)
    assert found["translation_error"] == pytest.approx(INVERTING_ERROR, abs=0.005)
    assert found["luminance_correlation"] == pytest.approx(-1.0)
    assert found["cycle_error"] == 0.0
    assert {name.split("_")[0] for name in whole.spread} == {"translation", "luminance", "cycle"}


def test_blank_images_correlate_with_nothing_and_do_not_come_back():
    found, _ = judged(model_of(blank, blank), "plain", ["luminance_correlation", "cycle_error"])
    assert found["luminance_correlation"] == 0.0
    given = open_translation(ganzoo.config("cyclegan_digits"), "plain", 200).given
    apart = np.abs(given.read(np.arange(200)).astype(float) - 128.0).mean() / 255.0
    assert found["cycle_error"] == pytest.approx(apart)


def test_luminance_by_hand():
    given = np.array([[[0, 0, 0], [100, 0, 0]], [[0, 100, 0], [0, 0, 0]]], np.uint8)[np.newaxis]  # 0, 29.9; 58.7, 0
    made = np.array([[[10], [20]], [[30], [40]]], np.uint8)[np.newaxis]
    shades = [0.0, 29.9, 58.7, 0.0]
    expected = np.corrcoef(shades, [10, 20, 30, 40])[0, 1]
    np.testing.assert_allclose(luminance_correlation(given, made), [expected])
    np.testing.assert_allclose(luminance_correlation(given, given // 2 + 40), [1.0])
    np.testing.assert_allclose(luminance_correlation(np.concatenate([made, made]), 255 - made.repeat(2, 0)), [-1, -1])
    np.testing.assert_array_equal(luminance_correlation(given, np.full_like(given, 77)), [0.0])


def test_a_classifier_of_two_clouds_that_weighs_them_alike():
    """Nine of ten are of the one cloud, and the line between is in the middle all the same."""
    generator = np.random.default_rng(0)
    target, source = generator.normal(2.0, 1.0, (200, 2)), generator.normal(-2.0, 1.0, (1800, 2))
    is_target = domain_classifier(target, source)
    assert is_target(np.array([[3.0, 3.0], [0.3, 0.3], [-0.3, -0.3], [-3.0, -3.0]])).tolist() == [1, 1, 0, 0]
    others = generator.normal(2.0, 1.0, (1000, 2))
    np.testing.assert_array_equal(is_target(others), domain_classifier(target, source)(others))
    with pytest.raises(UsageError, match="source features: expected 2 dimensions like target features, got 3"):
        domain_classifier(target, np.zeros((5, 3)))


def test_shares_of_a_classifier_that_knows_the_clouds():
    """Of four translations three are in the target's cloud, of four originals one, of two real images both."""

    def at(*places):
        return SimpleNamespace(kept=lambda: np.array([[float(place), float(place)] for place in places]))

    near = np.linspace(-0.5, 0.5, 20)
    given = SimpleNamespace(
        translated=lambda: (SimpleNamespace(learned_from=20), None),
        real=at(*(9 + near), 9, 9),
        source=at(*(near - 9)),
        fake=at(9, 9, 9, -9),
        untouched=at(9, -9, -9, -9),
    )
    found = taken_for_target(given)
    assert {name: value.value for name, value in found.items()} == {
        "taken_for_target": 0.75,
        "untouched_taken": 0.25,
        "classifier_accuracy": (1 + 0.75) / 2,
    }
    # one of four: a deviation of 1/2 over the root of 4; the real target images are all right
    assert {name: value.spread for name, value in found.items()} == pytest.approx(
        {"taken_for_target": 0.25, "untouched_taken": 0.25, "classifier_accuracy": 0.125}
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("cycle_error", "cycle_error needs a model that translates both ways"),
        ("memorisation", "memorisation needs held-out real examples"),
        ("path_length", "path_length needs a model that draws, got pix2pix_digits"),
    ],
)
def test_what_a_translation_cannot_be_asked(metric, message):
    with pytest.raises(UsageError, match=f"^metrics: {message}"):
        evaluate(ganzoo.load("pix2pix_digits", weights="random"), [metric], 4)


def test_other_models_have_none_of_these():
    for name in ("kid_ratio", "cycle_error", "translation_error", "taken_for_target", "luminance_correlation"):
        with pytest.raises(UsageError, match=f"^metrics: {name} needs a model that translates"):
            evaluate("cgan", [name], 20)


def test_the_same_images_on_both_sides_leave_nothing_to_gain(monkeypatch):
    monkeypatch.setattr(
        "ganzoo.evaluation.metrics.translation.kernel_distance", lambda real, fake, subsets, seed: (-1e-5, 0.0)
    )
    with pytest.raises(UsageError, match=r"kid_ratio: cyclegan_digits \(plain\) already resembles"):
        judged(model_of(identity, identity), "bold", ["kid_ratio"], count=20)
