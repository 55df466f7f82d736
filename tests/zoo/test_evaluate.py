"""What is evaluated, by name; and two models whose distance from the data is known."""

import functools
import shutil

import numpy as np
import pytest
import tensorflow as tf

import ganzoo
from ganzoo.core import images
from ganzoo.data.domains import list_hash
from ganzoo.data.sources.mnist_5k import load_mnist_5k
from ganzoo.errors import DataError, UsageError
from ganzoo.zoo.evaluate import _named, evaluate

FEW = ("fid", "kid", "precision", "coverage")
loaded = functools.cache(ganzoo.load)  # models that no test changes


@pytest.fixture(scope="module")
def digits():
    return load_mnist_5k("test")[0][..., np.newaxis]


def test_the_shipped_model_against_its_data():
    found = evaluate("cgan", FEW, 400, seed=3)
    assert set(found) == {f"{name}_mnist_cnn" for name in FEW}
    assert found.protocol["real"] == {
        "name": "mnist_5k",
        "count": 400,
        "shape": [28, 28, 1],
        "of": 4000,
        "split": "train",
    }
    assert found.protocol["fake"] == {
        "name": "cgan_mnist",
        "count": 400,
        "shape": [28, 28, 1],
        "seed": 3,
        "truncation": 1.0,
    }
    assert found.protocol["features"] == "mnist_cnn"
    assert len(found.protocol["features_sha256"]) == 64
    assert found == evaluate(loaded("cgan"), FEW, 400, seed=3)
    assert found["precision_mnist_cnn"] > 0.5


def test_an_export_gives_the_numbers_of_its_model(tmp_path):
    ring = loaded("gan_ring", weights="random")
    ganzoo.export(ring, tmp_path, version=3)
    real = np.random.default_rng(0).normal(size=(500, 2))
    of_model = evaluate(ring, ["fid", "kid"], 300, real=real, seed=4)
    assert dict(evaluate(tmp_path / "gan_ring", ["fid", "kid"], 300, real=real, seed=4)) == dict(of_model)
    assert dict(evaluate(tmp_path / "gan_ring" / "3", ["fid", "kid"], 300, real=real, seed=4)) == dict(of_model)


def test_an_export_of_a_conditional_model_takes_the_labels_of_the_data(tmp_path):
    ganzoo.export(loaded("cgan"), tmp_path)
    of_export = evaluate(tmp_path / "cgan_mnist", ["fid"], 300, real="mnist_5k")
    assert dict(of_export) == dict(evaluate(loaded("cgan"), ["fid"], 300))
    real = load_mnist_5k("train")[0][::10, ..., np.newaxis]
    with pytest.raises(UsageError, match="expected labelled real examples for a conditional model"):
        evaluate(tmp_path / "cgan_mnist", ["fid"], 300, real=real, features="mnist_cnn")


def test_two_folders(tmp_path, digits):
    for name, chosen in {"real": digits[:500], "fake": digits[500:]}.items():
        for number, image in enumerate(chosen):
            images.write_png(tmp_path / name / f"{number:03}.png", image)
    fewer = evaluate(f"folder:{tmp_path}/fake", "fid,kid", 100, real=f"folder:{tmp_path}/real", features="mnist_cnn")
    assert fewer.protocol["fake"] == {"name": f"folder:{tmp_path}/fake", "count": 100, "shape": [28, 28, 1], "of": 500}
    arrays = evaluate(digits[500:], FEW, real=digits[:500], features="mnist_cnn")
    folders = evaluate(f"folder:{tmp_path}/fake", FEW, real=f"folder:{tmp_path}/real", features="mnist_cnn")
    assert dict(folders) == dict(arrays)
    assert folders.protocol["fake"] == {"name": f"folder:{tmp_path}/fake", "count": 500, "shape": [28, 28, 1]}


def test_metrics_that_nobody_named_are_left_out_where_they_need_more(tmp_path, digits):
    for name, image in zip("abcde", digits, strict=False):
        images.write_png(tmp_path / f"{name}.png", image)
    folder = f"folder:{tmp_path}"
    found = evaluate(folder, real=folder, features="mnist_cnn")
    assert set(found) == {"fid_mnist_cnn", "kid_mnist_cnn"}
    assert "precision, recall, density, coverage: left out, as they need more than 5 examples" in found.describe()
    with pytest.raises(
        UsageError, match=rf"^metrics: precision: expected 6 or more examples of {folder}, got 5 \(leav"
    ):
        evaluate(folder, "fid,precision", real=folder, features="mnist_cnn")


