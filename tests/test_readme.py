"""Every command and Python block of the README and of docs/ runs; links, lengths and versions are right.

The README's run in the fast tests, those of docs/ in the nightly ones. `bash` and `python` blocks are executed in
order, page by page, in a folder that looks like a checkout and holds a user's images; a block whose first line is
`# FILE.py` or `# FILE.yaml` is a file that later blocks use. `sh` blocks need what a test does not have (Docker, a data
set): of these, the flags are read.
"""

import dataclasses
import importlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import yaml
from PIL import Image

import ganzoo
from ganzoo.benchmarks.speed.references import REFERENCES
from ganzoo.cli.base import Answer
from ganzoo.registry import of

CHECKOUT = Path(__file__).parent.parent
NOT_EXECUTED = {"serving.md"}  # Docker, servers that run on; tests/serving does what it says
MOST_LINES, MOST_CHARACTERS = 150, 120
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)

IN_CI = [
    "pip install -e '.[test]' && pytest",
    "python tools/train.py --model cgan --dataset fashion_mnist --workdir runs/fashion",
    "pytest -m slow",
]
SLOW = [
    "pip install -e . && python tools/train.py --model cgan",
    "python tools/train.py --model gan_ring",
    "python tools/verify_card.py --all",
]


def page(path):
    return (CHECKOUT / path).read_text(encoding="utf-8")


README = page("README.md")
DOCS = sorted(str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "docs").rglob("*.md"))
PAGES = ["README.md", "CONTRIBUTING.md", *DOCS]
ALL_PAGES = [*PAGES, "CHANGELOG.md", "CODE_OF_CONDUCT.md", "SECURITY.md"]
EXECUTED = [path for path in PAGES if Path(path).name not in NOT_EXECUTED]


class Step(NamedTuple):
    """Something to execute: `what` is a `command`, a `python` block or a `file` (whose first line is its name)."""

    page: str
    line: int
    what: str
    text: str

    def __str__(self):
        return f"{self.page}:{self.line}"


def blocks(path, *languages):
    """(number of its first line, language, text) of each fenced block."""
    for found in FENCED.finditer(page(path)):
        if found[1] in languages:
            yield page(path).count("\n", 0, found.start()) + 2, found[1], found[2]


def steps_of(path):
    for line, language, text in blocks(path, "bash", "python", "yaml"):
        if language == "bash":
            for i, command in enumerate(text.splitlines()):
                if command:
                    yield Step(path, line + i, "command", command)
        elif re.match(r"# [\w/]+\.(py|yaml|toml)\n", text):
            yield Step(path, line, "file", text)
        elif language == "python":
            yield Step(path, line, "python", text)


STEPS = [step for path in EXECUTED for step in steps_of(path)]
COMMANDS = [step.text for step in STEPS if step.what == "command"]
MEASURING = [text for text in COMMANDS if text.startswith("python tools/benchmark.py ")]  # nothing beside it
HERE = [step for step in STEPS if step.text not in IN_CI + SLOW + MEASURING]


def shell_lines(path):
    """The lines of all shell blocks, with what a backslash continues."""
    for _, _, text in blocks(path, "bash", "sh"):
        yield from text.replace("\\\n", " ").splitlines()


def prose_lines(path):
    """(number, text) of the lines outside of blocks, tables, pictures and comments."""
    text = re.sub(
        r"^```.*?^```$", lambda block: "\n" * block[0].count("\n"), page(path), flags=re.MULTILINE | re.DOTALL
    )
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith(("|", "![", "<!--")):
            yield number, line


@pytest.mark.parametrize("path", PAGES)
def test_no_placeholder_is_left(path):
    meant = {
        "TF_CONFIG",
        "TF_CPP_MIN_LOG_LEVEL",
        "GANZOO_HOME",
        "GANZOO_JOIN_SECONDS",
        "KERAS_BACKEND",
        "RESOURCE_EXHAUSTED",
    }
    prose = "\n".join(text for _, text in prose_lines(path))
    assert set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", prose)) <= meant
    assert not re.search(r"\b(TODO|FIXME|TBD|XXX)\b", page(path))


def test_the_readme_is_short():
    assert len(README.splitlines()) <= MOST_LINES


def test_the_first_screens_serve_three_people():
    """A first picture, a photograph to a Monet, one's own images, a deployment: all within the first 80 lines."""
    first = README.splitlines()[:80]
    assert STEPS[0].text == SLOW[0]
    assert first.index(SLOW[0]) < 20
    for start in (
        "ganzoo translate --model cyclegan_monet",
        "ganzoo train --model dcgan --dataset folder:",
        "ganzoo export ",
    ):
        assert any(line.startswith(start) for line in first), start
    assert IN_CI[0] in README


@pytest.mark.parametrize("path", ALL_PAGES)
def test_lines_of_prose_are_short(path):
    long = [f"{path}:{number}" for number, line in prose_lines(path) if len(line) > MOST_CHARACTERS]
    assert not long


@pytest.mark.parametrize("command", IN_CI)
def test_ci_runs_it_word_for_word(command):
    assert command in COMMANDS
    script = page(".ci/run")
    for part in command.split(" && "):
        assert re.search(rf"^\s*{re.escape(part)}( |$)", script, flags=re.MULTILINE), part


