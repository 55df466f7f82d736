"""YAML as people write it."""

import pytest

from ganzoo.errors import ConfigError
from ganzoo.schema import parsing


def test_yaml_floats_without_a_dot_are_numbers_and_repeated_keys_are_refused():
    assert parsing.load_yaml("a: 1e-4\nb: 5E3\nc: 1e", "x") == {"a": 1e-4, "b": 5000.0, "c": "1e"}
    with pytest.raises(ConfigError, match=r"f\.yaml: 'a' is given twice"):
        parsing.load_yaml("a: 1\na: 2", "f.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-4", 1e-4), ("true", True), ("[flip]", ["flip"]), ("null", None), ("folder:a: b", "folder:a: b"), ("x", "x")],
)
def test_values_of_overrides(text, value):
    assert parsing.read_scalar(text, "here") == value