@pytest.mark.slow
def test_a_folder_is_read_in_the_mode_of_the_model_or_of_the_other_folder(tmp_path, digits):
    for name, image in zip("abcdef", digits, strict=False):
        images.write_png(tmp_path / "grey" / f"{name}.png", image)
        images.write_png(tmp_path / "colour" / f"{name}.png", np.repeat(image, 3, axis=-1))
    grey, colour = (f"folder:{tmp_path}/{name}" for name in ("grey", "colour"))
    found = evaluate(loaded("cgan"), "kid", 20, real=colour, features="mnist_cnn")
    assert found.protocol["real"]["shape"] == [28, 28, 1]
    for fake, real in ((grey, colour), (colour, grey)):
        found = evaluate(fake, "sliced_wasserstein", real=real, features="efficientnet_lite0")
        assert found["sliced_wasserstein_efficientnet_lite0"] == pytest.approx(0.0, abs=1e-5)
        assert found.protocol["fake"]["shape"] == found.protocol["real"]["shape"] == [28, 28, 3]


def test_points_of_a_known_distance():
    """Two normal clouds, 3 apart and of equal covariance: the Fréchet distance is 9."""
    generator = np.random.default_rng(0)
    cloud = generator.normal(size=(500, 2))
    found = evaluate(cloud + np.array([3.0, 0.0]), ["fid", "sliced_wasserstein"], real=cloud)
    assert found["fid_identity"] == pytest.approx(9.0, rel=1e-4)
    assert found["sliced_wasserstein_identity"] == pytest.approx(3.0 / np.sqrt(2.0), rel=0.1)


def test_a_model_is_compared_with_the_data_that_it_was_trained_on(tmp_path):
    """Not with those of the zoo's config of its name."""
    changes = {"training.steps": 5, "generator.widths": [8], "discriminator.widths": [8]}
    run = ganzoo.train("gan_ring", tmp_path / "run", {**changes, "dataset.name": "grid"}, quiet=True)
    for model in (run.model, ganzoo.load(tmp_path / "run")):
        assert evaluate(model, ["fid"], 100).protocol["real"]["name"] == "grid"


def test_memorisation_says_how_much_it_has_seen():
    found = evaluate(loaded("cgan"), ["memorisation", "copies"], 300)
    assert 0.2 < found["memorisation_mnist_cnn"] < 0.8
    assert found.protocol["held_out"] == {
        "name": "mnist_5k",
        "count": 300,
        "shape": [28, 28, 1],
        "of": 1000,
        "split": "test",
    }
    (warning,) = found.protocol["warnings"]
    assert warning.startswith("memorisation: 300 of the 4,000 training examples were checked")


def test_few_examples_are_said_to_be_few_and_standard_errors_are_asked_for(digits):
    found = evaluate(digits[:200], "kid", real=digits[200:400], features="mnist_cnn")
    assert found.spread == {}
    assert found.protocol["warnings"][0].startswith("kid: 200 real and 200 generated examples: unbiased for indepen")
    thorough = evaluate(digits[:200], "kid,fid", real=digits[200:400], features="mnist_cnn", thorough=True)
    assert thorough["kid_mnist_cnn"] == found["kid_mnist_cnn"]
    assert set(thorough.spread) == {"kid_mnist_cnn", "fid_mnist_cnn"}
    assert thorough.held_out == thorough.floor == {}  # arrays have no held-out examples


def test_held_out_examples_and_as_many_real_ones_in_the_place_of_the_generated():
    found = evaluate(loaded("cgan"), "fid,label_accuracy", 500, thorough=True)
    assert set(found.held_out) == set(found.floor) == {"fid_mnist_cnn"}
    assert found.floor["fid_mnist_cnn"].value < found.held_out["fid_mnist_cnn"].value
    assert set(found.spread) == {"fid_mnist_cnn", "label_accuracy_mnist_cnn"}
    unseen = found.protocol["held_out"]
    assert (unseen["name"], unseen["split"], unseen["count"], unseen["compared"]) == ("mnist_5k", "test", 500, 500)
    assert found.protocol["features_trained_on"] == "mnist_5k train"
    assert found.to_dict()["floor"]["fid_mnist_cnn"] == found.floor["fid_mnist_cnn"]._asdict()
    assert "held out: 500 generated against 500 of mnist_5k that no model was trained on" in found.describe()


