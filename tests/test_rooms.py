"""A room imports only from rooms below it: every import in the package, wherever it stands, the ones for types too."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "ganzoo"

# From top to bottom; the names of a line are on the same floor, and may import each other.
FLOORS = [
    ("__main__",),
    ("cli",),
    ("benchmarks",),
    ("__init__",),
    ("importing", "judging", "publishing", "translating", "verifying", "zoo"),
    ("serving",),
    ("exports",),
    ("training",),
    ("evaluation",),
    ("models",),
    ("engine",),
    ("networks",),
    ("origins",),
    ("objectives",),
    ("fetch",),
    ("data",),
    ("schedules",),
    ("layers",),
    ("torch_file", "weights"),
    ("figures",),
    ("images",),
    ("randomness",),
    ("schema",),
    ("migration", "parsing"),
    ("registry",),
    ("plugins",),
    ("files", "hardware", "start", "errors", "version"),
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FILES = sorted(PACKAGE.rglob("*.py"))


def room_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(source, package):
    """(line, room) of each import of ganzoo in a module.

    Args:
      source: the module's text.
      package: the dotted name of the package it is in, for relative imports.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            module = ".".join([*above, *filter(None, [node.module])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            first, *rest = name.split(".")
            if first == "ganzoo":
                yield node.lineno, rest[0] if rest and rest[0] in FLOOR else "__init__"


def upward(source, package, room):
    return [(line, other) for line, other in imported(source, package) if FLOOR[other] < FLOOR[room]]


def test_every_room_has_its_floor():
    assert {room_of(path) for path in FILES} == set(FLOOR)


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
        ("from ganzoo import images, zoo, load", ["images", "zoo", "__init__"]),
        ("from ganzoo.zoo import load, card", ["zoo", "zoo"]),
        ("from ganzoo.models.build import build", ["models"]),
        ("from . import source", ["data"]),
        ("from .source import Source", ["data"]),
        ("from .. import models", ["models"]),
        ("from ..models.build import build", ["models"]),
        ("def work():\n    from ganzoo.zoo import load", ["zoo"]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ganzoo.models import build", ["models"]),
        ("import numpy\nfrom ganzoo_extras import zoo", []),
    ],
)
def test_imports_are_found(source, rooms):
    assert [room for _, room in imported(source, "ganzoo.data")] == rooms


def test_up_is_told_from_down_and_level():
    source = "from ganzoo.models import build\nfrom ganzoo.data import store\nfrom ganzoo.schema import Config"
    assert upward(source, "ganzoo.data", "data") == [(1, "models")]
    assert upward("from ganzoo import zoo", "ganzoo", "publishing") == []
