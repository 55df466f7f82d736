"""Modules from outside: how they are found, what is remembered, and what is said of those that fail."""

import importlib.metadata
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from ganzoo.core import plugins
from ganzoo.errors import UsageError


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """An empty working directory, and this process as it was before any plugin."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(plugins, "_imported", {})
    monkeypatch.setattr(plugins, "_state", {"entry_points_loaded": False})
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(name, text=""):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_modules_of_the_working_directory(tmp_path):
    write("mine.py", "import sys; first = sys.path[0]")
    write("package/__init__.py")
    write("package/losses.py", "value = 3")
    before = list(sys.path)
    plugins.import_modules(["mine", "package.losses", "mine"])
    assert sys.modules["mine"].first == str(tmp_path)
    assert sys.modules["package.losses"].value == 3
    assert plugins.imported() == ("mine", "package.losses")
    assert sys.path == [*before, str(tmp_path)]


def test_the_working_directory_keeps_a_place_that_it_has(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", ["/first", str(tmp_path), "/last"])
    write("mine.py")
    plugins.import_modules(["mine"])
    assert sys.path == ["/first", str(tmp_path), "/last"]


def test_what_a_module_imports_later_is_found(tmp_path):
    write("mine.py", "def later():\n    import helper_of_mine\n    return helper_of_mine.value")
    write("helper_of_mine.py", "value = 7")
    plugins.import_modules(["mine"])
    assert sys.modules["mine"].later() == 7


def test_pythonpath_is_searched(tmp_path):
    write("elsewhere/mine.py")
    script = "from ganzoo.core import plugins; plugins.import_modules(['mine']); import mine; print(mine.__file__)"
    environment = {"PYTHONPATH": f"{tmp_path}/elsewhere:{Path(plugins.__file__).parents[2]}"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, cwd="/", check=True
    )
    assert done.stdout == f"{tmp_path}/elsewhere/mine.py\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            None,
            "(ModuleNotFoundError: No module named 'mine'); run the command in the folder of mine, or add that folder "
            "to PYTHONPATH",
        ),
        (
            "import absent_library",
            "(ModuleNotFoundError: No module named 'absent_library'); install absent_library, or add its folder to "
            "PYTHONPATH",
        ),
        ("1 / 0", '(ZeroDivisionError: division by zero); python -c "import mine" shows the traceback'),
        ("raise ValueError", '(ValueError); python -c "import mine" shows the traceback'),
        ("raise ValueError('a\\n  b')", '(ValueError: a b); python -c "import mine" shows the traceback'),
        ("import sys; sys.exit(3)", '(SystemExit: 3); python -c "import mine" shows the traceback'),
        ("x = = 1", '(SyntaxError: invalid syntax (mine.py, line 1)); python -c "import mine" shows the traceback'),
        (
            "from ganzoo.errors import UsageError\nraise UsageError(\"loss 'hinge' is registered twice (rename it)\")",
            "(loss 'hinge' is registered twice (rename it))",
        ),
    ],
)
def test_a_module_that_fails(text, message):
    if text is not None:
        write("mine.py", text)
    with pytest.raises(UsageError) as caught:
        plugins.import_modules(["mine"])
    assert str(caught.value) == f"--import mine: cannot be imported {message}"
    assert plugins.imported() == ()


def test_a_missing_part_of_a_package():
    write("package/__init__.py")
    with pytest.raises(UsageError) as caught:
        plugins.import_modules(["package.absent"])
    assert str(caught.value) == (
        "--import package.absent: cannot be imported (ModuleNotFoundError: No module named 'package.absent'); run the "
        "command in the folder of package, or add that folder to PYTHONPATH"
    )


@pytest.mark.parametrize("name", ["mine.py.", "folder/mine", "./mine.py", ".mine", "my-module", ""])
def test_a_name_that_is_not_a_modules(name):
    with pytest.raises(UsageError) as caught:
        plugins.import_modules([name])
    assert str(caught.value) == (
        f"--import {name}: expected a module name such as mine or package.losses, got '{name}'"
    )


def test_a_files_name_is_no_modules():
    write("mine.py")
    with pytest.raises(UsageError, match=r"^--import mine.py: expected a module name such as mine "):
        plugins.import_modules(["mine.py"])
    assert "mine" not in sys.modules


def test_entry_points(monkeypatch, caplog):
    write("installed_one.py", "calls = []")
    write("installed_two.py", "1 / 0")
    write("installed_three.py", "from ganzoo.core import plugins\nplugins.load_entry_points()")
    monkeypatch.syspath_prepend(".")
    names = {"one": "installed_one", "two": "installed_two", "three": "installed_three", "four": "absent_module"}
    asked = []

    def entry_points(*, group):
        asked.append(group)
        return [importlib.metadata.EntryPoint(name, value, group) for name, value in names.items()]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    with caplog.at_level(logging.WARNING, "ganzoo.core.plugins"):
        plugins.load_entry_points()
        plugins.load_entry_points()
    assert asked == ["ganzoo.plugins"]
    assert {"installed_one", "installed_three"} <= set(sys.modules)
    assert caplog.messages == [
        "plugin two (installed_two): cannot be imported (ZeroDivisionError: division by zero)",
        "plugin four (absent_module): cannot be imported (ModuleNotFoundError: No module named 'absent_module')",
    ]
    assert plugins.imported() == ()


def test_tensorflow_is_not_imported():
    script = "import sys, ganzoo.core.plugins; print({'tensorflow', 'keras', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
