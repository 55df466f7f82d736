"""YAML as people write it, and as attackers do."""

import re
import time

import pytest

import ganzoo
from ganzoo.errors import ConfigError
from ganzoo.schema import parse, parsing


def test_yaml_floats_without_a_dot_are_numbers_and_repeated_keys_are_refused():
    assert parsing.load_yaml("a: 1e-4\nb: 5E3\nc: 1e", "x") == {"a": 1e-4, "b": 5000.0, "c": "1e"}
    with pytest.raises(ConfigError, match=r"f\.yaml: 'a' is given twice"):
        parsing.load_yaml("a: 1\na: 2", "f.yaml")


@pytest.mark.parametrize("text", ["1.5e3", "1.e3", ".5e4", "+1e3", "-1.25E-2"])
def test_every_float_of_yaml_1_2_is_one(text):
    assert parsing.load_yaml(text, "x") == float(text)


def test_an_alias_is_read():
    assert parsing.load_yaml("a: &a {x: 1}\nb: [*a]", "x") == {"a": {"x": 1}, "b": [{"x": 1}]}


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-4", 1e-4), ("true", True), ("[flip]", ["flip"]), ("null", None), ("folder:a: b", "folder:a: b"), ("x", "x")],
)
def test_values_of_overrides(text, value):
    assert parsing.read_scalar(text, "here") == value


def bomb(first: str, line: str) -> str:
    return f"a0: &a0 {first}\n" + "".join(line.format(i, ",".join([f"*a{i - 1}"] * 9)) for i in range(1, 9))


HOSTILE = {
    "aliases": (bomb("[1]", "a{0}: &a{0} [{1}]\n"), "expected at most 50,000 values, got more"),
    "merges": (bomb("{k: 1}", "a{0}: &a{0} {{<<: [{1}]}}\n"), "expected at most 50,000 values, got more"),
    "itself": ("a: &a [*a]", "expected at most 50,000 values, got more"),
    "its own value": ("a: &a {b: *a}", "expected at most 50,000 values, got more"),
    "depth": ("[" * 51 + "]" * 51, "expected at most 50 levels, got more"),
    "open brackets": ("[" * 5000, "expected at most 50 levels, got more|exceeded maximum nesting depth"),
    "dashes": ("- " * 130_000, "expected at most 50 levels, got more|exceeded maximum nesting depth"),
    "ones": ("seed: [" + "1," * 131_000 + "1]", "expected at most 50,000 values, got more"),
    "lines": ("seed:\n" + "- 1\n" * 65_000, "expected at most 50,000 values, got more"),
    "names": ("{" + "a," * 131_000 + "}", "expected at most 50,000 values, got more"),
    "anchors": ("[" + "&a ," * 65_000 + "]", "expected at most 50,000 values, got more"),
    "documents": ("---\n" * 65_000, "expected at most 50,000 values, got more"),
    "length": ("a" * (2**18 + 1), "expected at most 262,144 characters, got 262,145"),
    "sixty": (":".join(["59"] * 20000), "expected a number of at most 100 characters, got 59,999"),
    "sixty with a point": (":".join(["59"] * 20000) + ".5", "expected a number of at most 100 characters"),
    "digits": ("1" * 40000, "expected a number of at most 100 characters, got 40,000"),
    "bits": ("0b" + "1" * 40000, "expected a number of at most 100 characters, got 40,002"),
    "tagged": (f"!!int '{'1' * 40000}'", "expected a number of at most 100 characters, got 40,000"),
    "no bool": ("!!bool x", "x"),
    "no int": ("!!int ''", "index"),
    "no time": ("!!timestamp x", "attribute"),
    "no base 64": ("!!binary x", "base64"),
    "no month": ("2024-13-45", "month"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_yaml_is_refused_at_once_in_one_short_line(name):
    text, problem = HOSTILE[name]
    start = time.process_time()
    with pytest.raises(ConfigError, match=problem) as caught:
        parsing.load_yaml(text, "f.yaml")
    assert time.process_time() - start < 1
    assert str(caught.value).startswith("f.yaml: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("text", ["1" * 40000 + "e", "1." + "1" * 40000 + "e", "_" * 40000])
def test_long_text_that_begins_like_a_number_is_text_at_once(text):
    start = time.process_time()
    assert parsing.load_yaml(text, "x") == text
    assert time.process_time() - start < 1


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**22])
def test_an_integer_beyond_64_bits_is_refused_from_yaml_and_from_python(number):
    message = rf"^training\.steps={number}: expected an integer of 64 bits, got one of \d\d$"
    for value in (number, str(number)):
        with pytest.raises(ConfigError, match=message):
            ganzoo.config("gan").override({"training.steps": value})
    with pytest.raises(ConfigError, match="expected an integer of 64 bits, got one of "):
        ganzoo.config("gan").override({"generator.hidden": [number]})


def test_data_that_contain_themselves_are_refused():
    loop: dict = {}
    loop["a"] = [loop]
    with pytest.raises(ConfigError, match=r"^here: expected at most 50,000 values, got more \(is it a config\?\)$"):
        parse(loop, "here")


def test_a_long_value_is_cut_in_the_message():
    data = {**ganzoo.config("gan").to_dict(), "summary": list(range(10000))}
    with pytest.raises(ConfigError, match=re.escape("summary: input should be a valid string (got [0, 1, 2")) as caught:
        parse(data, "x")
    assert len(str(caught.value)) < 300
