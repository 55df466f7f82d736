"""Names, aliases, files, runs; and loading only what is there and whole."""

import shutil

import numpy as np
import pytest

import ganzoo
from ganzoo.data.sources.cyclegan_digits import bold_of
from ganzoo.data.sources.mnist_5k import load_mnist_5k
from ganzoo.errors import ConfigError, UsageError, WeightsError
from ganzoo.zoo import catalog


def test_lists():
    names = ganzoo.list_models()
    assert names == sorted(names)
    assert {"cgan_mnist", "dcgan_celeb_a", "dcgan_mnist", "gan_mnist", "gan_ring"} <= set(names)
    assert ganzoo.list_models(task="point_generation") == ["gan_ring", "r3gan_grid", "r3gan_ring"]
    assert set(ganzoo.list_models(pretrained=True)) | set(ganzoo.list_models(pretrained=False)) == set(names)
    assert "cgan_mnist" in ganzoo.list_models(pretrained=True)


def test_aliases_and_files(tmp_path):
    assert ganzoo.config("cgan") is ganzoo.config("cgan_mnist")
    (tmp_path / "mine.yaml").write_text(ganzoo.config("cgan").to_yaml().replace("cgan_mnist", "mine"))
    assert ganzoo.config(tmp_path / "mine.yaml").name == "mine"


def test_no_name_means_two_models():
    names = [name for config in map(ganzoo.config, ganzoo.list_models()) for name in (config.name, *config.aliases)]
    assert len(names) == len(set(names))


def test_tasks_that_are_not_there():
    with pytest.raises(UsageError, match=r"^task: unknown task 'nonsense' \(known: image_generation, "):
        ganzoo.list_models("nonsense")


def test_overrides_in_the_place_of_the_workdir():
    with pytest.raises(UsageError, match=r"^workdir: expected a path, got a mapping \(name it: ganzoo\.train\(model, "):
        ganzoo.train("gan_ring", {"training.steps": 5})


def test_what_is_not_there():
    with pytest.raises(ConfigError, match=r"unknown model 'cgna' .*`ganzoo models` lists them"):
        ganzoo.config("cgna")
    with pytest.raises(ConfigError, match=r"unknown model 'x{400}'"):
        ganzoo.config("x" * 400)
    with pytest.raises(ConfigError, match="has no card"):
        ganzoo.card("dcgan_celeb_a")


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(ConfigError, match=r"not a run directory \(config\.yaml is missing\)"):
        ganzoo.load(tmp_path)


def test_every_model_with_weights_has_a_card_and_the_other_way_round():
    cards = {path.stem for path in (catalog.directory() / "cards").glob("*.yaml")}
    weights = {path.stem for path in (catalog.directory() / "weights").glob("*.safetensors")}
    assert cards == weights == set(ganzoo.list_models(pretrained=True))


@pytest.mark.parametrize("name", ganzoo.list_models(pretrained=True))
def test_cards_fit_the_schema_and_print(name):
    card = ganzoo.card(name)
    assert card.name == name
    text = str(card)
    for part in (
        f"# {name}",
        card.weights.sha256,
        *(stage.command or stage.note for stage in card.training.stages),
        *(metric.name for metric in card.metrics),
    ):
        assert part in text


DRAWS = ganzoo.list_models(task="image_generation", pretrained=True)
TRANSLATES = ganzoo.list_models(task="image_translation", pretrained=True)


def test_every_pretrained_model_is_looked_at():
    assert {*DRAWS, *TRANSLATES} == set(ganzoo.list_models(pretrained=True))


@pytest.mark.parametrize("name", DRAWS)
def test_pretrained_models_load_and_draw(name):
    model = ganzoo.load(name)
    np.testing.assert_array_equal(model.generate(4, seed=1), ganzoo.load(name).generate(4, seed=1))
    random = ganzoo.load(name, weights="random").generate(4, seed=1)
    assert not np.array_equal(model.generate(4, seed=1), random)


@pytest.mark.parametrize("name", DRAWS)
def test_image_37_of_a_pretrained_model_is_the_same_alone_and_in_five(name):
    model = ganzoo.load(name)
    fifty = model.generate(50, seed=1)
    np.testing.assert_array_equal(model.generate(1, seed=1, positions=[37])[0], fifty[37])
    np.testing.assert_array_equal(model.generate(5, seed=1, positions=range(35, 40)), fifty[35:40])


@pytest.mark.slow
@pytest.mark.parametrize("name", TRANSLATES)
def test_pretrained_models_load_and_translate(name):
    model, again, random = ganzoo.load(name), ganzoo.load(name), ganzoo.load(name, weights="random")
    shape = ganzoo.config(name).dataset.example_shape
    pictures = np.random.default_rng(0).integers(0, 256, (2, *shape), np.uint8)
    for domain in model.translators:
        translated = model.translate(pictures, domain)
        np.testing.assert_array_equal(translated, again.translate(pictures, domain))
        assert not np.array_equal(translated, random.translate(pictures, domain))


@pytest.mark.slow
def test_cyclegan_digits_translates_digits_that_it_has_not_seen():
    """The issue's figure: a mean absolute error of 0.05 at most against the known mapping, both ways."""
    model, plain = ganzoo.load("cyclegan_digits"), load_mnist_5k("test")[0][..., np.newaxis]
    bold = bold_of(plain)
    for given, wanted, to in ((plain, bold, "bold"), (bold, plain, "plain")):
        error = np.abs(np.int16(model.translate(given, to)) - wanted).mean() / 255
        assert error <= 0.03, to
        assert np.abs(255 - np.int16(given) - wanted).mean() / 255 > 0.13  # what inverting alone gives


def test_a_model_without_weights_names_the_ways_out(monkeypatch):
    monkeypatch.setattr("ganzoo.zoo.load.import_quietly", lambda: pytest.fail("TensorFlow is started"))
    with pytest.raises(WeightsError, match=r"gan_ring: has no trained weights; train it .*weights='random'"):
        ganzoo.load("gan_ring")


def test_damaged_weights_are_refused(tmp_path, monkeypatch):
    copy = tmp_path / "zoo_configs"
    shutil.copytree(catalog.directory(), copy)
    monkeypatch.setattr(catalog, "directory", lambda: copy)
    path = copy / "weights" / "cgan_mnist.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="SHA-256"):
        ganzoo.load("cgan_mnist")


def test_weights_of_another_model_are_refused():
    path = catalog.directory() / "weights" / "cgan_mnist.safetensors"
    with pytest.raises(WeightsError, match="made for other networks"):
        ganzoo.load("gan_ring", weights=path)


def test_only_runs_have_steps():
    with pytest.raises(UsageError, match="expected a run directory, got"):
        ganzoo.load("cgan", step=100)


def test_the_first_translation_has_been_traced():
    translators = ganzoo.load("cyclegan_digits").translators
    assert {domain: each.run.experimental_get_tracing_count() for domain, each in translators.items()} == {
        "plain": 1,
        "bold": 0,
    }
