"""`ganzoo COMMAND`: discovery, help, version, and that help is fast."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from ganzoo import __version__
from ganzoo.cli.main import commands, main

TOOLS = Path(__file__).parent.parent.parent / "tools"


def test_commands():
    assert {"benchmark", "generate", "models", "train", "translate"} <= set(commands())


def test_each_command_is_a_script_too():
    for name in commands():
        assert f"from ganzoo.cli.{name} import main" in (TOOLS / f"{name}.py").read_text()


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"]])
def test_overview(argv, capsys):
    assert main(argv) == 0
    out = capsys.readouterr().out
    column = max(map(len, commands())) + 2
    for name in commands():
        assert f"\n  {name.ljust(column)}" in out
    assert f"\n  {'models'.ljust(column)}List the models of the zoo, or show the config or card of one.\n" in out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ganzoo {__version__}\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("trian", "ganzoo: trian: unknown command (did you mean 'train'?)\n"),
        ("xyzzy", f"ganzoo: xyzzy: unknown command (known: {', '.join(commands())})\n"),
        ("base", f"ganzoo: base: unknown command (known: {', '.join(commands())})\n"),
    ],
)
def test_unknown_command(name, message, capsys):
    assert main([name]) == 2
    assert capsys.readouterr() == ("", message)


def test_the_exit_code_of_a_command_is_passed_on(capsys):
    assert main(["models", "--cardd"]) == 2
    assert capsys.readouterr().err == "ganzoo models: --cardd: unknown flag (did you mean '--card'?)\n"


@pytest.mark.parametrize("name", commands())
def test_help_takes_less_than_a_second_and_does_not_import_tensorflow(name):
    """Of the processor; a busy machine does not make it longer."""
    script = (
        "import sys, time, runpy; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as stop: code = stop.code\n"
        "print(code, 'tensorflow' in sys.modules, time.process_time(), file=sys.stderr)"
    )
    command = [sys.executable, "-c", script, TOOLS / f"{name}.py", "--help"]
    tries = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(3)]
    assert all(f"Usage: ganzoo {name} " in done.stdout for done in tries)
    words = [done.stderr.split() for done in tries]
    assert all(line[:2] == ["0", "False"] for line in words), words
    assert min(float(line[2]) for line in words) < 1.0


@pytest.mark.parametrize("name", commands())
def test_every_command_takes_json_quiet_and_import(name, capsys):
    assert main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {flag} " in out for flag in ("--json [FILE.json]", "--[no]quiet", "--import MODULE …"))


@pytest.mark.parametrize("name", commands())
def test_every_command_imports_modules_before_anything_else(name, monkeypatch, capsys):
    """The other flags are no real ones: nothing looks at them."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    flags = [flag for group in importlib.import_module(f"ganzoo.cli.{name}").FLAGS.values() for flag in group]
    required = [word for flag in flags if flag.needed for word in (f"--{flag.name}", "absent")]
    command = ["--", "absent"] if name == "launch" else []
    assert main([name, *required, "--import", "absent_plugin", *command]) == 2
    assert capsys.readouterr() == (
        "",
        f"ganzoo {name}: --import absent_plugin: cannot be imported (ModuleNotFoundError: No module named "
        "'absent_plugin'); run the command in the folder of absent_plugin, or add that folder to PYTHONPATH\n",
    )


@pytest.mark.parametrize("name", commands())
def test_every_line_of_help_is_a_sentence_without_its_full_stop(name):
    groups = importlib.import_module(f"ganzoo.cli.{name}").FLAGS
    for flag in (flag for group in groups.values() for flag in group):
        assert flag.help[0].isupper(), flag
        assert not flag.help.endswith("."), flag
