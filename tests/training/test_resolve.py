"""The config of a run and its data: pairs and domains of translation, the scales of a table."""

import pytest
from PIL import Image

import ganzoo
from ganzoo.data import kinds
from ganzoo.data.domains import Domains
from ganzoo.data.source import Source
from ganzoo.errors import DataError
from ganzoo.schema import Config, parse
from ganzoo.training import resolve as resolving
from ganzoo.training.resolve import completed, described, overridden, resolve


def translation(scheme: str, name: str, domains: list[str]) -> Config:
    return parse(
        {
            "schema": 1,
            "name": "translation",
            "task": "image_translation",
            "summary": "for tests",
            "source": "none",
            "licence": {"data": "its own", "weights": "its own"},
            "dataset": {"name": name, "size": 28, "channels": 1, "domains": domains},
            "model": {"scheme": scheme},
            "generator": {"network": "any"},
            "discriminator": {"network": "any"},
            "loss": {"name": "least_squares"},
            "optimizer": {
                "generator": {"name": "adam", "learning_rate": 0.001},
                "discriminator": {"name": "adam", "learning_rate": 0.001},
            },
            "training": {"steps": 1, "batch_size": 1},
        },
        "test",
    )


def test_pix2pix_gets_pairs_and_cyclegan_what_there_is():
    for scheme, name, names, paired in [
        ("cyclegan", "cyclegan_digits", ["plain", "bold"], False),
        ("pix2pix", "pix2pix_digits", ["edges", "digits"], True),
    ]:
        config = translation(scheme, name, names)
        resolved, data = resolve(config, {})
        assert resolved == config
        assert isinstance(data, Domains)
        assert (list(data.sources), data.paired) == (names, paired)
    with pytest.raises(DataError, match="cyclegan_digits has no pairs"):
        resolve(translation("pix2pix", "cyclegan_digits", ["plain", "bold"]), {})


def test_other_data_bring_their_licence_and_not_their_domains():
    config = translation("cyclegan", "cycle_gan/monet2photo", ["plain", "bold"])
    resolved, data = resolve(config, {"dataset": "cyclegan_digits"})
    assert data.name == resolved.dataset.name == "cyclegan_digits"
    assert resolved.dataset.domains == ["plain", "bold"]
    assert resolved.licence.data == "that of cyclegan_digits"
    with pytest.raises(DataError, match=r"set dataset\.domains=\[edges,digits\]"):
        resolve(config, {"dataset": "pix2pix_digits"})
    domains = {"dataset": "pix2pix_digits", "dataset.domains": "[edges,digits]"}
    assert list(resolve(config, domains)[1].sources) == ["edges", "digits"]


def test_a_table_brings_the_names_and_scales_of_its_columns():
    config, data = resolve(ganzoo.config("gan_wine"), {})
    assert isinstance(data, Source)
    assert kinds.of(config.dataset) == data.kind
    assert (config.dataset.fields[0].name, config.dataset.fields[0].decimals) == ("alcohol", 2)
    assert resolve(config, {"steps": 5})[0].dataset == config.dataset
    other = {"dataset": "gaussian", "dataset.kind": "points", "task": "point_generation", "dataset.columns": 4}
    assert resolve(config, other)[0].dataset.fields == []
    with pytest.raises(DataError, match=r"^dataset\.columns: 4, but wine has 13 \(set dataset\.columns=13\)$"):
        resolve(config, {"dataset.columns": 4})


def images_in(folder, sizes, mode="RGB", classes=("a", "b", "c", "d", "e")):
    for number, size in enumerate(sizes):
        place = folder / classes[number % len(classes)] if classes else folder
        place.mkdir(parents=True, exist_ok=True)
        Image.new(mode, size, number * 20).save(place / f"{number}.png")
    return f"folder:{folder}"


def test_one_s_own_colour_folder_brings_size_channels_and_name(tmp_path):
    name = images_in(tmp_path / "My Pets!", [(64, 64)] * 10)
    config, source = resolve(ganzoo.config("dcgan"), {"dataset": name})
    assert (config.name, config.dataset.example_shape) == ("dcgan_my_pets", (64, 64, 3))
    assert described(config, source) == "64x64x3, 5 classes, 10 images"
    again, _ = resolve(config, {})
    assert again == config


@pytest.mark.parametrize(
    ("sizes", "mode", "shape"),
    [
        ([(28, 28)] * 4, "L", (28, 28, 1)),
        ([(90, 120), (100, 70), (300, 200)], "RGB", (64, 64, 3)),  # shorter sides of 70, 90, 200
        ([(40, 50), (60, 48), (30, 20)], "L", (32, 32, 1)),
        ([(256, 256)] * 3, "RGB", (64, 64, 3)),  # larger than what is taken as it is
        ([(50, 50)] * 3, "RGB", (32, 32, 3)),  # halves to no 4 … 7
        ([(128, 96)] * 3, "P", (96, 96, 3)),
    ],
)
def test_sizes_of_a_folder(tmp_path, sizes, mode, shape):
    name = images_in(tmp_path / "own", sizes, mode, ())
    assert overridden(ganzoo.config("dcgan"), {"dataset": name}).dataset.example_shape == shape


def test_what_is_given_goes_before_what_a_folder_has(tmp_path):
    name = images_in(tmp_path / "own", [(64, 64)] * 3, "RGB", ())
    given = {"dataset": name, "dataset.size": 28, "dataset.channels": 1, "name": "mine"}
    config = overridden(ganzoo.config("dcgan"), given)
    assert (config.name, config.dataset.example_shape) == ("mine", (28, 28, 1))
    assert overridden(ganzoo.config("dcgan"), {"dataset": "folder:absent"}).dataset.example_shape == (28, 28, 1)


def test_a_model_for_folders_keeps_its_size(tmp_path):
    """Also a run of one, whose config names its folder."""
    config = ganzoo.config("own_64")
    for folder in ("pets", "cars"):
        images = images_in(tmp_path / folder, [(48, 32)] * 5, "L")
        config = overridden(config, {"dataset": images})
        assert (config.name, config.dataset.name) == (f"own_{folder}", images)
        assert config.dataset.example_shape == (64, 64, 3)


def test_the_headers_of_a_folder_are_read_once(tmp_path, monkeypatch):
    read, sizes_of = [], resolving.sizes_of
    monkeypatch.setattr(resolving, "sizes_of", lambda dataset: read.append(dataset.name) or sizes_of(dataset))
    name = images_in(tmp_path / "own", [(64, 64)] * 4, "RGB", ())
    config = ganzoo.config("dcgan")
    settings = completed(config, {"dataset": name, "seed": 3})
    assert (settings["name"], settings["dataset.size"], settings["training.seed"]) == ("dcgan_own", 64, 3)
    assert completed(config, settings) == settings
    assert overridden(config, settings).dataset == resolve(config, settings)[0].dataset
    assert read == [name]
