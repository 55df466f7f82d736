"""Every command of the README runs: here, in the slow tests, or in CI, where it must stand word for word."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from ganzoo.training.references import REFERENCES

CHECKOUT = Path(__file__).parent.parent
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")

IN_CI = [
    "pip install -e '.[test]' && pytest",
    "python tools/train.py --model cgan --dataset fashion_mnist --workdir runs/fashion",
    "pytest -m slow",
]
MEASURING = [line for line in README.splitlines() if line.startswith("python tools/benchmark.py ")]  # nothing beside it
SLOW = [
    "pip install -e . && python tools/train.py --model cgan",
    "python tools/train.py --model gan_ring",
    "python tools/verify_card.py --all",
]


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


COMMANDS = [line for block in blocks("bash") for line in block.splitlines() if line]
HERE = [command for command in COMMANDS if command not in IN_CI + SLOW + MEASURING]


def test_no_placeholder_is_left():
    assert set(re.findall(r"\b[A-Z]+_[A-Z]+\b", README)) <= {"TF_CONFIG"}


def test_the_first_screen_has_the_two_commands():
    assert COMMANDS[:2] == [SLOW[0], IN_CI[0]]
    assert README.splitlines().index(IN_CI[0]) < 20


@pytest.mark.parametrize("command", IN_CI)
def test_ci_runs_it_word_for_word(command):
    assert command in COMMANDS
    script = (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8")
    for part in command.split(" && "):
        assert re.search(rf"^\s*{re.escape(part)}( |$)", script, flags=re.MULTILINE), part


@pytest.mark.parametrize("command", SLOW)
def test_the_slow_tests_run_it_word_for_word(command):
    assert command in COMMANDS
    slow = (CHECKOUT / "tests" / "slow" / "test_main_job.py").read_text(encoding="utf-8")
    assert f'"{command.split(" && ")[-1]}"' in slow


def test_what_is_measured_by_hand_can_be_asked_for():
    """Ten minutes without anything beside them: its flags are read here, its loops run in the slow tests."""
    from ganzoo.cli import _flags, benchmark

    assert MEASURING
    for command in MEASURING:
        given = _flags.parse(benchmark.FLAGS, command.split()[2:])
        assert given.model == "dcgan_benchmark"
        assert set(given.against.split(",")) == set(REFERENCES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder that looks like a checkout and holds some images of the user's."""
    path = tmp_path_factory.mktemp("readme")
    for name in ("ganzoo", "zoo_configs", "tools"):
        os.symlink(CHECKOUT / name, path / name)
    (path / "my_images").mkdir()
    for i in range(64):
        Image.new("RGB", (40, 30), (4 * i, 255 - 4 * i, 128)).save(path / "my_images" / f"{i}.jpg")
    return path


@pytest.mark.parametrize("command", HERE)
def test_it_runs(command, folder):
    words = command.split()
    program = [sys.executable, "-m", "ganzoo"] if words[0] == "ganzoo" else [sys.executable]
    assert words[0] in ("ganzoo", "python")
    done = subprocess.run([*program, *words[1:]], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("block", blocks("python"))
def test_the_python_runs(block, folder, monkeypatch):
    monkeypatch.chdir(folder)
    exec(compile(block, "README.md", "exec"), {})


def test_the_deployed_version_is_there(folder):
    assert (folder / "exported" / "cyclegan_monet" / "1" / "saved_model.pb").is_file()
    shutil.rmtree(folder / "exported")


def test_pictures_and_links_are_there():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (CHECKOUT / target).exists(), target
