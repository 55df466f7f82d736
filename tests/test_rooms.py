"""A room imports only from rooms below it: every import in the package, wherever it stands, the ones for types too."""

import ast
from pathlib import Path

import pytest

import ganzoo

PACKAGE = Path(__file__).parent.parent / "ganzoo"

# From top to bottom; the names of a line are on the same floor, and may import each other.
FLOORS = [
    ("__main__",),
    ("cli",),
    ("benchmarks",),
    ("__init__",),
    ("zoo",),
    ("serving",),
    ("exports",),
    ("training",),
    ("evaluation",),
    ("models",),
    ("engine",),
    ("networks",),
    ("objectives",),
    ("data",),
    ("schema",),
    ("registry",),
    ("core",),
    ("compat", "errors", "version"),
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def names_imported(source, package):
    """(line, dotted name) of each import in a module.

    Args:
      source: the module's text.
      package: the dotted name of the package it is in, for relative imports.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def imported(source, package):
    """(line, room) of each import of ganzoo in a module."""
    for line, name in names_imported(source, package):
        first, *rest = name.split(".")
        if first == "ganzoo":
            yield line, rest[0] if rest and rest[0] in FLOOR else "__init__"


def upward(source, package, room):
    return [(line, other) for line, other in imported(source, package) if FLOOR[other] < FLOOR[room]]


def test_every_room_has_its_floor():
    assert {room_of(path) for path in FILES} == set(FLOOR)


def test_the_top_level_is_short():
    """At most 20 entries, without the upper floor: what only commands import."""
    entries = {room_of(path) for path in FILES} | {"py.typed"}
    assert len(entries - {"benchmarks"}) <= 20


def test_no_room_has_the_name_of_a_public_function():
    """Importing the room would shadow the function."""
    assert not set(FLOOR) & set(ganzoo.__all__)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_import_goes_up(path):
    package = ".".join(path.relative_to(PACKAGE.parent).parent.parts)
    found = upward(path.read_text(encoding="utf-8"), package, room_of(path))
    assert not found, [f"{path.relative_to(PACKAGE.parent)}:{line} imports {other}" for line, other in found]


@pytest.mark.parametrize(
    ("source", "rooms"),
    [
        ("import os, ganzoo.zoo", ["zoo"]),
        ("import ganzoo.models.build as build", ["models"]),
        ("import ganzoo", ["__init__"]),
        ("from ganzoo import compat, zoo, load", ["compat", "zoo", "__init__"]),
        ("from ganzoo.zoo.catalog import config, card", ["zoo", "zoo"]),
        ("from ganzoo.models.build import build", ["models"]),
        ("from . import source", ["data"]),
        ("from .source import Source", ["data"]),
        ("from .. import models", ["models"]),
        ("from ..models.build import build", ["models"]),
        ("def work():\n    from ganzoo.zoo.load import load", ["zoo"]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ganzoo.models import build", ["models"]),
        ("import numpy\nfrom ganzoo_extras import zoo", []),
    ],
)
def test_imports_are_found(source, rooms):
    assert [room for _, room in imported(source, "ganzoo.data")] == rooms


def test_up_is_told_from_down_and_level():
    source = "from ganzoo.models import build\nfrom ganzoo.data import store\nfrom ganzoo.schema import Config"
    assert upward(source, "ganzoo.data", "data") == [(1, "models")]
    assert upward("from ganzoo import compat", "ganzoo", "errors") == []


def module_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def modules_imported(path):
    """The package's modules that a module imports, itself and a package's `__init__` on the way to it left out."""
    package = module_of(path) if path.name == "__init__.py" else module_of(path).rpartition(".")[0]
    return {module for module in dotted(path.read_text(encoding="utf-8"), package) if module != module_of(path)}


def dotted(source, package):
    for _, name in names_imported(source, package):
        while name and name not in MODULES:
            name = name.rpartition(".")[0]
        if name and name != "ganzoo":
            yield name


def circles(graph):
    """The modules that reach themselves."""

    def reached(module):
        found, ahead = set(), [module]
        while ahead:
            more = graph[ahead.pop()] - found
            found |= more
            ahead += more
        return found

    return {module for module in graph if module in reached(module)}


def test_no_circles():
    assert not circles({module: modules_imported(path) for module, path in MODULES.items()})


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == {"b", "c"}
