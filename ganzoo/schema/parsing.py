"""Config parsing: YAML, dotted overrides, and one-line errors for values that do not fit the schema."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from ganzoo.errors import ConfigError, did_you_mean

LONGEST_TEXT = 2**18  # characters; a config with the names of 5,000 classes has about 100,000
LONGEST_NUMBER = 100  # characters
LONGEST_SHOWN = 200  # characters of a value in a message
MOST_VALUES = 50_000
DEEPEST = 50  # levels


# PyYAML raises nearly anything: ValueError for 2024-13-45, KeyError for !!bool x.
_UNREADABLE = (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


def load_yaml(text: str, origin: str) -> Any:
    """Parse YAML to plain data; read `1e-4` as a number and refuse repeated keys.

    Raises:
      ConfigError: if the text is not YAML, or is longer, deeper or larger than a config (an alias counts each time).
    """
    if len(text) > LONGEST_TEXT:
        raise ConfigError(
            f"{origin}: expected at most {LONGEST_TEXT:,} characters, got {len(text):,} (is it a config?)"
        )
    try:
        _check_size(text)
        return yaml.load(text, Loader=_Loader)
    except _UNREADABLE as error:
        raise ConfigError(f"{origin}: {shown(' '.join(str(error).split()))}") from None


def check_plain(data: Any, origin: str) -> None:
    """Refuse data that would take long to validate, and integers that no tensor holds.

    Raises:
      ConfigError: if there are more than `MOST_VALUES` values, or an integer beyond 64 bits.
    """
    left, count = [data], 0
    while left:
        value = left.pop()
        count += 1
        if count > MOST_VALUES:
            raise ConfigError(f"{origin}: expected at most {MOST_VALUES:,} values, got more (is it a config?)")
        if isinstance(value, dict):
            left += [*value, *value.values()]
        elif isinstance(value, list | tuple):
            left += value[: MOST_VALUES + 1 - count]
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ConfigError(f"{origin}: expected an integer of 64 bits, got one of {value.bit_length()}")


def _check_size(text: str) -> None:
    """Refuse YAML with too many levels or values, at the first that is one too many."""
    count, depth = 0, 0
    for event in yaml.parse(text, Loader=_Fastest):
        count += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise yaml.YAMLError(f"expected at most {DEEPEST} levels, got more")
        if count > MOST_VALUES:
            raise yaml.YAMLError(f"expected at most {MOST_VALUES:,} values, got more (is it a config?)")


def shown(text: str) -> str:
    """Cut a text to the length that a message has room for."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} …"


def read_scalar(text: str, origin: str) -> Any:
    """Parse the value of an override: `1e-4` -> float, `true` -> bool, `[flip]` -> list, anything else -> text."""
    if text.startswith(("folder:", "csv:")):
        return text
    return load_yaml(text, origin)


_Fastest: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's parser, where PyYAML was built with it


class _Loader(_Fastest):
    """Safe loader with the floats of YAML 1.2 (PyYAML reads `1e-4` as text) that refuses repeated keys and bombs."""

    def get_single_node(self) -> Any:
        node = super().get_single_node()
        if _size(node, {}) > MOST_VALUES:  # aliases and merged mappings would be copied each time
            raise yaml.composer.ComposerError(None, None, f"expected at most {MOST_VALUES:,} values, got more")
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"'{key}' is given twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_scalar(self, node: Any) -> Any:
        number = node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
        if number and len(node.value) > LONGEST_NUMBER:  # PyYAML is quadratic in the parts of 59:59:…
            problem = f"expected a number of at most {LONGEST_NUMBER} characters, got {len(node.value):,}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return super().construct_scalar(node)