def test_translations_of_chosen_files_alone_and_against_test_images(tmp_path, two_domains, digits):
    model = loaded("cyclegan_digits", weights="random")
    how = {"to": "bold", "features": "mnist_cnn", "metrics": "kid,cycle_error"}
    whole = evaluate(model, real=two_domains, thorough=True, **how)
    assert set(whole.floor) == {"kid_mnist_cnn"}
    assert set(whole.spread) == {"cycle_error_mnist_cnn"}  # three images are too few for two halves
    assert (whole.protocol["held_out"]["split"], whole.protocol["held_out"]["count"]) == ("test", 5)
    assert whole.protocol["files"] == {"count": 27, "sha256": list_hash(whole.files)}
    assert whole.files[:2] == ("testA/0.png", "testA/1.png")
    shutil.copytree(two_domains.removeprefix("folder:"), tmp_path, dirs_exist_ok=True)
    for number, name in enumerate(whole.files):
        images.write_png(tmp_path / name.replace(".", "_more."), digits[500 + number])
    more = f"folder:{tmp_path}"
    assert evaluate(model, real=more, **how).protocol["files"]["count"] == 54
    assert dict(evaluate(model, real=more, files=whole.files, **how)) == dict(whole)


def test_what_json_cannot_hold_is_none(digits):
    """No real image of the classes that are generated: the divergence is infinite."""
    found = evaluate(digits[900:], ["mode_reverse_kl"], real=digits[:20], features="mnist_cnn")
    assert found["mode_reverse_kl_mnist_cnn"] == np.inf
    assert found.to_dict()["metrics"] == {"mode_reverse_kl_mnist_cnn": None}


def test_numbers_that_come_together_are_computed_once(digits, monkeypatch):
    calls = []
    module = "ganzoo.evaluation.metrics.neighbours.precision_recall_density_coverage"
    names = ("precision", "recall", "density", "coverage")
    monkeypatch.setattr(module, lambda real, fake, nearest: calls.append(1) or dict.fromkeys(names, 0.5))
    assert set(evaluate(digits[:50], names, real=digits[50:], features="mnist_cnn").values()) == {0.5}
    assert calls == [1]


def test_too_few_for_the_dimensions_is_computed_with_a_warning(digits):
    found = evaluate(digits[:100], ["fid"], real=digits[100:300], features="mnist_cnn")
    assert np.isfinite(found["fid_mnist_cnn"])
    (warning,) = found.protocol["warnings"]
    assert warning.startswith("fid: 200 real and 100 generated examples for 128 dimensions")
    assert "biases the distance upwards" in warning
    assert "warning: fid" in found.describe()


@pytest.mark.slow
def test_a_model_that_translates_is_judged_by_its_test_images_and_all_of_the_target():
    model = loaded("cyclegan_digits", weights="random")
    found = evaluate(model, num_samples=30, seed=2)
    assert {"kid_mnist_cnn", "cycle_error_mnist_cnn", "translation_error_mnist_cnn"} < set(found)
    assert found.protocol["real"] == {
        "name": "cyclegan_digits (plain)",
        "count": 2500,
        "shape": [28, 28, 1],
        "split": "train+test",
    }
    made_of = {"to": "plain", "translated": "cyclegan_digits (bold) test"}
    assert found.protocol["fake"] == {"name": "cyclegan_digits", "count": 30, "shape": [28, 28, 1], **made_of}
    assert found == evaluate(model, num_samples=30, seed=2, to="plain")
    bold = evaluate(model, "cycle_error", 30, to="bold", features="mnist_cnn")
    assert bold.protocol["real"]["name"] == "cyclegan_digits (bold)"


@pytest.fixture(scope="module")
def two_domains(tmp_path_factory, digits):
    """A folder with a few digits in each domain."""
    folder, first = tmp_path_factory.mktemp("domains"), 0
    for part, count in {"trainA": 9, "trainB": 10, "testA": 3, "testB": 5}.items():
        for number, image in enumerate(digits[first : first + count]):
            images.write_png(folder / part / f"{number}.png", image)
        first += count
    return f"folder:{folder}"


