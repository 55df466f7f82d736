"""The faults that are tried, worked out by hand; by night, whether the tests notice 300 of them."""

import subprocess
import sys
from pathlib import Path

import pytest
from mutation.mutants import mutants_of, sample

ROOT = Path(__file__).parents[2]


def of(folder, source):
    """The mutants of a module with this text."""
    (folder / "room").mkdir(exist_ok=True)
    (folder / "room" / "module.py").write_text(source)
    return mutants_of(folder, ["room"])


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x < y", ["x <= y", "x >= y"]),
        ("x is None", ["x is not None"]),
        ("x - 0.5", ["x + 0.5", "1.0"]),
        ("x // 2", ["x / 2", "3"]),
        ("-x", ["x"]),
        ("not x", ["x"]),
        ("x and y", ["x or y", "x", "y"]),
        ("x | y", ["x", "y"]),
        ("f(True)", ["False"]),
        ("f(x, y, z, k=x)", ["f(y, x, z, k=x)", "f(x, z, y, k=x)", "f(x, y, z)"]),
        ("f(*x, y)", []),
        ("f(x, x)", []),
        ("np.minimum(x, y)", []),
        ("zip(x, y, strict=True)", ["zip(y, x, strict=True)"]),
        ("x[1:y]", [":y", "1:", "2"]),
        ("x if y else z", ["True", "False"]),
        ("[a for a in x if a]", ["True"]),
    ],
)
def test_faults_of_an_expression(tmp_path, code, expected):
    found = [one.name.split(" -> ")[1].strip("`") for one in of(tmp_path, f"def g(x, y, z):\n    return {code}\n")]
    assert sorted(found) == sorted([*expected, "return None"])


def test_faults_of_statements(tmp_path):
    source = (
        "def g(self, x=1):\n    if x:\n        raise ValueError(f'{x + 1}: ' + str(2))\n"
        "    self.x = x\n    x += y\n    self.y()\n    while x:\n        break\n"
    )
    assert [one.name.removeprefix("room/module.py: ") for one in of(tmp_path, source)] == [
        "g: `1` -> `2`",
        "g: `x` -> `True`",
        "g: `x` -> `False`",
        "g: `raise ValueError(f'{x + 1}: ' + str(2))` -> `pass`",
        "g: `self.x = x` -> `pass`",
        "g: `x += y` -> `pass`",
        "g: `x += y` -> `x -= y`",
        "g: `self.y()` -> `pass`",
        "g: `break` -> `continue`",
    ]


def test_no_fault_in_text_types_logs_and_assertions(tmp_path):
    source = (
        '"""Text."""\nimport logging\n__all__ = ["a", 1][:1]\nNumber = int | float\n'
        "if TYPE_CHECKING:\n    x = 1\n\n\n"
        'def f(x: int | None) -> int | float:\n    """Text."""\n    assert x > 1\n    y: tuple[1, 2]\n'
        "class Model(Protocol):\n    def f(self, x=1): ...\n"
        "def _repr_png_():\n    return 1 + 1\n"
    )
    assert of(tmp_path, source) == []
    logging = of(tmp_path, "def f():\n    _log.warning('%d', 1 + 1)\n")
    assert [one.name for one in logging] == ["room/module.py: f: `_log.warning('%d', 1 + 1)` -> `pass`"]


def test_a_mutant_computes_something_else(tmp_path):
    source = "def f(x):\n    return [\n        x,\n        x + 1,\n    ]\n\n\ndef g(x=3):\n    return x\n"
    made = {one.name.split(": ", 1)[1]: one for one in of(tmp_path, source)}
    addition, default = made["f: `x + 1` -> `x - 1`"], made["g: `3` -> `4`"]
    assert (addition.line, addition.lines) == (4, (2, 5)), "the whole statement"
    assert (default.line, default.lines) == (8, (8, 9)), "who calls the function runs its default"
    names = {}
    exec(compile(default.make(), "module.py", "exec"), names)
    assert (names["f"](5), names["g"]()) == ([5, 6], 4)


def test_faults_of_one_text_are_told_apart_and_an_edit_elsewhere_leaves_the_choice(tmp_path):
    body = "".join(f"def f{i}(x):\n    return x + {i} < x + {i}\n" for i in range(30))
    before = of(tmp_path, body)
    assert len({one.name for one in before}) == len(before)
    chosen = [one.name for one in sample(before, 20, seed=1)]
    assert chosen == [one.name for one in sample(of(tmp_path, "import os\n\n\n" + body), 20, seed=1)]
    assert chosen != [one.name for one in sample(before, 20, seed=2)]


def test_survivors_are_mutants_of_today():
    names = {one.name for one in mutants_of(ROOT / "ganzoo", ["objectives", "models", "engine", "evaluation/metrics"])}
    listed = (ROOT / "tests" / "mutation" / "survivors.md").read_text(encoding="utf-8").splitlines()
    assert {line.removeprefix("- ") for line in listed if line.startswith("- ")} <= names


@pytest.mark.nightly
def test_nine_of_ten_mutants_are_noticed():
    command = [sys.executable, ROOT / "tests" / "mutation", "--mutants", "300"]
    assert subprocess.run(command, check=False).returncode == 0