@pytest.mark.parametrize("command", SLOW)
def test_the_slow_tests_run_it_word_for_word(command):
    assert command in COMMANDS
    assert f'"{command.split(" && ")[-1]}"' in page("tests/slow/test_main_job.py")


def parsed(words):
    """The flags' values of `ganzoo COMMAND …`, without the command's work; the test fails where they are wrong."""
    module, found = importlib.import_module(f"ganzoo.cli.{words[0]}"), []

    def remember(given, *_):
        found.append(given)
        return Answer("", {})

    if words[0] == "launch":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "work", remember)
            assert module.main([*words[1:], "--", "true"]) == 0, words
    else:
        assert dataclasses.replace(module.main.__self__, work=remember).run(words[1:]) == 0, words
    return found[0]


@pytest.mark.parametrize("path", PAGES)
def test_every_command_has_flags_that_exist(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where --json writes its file
    for command in shell_lines(path):
        for part in re.split(r" && | \| | -- |\$\(|; ", command.split(" > ")[0]):
            found = re.match(r"(?:python )?(?:tools/(\w+)\.py|(?:-m )?ganzoo (\w+)) ?(.*)", part)
            if not found or (found[1] and not (CHECKOUT / "ganzoo" / "cli" / f"{found[1]}.py").exists()):
                continue
            words = shlex.split(re.sub(r" --import \w+", "", found[3]))
            parsed([found[1] or found[2], *words])


def test_what_is_measured_by_hand_can_be_asked_for():
    """Ten minutes without anything beside them: its flags are read here, its loops run in the slow tests."""
    assert MEASURING
    for command in MEASURING:
        given = parsed(["benchmark", *command.split()[2:]])
        assert given.model == "dcgan_benchmark"
        assert set(given.against) == set(REFERENCES)


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """Gives each page a folder that looks like a checkout and holds images of the user's."""
    folders = {}

    def folder(path):
        if path not in folders:
            folders[path] = made = tmp_path_factory.mktemp(Path(path).stem)
            for name in ("ganzoo", "zoo_configs", "tools", "README.md", "setup.py"):
                os.symlink(CHECKOUT / name, made / name)
            draw = np.random.default_rng(0)
            for i in range(64):
                kind = made / "my_images" / ("cat", "dog")[i % 2]
                kind.mkdir(parents=True, exist_ok=True)
                Image.fromarray(draw.integers(0, 256, (30, 40, 3), np.uint8)).save(kind / f"{i}.jpg")
            shutil.copy(made / "my_images" / "cat" / "0.jpg", made / "photo.jpg")
        return folders[path]

    return folder


def marked(step):
    return pytest.param(step, id=str(step), marks=pytest.mark.slow if step.page == "README.md" else pytest.mark.nightly)


@pytest.mark.parametrize("step", [marked(step) for step in HERE])
def test_it_runs(step, folder_of, monkeypatch):
    folder = folder_of(step.page)
    if step.what == "file":
        name = folder / step.text.split("\n")[0].removeprefix("# ")
        name.parent.mkdir(parents=True, exist_ok=True)
        name.write_text(step.text, encoding="utf-8")
    elif step.what == "python" and step.page == "README.md":
        monkeypatch.chdir(folder)
        exec(compile(step.text, str(step), "exec"), {})
    else:
        words = ["python", "-c", step.text] if step.what == "python" else shlex.split(step.text)
        assert words[0] in ("ganzoo", "python")
        program = [sys.executable, "-m", "ganzoo"] if words[0] == "ganzoo" else [sys.executable]
        done = subprocess.run([*program, *words[1:]], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() or step.what == "python"


@pytest.mark.slow
def test_the_deployed_version_is_there(folder_of):
    exported = folder_of("README.md") / "exported"
    assert (exported / "cgan_mnist" / "2" / "saved_model.pb").is_file()
    shutil.rmtree(exported)


def anchors(path):
    """What GitHub calls the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", FENCED.sub("", page(path)), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", ALL_PAGES)
def test_links_and_pictures_are_there(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", page(path).replace("\n", " ")):
        if "://" not in target:
            file, _, anchor = target.partition("#")
            linked = os.path.relpath((CHECKOUT / path).parent / file, CHECKOUT) if file else path
            assert (CHECKOUT / linked).exists(), target
            assert not anchor or anchor in anchors(linked), target


def test_every_page_is_in_the_table_of_contents():
    contents = page("docs/README.md")
    for path in DOCS:
        assert path == "docs/README.md" or f"({Path(path).name})" in contents, path


def test_one_version_everywhere():
    assert yaml.safe_load(page("CITATION.cff"))["version"] == ganzoo.__version__
    assert re.search(r"^## (\S+)$", page("CHANGELOG.md"), flags=re.MULTILINE)[1] == ganzoo.__version__
    assert f"image: ganzoo:{ganzoo.__version__} " in page("docs/kubernetes/train_job.yaml")


@pytest.mark.parametrize("kind", ["loss", "penalty", "constraint", "augmentation"])
def test_the_page_of_objectives_has_every_part(kind):
    objectives = page("docs/objectives.md")
    assert not [
        name for name in of(kind).names() if f"`{name}`" not in objectives and f"name: {name}," not in objectives
    ]
