"""Names of parts."""

import pytest

from ganzoo.errors import ConfigError
from ganzoo.registry import Registry


def test_a_registered_part_is_found_and_another_name_is_told_where_it_stands():
    registry = Registry("colour", "dataset.colour")

    @registry.register("red")
    def red():
        return "#f00"

    assert registry.get("red") is red
    with pytest.raises(ConfigError, match=r"^dataset\.colour: unknown colour 'rde' \(did you mean 'red'\?\)$"):
        registry.get("rde")
