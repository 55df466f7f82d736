"""The config of a run and its data: pairs and domains of translation, the scales of a table."""

import pytest

from ganzoo import zoo
from ganzoo.data import kinds
from ganzoo.data.domains import Domains
from ganzoo.data.source import Source
from ganzoo.errors import DataError
from ganzoo.schema import Config, parse
from ganzoo.training.resolve import resolve


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
    with pytest.raises(DataError, match=r"--set dataset\.domains=\[edges,digits\]"):
        resolve(config, {"dataset": "pix2pix_digits"})
    domains = {"dataset": "pix2pix_digits", "dataset.domains": "[edges,digits]"}
    assert list(resolve(config, domains)[1].sources) == ["edges", "digits"]


def test_a_table_brings_the_names_and_scales_of_its_columns():
    config, data = resolve(zoo.config("gan_wine"), {})
    assert isinstance(data, Source)
    assert kinds.of(config.dataset) == data.kind
    assert (config.dataset.fields[0].name, config.dataset.fields[0].decimals) == ("alcohol", 2)
    assert resolve(config, {"steps": 5})[0].dataset == config.dataset
    other = {"dataset": "gaussian", "dataset.kind": "points", "task": "point_generation", "dataset.columns": 4}
    assert resolve(config, other)[0].dataset.fields == []
    with pytest.raises(DataError, match=r"^dataset\.columns: 4, but wine has 13 \(--set dataset\.columns=13\)$"):
        resolve(config, {"dataset.columns": 4})