def _size(node: Any, known: dict[Any, float]) -> float:
    """Return the number of values below a node, where an alias counts as what it stands for."""
    if node not in known:
        known[node] = math.inf  # met again from below, it contains itself
        children = node.value if isinstance(node, yaml.CollectionNode) else ()
        pairs = (child if isinstance(child, tuple) else (child,) for child in children)
        known[node] = 1 + sum(_size(child, known) for pair in pairs for child in pair)
    return known[node]


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\d+(?:\.\d*)?|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def assign(data: dict[str, Any], keys: list[str], value: Any, where: str) -> None:
    """Set a dotted key, creating mappings on the way; lists are indexed by position (`penalties.0.weight`)."""
    node: Any = data
    for i, key in enumerate(keys):
        last = i == len(keys) - 1
        if isinstance(node, list):
            if not key.isdigit() or int(key) >= len(node):
                valid = f"0 to {len(node) - 1}" if node else "give the whole list instead"
                raise ConfigError(f"{where}: {'.'.join(keys[:i])} has {len(node)} entries ({valid})")
            index: Any = int(key)
        else:
            index = key
        if last:
            node[index] = value
        else:
            if isinstance(node, dict) and not isinstance(node.get(index), dict | list):
                node[index] = {}
            node = node[index]


def check_path(section: type[BaseModel], dotted: str, where: str, before: str = "", more: Sequence[str] = ()) -> None:
    """Refuse a dotted key that is not in the schema; name the nearest one.

    Args:
      section: section of the schema.
      dotted: key relative to that section.
      where: the requested override, for messages.
      before: prefix of the key in the config (`optimizer.generator.`).
      more: further names of the section, as candidates for the nearest one.
    """
    keys = dotted.split(".")
    for i, key in enumerate(keys):
        names = _keys_of(section)
        if key not in names:
            if i and section.model_config.get("extra") == "allow" and not _near(key, names):
                return
            prefix = before + "".join(f"{k}." for k in keys[:i])
            rest = "".join(f".{k}" for k in keys[i + 1 :])
            near = did_you_mean(key, [*names, *(() if i else more)], prefix, rest)
            raise ConfigError(f"{where}: unknown key{near}")
        inner = _section_of(names[key].annotation)
        if inner is None or (i + 1 < len(keys) and keys[i + 1].isdigit()):
            return
        section = inner


def _near(key: str, names: Iterable[str]) -> bool:
    """Return whether a key is probably a typo of a name, rather than an option of a part."""
    return bool(difflib.get_close_matches(key, names, n=1, cutoff=0.75))


def _keys_of(section: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field for name, field in section.model_fields.items()}


def _section_of(annotation: Any) -> type[BaseModel] | None:
    """Return the schema class inside an annotation (`StopRule | None`, `list[PenaltyConfig]`), or None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _section_of(inner)
        if found is not None:
            return found
    return None


def describe(error: ValidationError, root: type[BaseModel]) -> str:
    """Describe the first mistake of a validation as `key: problem`, and count the others."""
    problems = error.errors()
    first = problems[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        section = _section_at(root, first["loc"][:-1])
        text = f"{key}: unknown key{did_you_mean(str(first['loc'][-1]), _keys_of(section))}"
    elif first["type"] == "missing":
        text = f"{key}: missing"
        if typo := _misspelled(first):
            text = f"{'.'.join(map(str, [*first['loc'][:-1], typo]))}: unknown key (did you mean '{first['loc'][-1]}'?)"
    elif first["type"] == "value_error":
        text = ": ".join(part for part in (key, str(first["ctx"]["error"])) if part)
    else:
        text = f"{key}: {first['msg'][0].lower()}{first['msg'][1:]} (got {shown(repr(first['input']))})"
    more = len(problems) - 1
    return f"{text} (and {more} more)" if more else text


def _misspelled(problem: Any) -> str | None:
    """Return a given key that closely resembles a missing one, or None."""
    given = [key for key in problem["input"] if isinstance(key, str)] if isinstance(problem["input"], dict) else []
    close = difflib.get_close_matches(str(problem["loc"][-1]), given, n=1, cutoff=0.7)
    return close[0] if close and close[0] != problem["loc"][-1] else None


def _section_at(section: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    for part in location:
        if isinstance(part, str):
            known = _keys_of(section).get(part)
            found = _section_of(known.annotation) if known else getattr(section, "further", None)
            assert found is not None, location
            section = found
    return section
