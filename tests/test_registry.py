"""Names of parts."""

import pytest

from ganzoo import registry as registries
from ganzoo.errors import ConfigError
from ganzoo.registry import KINDS, Registry


def test_a_registered_part_is_found_and_another_name_is_told_where_it_stands():
    registry = Registry("colour", "dataset.colour")

    @registry.register("red")
    def red():
        return "#f00"

    assert registry.get("red") is red
    with pytest.raises(ConfigError, match=r"^dataset\.colour: unknown colour 'rde' \(did you mean 'red'\?\)$"):
        registry.get("rde")


READ = sorted(KINDS.keys() - {"dataset", "metric"})  # the others have variants, or another decorator


@pytest.mark.parametrize("kind", READ)
def test_the_names_that_are_read_are_those_that_are_registered(kind):
    registry = KINDS[kind]
    own = {name for name, found in registry.all().items() if found.module.startswith(f"{registry.home}.")}
    declared = registries._declared(registry.home)[kind]
    assert own == declared.keys()
    for name in own:
        part = registry.get(name)
        options = part.Options.model_fields if kind == "scheme" else registries.options_of(part)
        assert declared[name] in (None, set(options)), name  # None: inherited from elsewhere


def test_a_check_imports_nothing_of_ganzoo_and_knows_what_is_registered(monkeypatch):
    registry = Registry("loss", "loss.name", "ganzoo.objectives.losses")
    monkeypatch.setattr(registries, "import_modules_of", lambda package: pytest.fail("imported"))
    registry.register("mine")(lambda real, fake: None)
    registry.check("hinge")
    registry.check("mine")
    with pytest.raises(ConfigError, match=r"^loss\.name: unknown loss 'hnige' \(did you mean 'hinge'\?\); a part of"):
        registry.check("hnige")
    with pytest.raises(ConfigError, match=r"^loss: unknown loss 'mien' \(did you mean 'mine'\?\)"):
        registry.check("mien", "loss")
