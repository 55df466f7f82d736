"""Names of parts in a config, checked before any part is imported."""

import pytest

import ganzoo
from ganzoo.errors import ConfigError
from ganzoo.registry import KINDS
from ganzoo.schema.origins import check_names, modules_of


@pytest.mark.parametrize("name", ganzoo.list_models())
def test_the_zoo_has_no_unknown_names(name):
    check_names(ganzoo.config(name))


def test_which_kind_of_network_a_role_has_is_the_schemes_choice():
    check_names(ganzoo.config("gan_ring").override({"generator.network": "unet"}))
    with pytest.raises(ConfigError, match=r"^gan_ring: discriminator\.network: unknown discriminator 'uent' \(known: "):
        check_names(ganzoo.config("gan_ring").override({"discriminator.network": "uent"}))


def test_names_of_metrics_matter_where_they_are_computed():
    config = ganzoo.config("gan_ring").override({"evaluation.metrics": ["fdi"]})
    check_names(config)
    with pytest.raises(ConfigError, match=r"^metrics: unknown metric 'fdi' \(did you mean 'fid'\?\)"):
        check_names(config.override({"evaluation.every": 5}))


NESTED = [
    ("loss", lambda name: {"loss": {"name": "heads", "losses": ["hinge", {"name": name}]}}),
    ("augmentation", lambda name: {"penalties": [{"name": "consistency", "weight": 1.0, "augmentation": name}]}),
]


@pytest.mark.parametrize(("kind", "override"), NESTED)
def test_the_module_of_a_part_that_is_an_option_of_another(kind, override):
    config = ganzoo.config("gan_ring")
    KINDS[kind].register("mine")(type("Mine", (), {"__module__": "somewhere"}))
    try:
        assert modules_of(config.override(override("mine"))) == ["somewhere"]
    finally:
        del KINDS[kind].registrations["mine"]
