"""`ganzoo COMMAND`: discovery, help, version, and that help is fast."""

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
    script = (
        "import sys, time; start = time.perf_counter(); import runpy; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as stop: code = stop.code\n"
        "print(code, 'tensorflow' in sys.modules, time.perf_counter() - start, file=sys.stderr)"
    )
    command = [sys.executable, "-c", script, TOOLS / f"{name}.py", "--help"]
    for _ in range(3):  # again only where the machine may have been busy
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert f"Usage: ganzoo {name} " in done.stdout
        code, tensorflow, seconds = done.stderr.split()
        assert (code, tensorflow) == ("0", "False")
        if float(seconds) < 1.0:
            return
    pytest.fail(f"it took {seconds} s the third time")