def test_translations_against_real_images_of_another_size(two_domains):
    model, metrics = loaded("cyclegan_digits", weights="random"), ["taken_for_target", "luminance_correlation"]
    found = evaluate(model, metrics, 20, to="bold", real=two_domains, size=14)
    same = evaluate(model, metrics, 20, to="bold", real=two_domains)
    assert found.protocol["real"]["shape"] == [14, 14, 1]
    assert found.protocol["fake"] == same.protocol["fake"]
    assert found.keys() == same.keys()
    assert found["luminance_correlation_efficientnet_lite0"] == same["luminance_correlation_efficientnet_lite0"]
    assert f"against {two_domains} (bold) (15 of 14x14 pixels), features of" in found.describe()
    assert "pixels" not in same.describe()


def test_translations_against_other_data_of_the_same_domains(two_domains):
    model = loaded("cyclegan_digits", weights="random")
    found = evaluate(model, "cycle_error", real=two_domains, features="mnist_cnn")
    real, fake = found.protocol["real"], found.protocol["fake"]
    assert (real["name"], real["count"], fake["count"]) == (f"{two_domains} (plain)", 12, 5)


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        ("cyclegan_digits", {"to": "blod"}, r"to: cyclegan_digits cannot make 'blod' \(it makes: plain, bold\)"),
        ("pix2pix_digits", {"to": "edges"}, r"to: pix2pix_digits cannot make 'edges'"),
        ("cyclegan_digits", {"truncation": 0.5}, r"truncation=0\.5: cyclegan_digits translates"),
        (
            "cyclegan_digits",
            {"real": np.zeros([5, 28, 28, 1], np.uint8)},
            "real: expected a data set of two domains for cyclegan_digits, got an array",
        ),
        ("gan_ring", {"to": "plain"}, "to=plain: gan_ring does not translate"),
    ],
)
def test_wrong_use_of_what_translates_or_does_not(model, arguments, message):
    with pytest.raises(UsageError, match=f"^{message}"):
        evaluate(loaded(model, weights="random"), **arguments)


def test_an_export_that_translates(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(UsageError, match=r"exports that translate cannot be evaluated, got .* \(name the zoo model"):
        evaluate(tmp_path, to="bold")


def test_folders_do_not_translate(tmp_path):
    with pytest.raises(UsageError, match=r"^to=plain: folder:x does not translate"):
        evaluate("folder:x", to="plain", real="folder:y")


def test_data_of_two_domains_that_are_not_there(tmp_path):
    config = ganzoo.config("cyclegan_monet_256").override({"generator.width": 4, "generator.blocks": 1})
    (tmp_path / "small.yaml").write_text(config.to_yaml())
    model = ganzoo.load(tmp_path / "small.yaml", weights="random")
    with pytest.raises(DataError, match=r"^cycle_gan/monet2photo: "):
        evaluate(model, "kid", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"num_samples": 1}, UsageError, "num_samples: expected 2 or more, got 1"),
        ({"real": np.zeros([1, 28, 28, 1], np.uint8)}, UsageError, "real: expected 2 or more examples, got 1"),
        ({"real": np.zeros([5, 28, 28, 3], np.uint8)}, DataError, "cgan_mnist: expected colour like real, got grey"),
        ({"real": "folder:no/such"}, DataError, "folder:no/such: no such folder"),
        (
            {"real": np.full([5, 28, 28, 1], np.nan)},
            UsageError,
            "real: expected finite numbers, got NaN or infinity in example 0",
        ),
        ({"metrics": ["fid", "memorisation"], "real": np.zeros([5, 28, 28, 1], np.uint8)}, UsageError, "held-out"),
        ({"metrics": []}, UsageError, "metrics: none given"),
        (
            {"metrics": ["recall"], "num_samples": 4, "real": None},
            UsageError,
            "metrics: recall: expected 6 or more examples",
        ),
        (
            {"metrics": ["label_accuracy"], "features": "fashion_cnn", "real": None},
            UsageError,
            "label_accuracy: expected the classes of",
        ),
    ],
)
def test_wrong_use(arguments, error, message):
    with pytest.raises(error, match=message):
        evaluate(loaded("cgan"), **{"metrics": ["fid"], "features": "mnist_cnn", "num_samples": 20, **arguments})


def test_real_examples_by_name_keep_the_options_of_that_data_set_alone():
    grid = ganzoo.config("r3gan_grid")
    assert _named(grid, "grid").arguments == {"spacing": 2.0}
    assert _named(grid, "ring").arguments == {}
