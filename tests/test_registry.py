"""Names of parts."""

import pytest

from ganzoo import registry as registries
from ganzoo.errors import ConfigError, UsageError
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


def test_what_cannot_be_registered():
    registry = Registry("colour", "dataset.colour", properties=("shade",))

    def red():
        return "#f00"

    def also_red():
        return "#e00"

    registry.register("red")(red)
    registry.register("red")(red)  # a module that is imported again
    with pytest.raises(
        UsageError, match=r"^register: colour 'red' is registered by .*test_registry already, and now by"
    ):
        registry.register("red")(also_red)
    registry.register("red", replace=True)(also_red)
    assert registry.get("red") is also_red
    with pytest.raises(UsageError, match=r"^register: colour 'blue': expected a class or a function, got '#00f'$"):
        registry.register("blue")("#00f")
    with pytest.raises(UsageError, match=r"^register: colour has no property 'shape' \(did you mean 'shade'\?\)$"):
        registry.register("blue", shape=1)
    with pytest.raises(UsageError, match=r"^register: unknown kind 'lose' \(did you mean 'loss'\?\)$"):
        registries.register("lose", "mine")
