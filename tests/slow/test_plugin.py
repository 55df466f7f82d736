"""A plugin in an environment of its own: trains, stops, resumes, generates, exports; without it the run is refused."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import ganzoo

PLUGIN = Path(__file__).parents[1] / "example_plugin"
CHECKOUT = Path(ganzoo.__file__).parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Python of an environment that has the plugin, and what this one has."""
    place = tmp_path_factory.mktemp("environment")
    source = place / "source"
    shutil.copytree(PLUGIN, source)  # building leaves files behind
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / "venv"], check=True)
    python = place / "venv" / "bin" / "python"
    code = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    packages = Path(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip())
    (packages / "beside.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n{CHECKOUT}\n")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--quiet", "--python", python, "install"),
            *("--no-deps", "--no-build-isolation", "--no-index", source),
        ],
        check=True,
    )
    return python


def ganzoo_in(python, *arguments, cwd):
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    return subprocess.run(
        [python, "-m", "ganzoo", *arguments], capture_output=True, text=True, cwd=cwd, env=environment, check=False
    )


@pytest.fixture(scope="module")
def run(environment, tmp_path_factory):
    """The directory of a run of 40 steps, stopped at 20 and resumed."""
    place = tmp_path_factory.mktemp("run")
    for steps in ("20", "40"):
        done = ganzoo_in(
            environment,
            *("train", "--model", PLUGIN / "line.yaml", "--workdir", "run", "--steps", steps, "--quiet"),
            cwd=place,
        )
        assert done.returncode == 0, done.stderr
    return place / "run"


def test_it_trains_and_resumes(run):
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    losses = [line for line in lines if "generator_loss" in line]
    assert [line["step"] for line in losses] == [10, 20, 30, 40]
    assert all(np.isfinite(line["example_drift"]) for line in losses)
    assert [line["resumed_at_step"] for line in lines if line.get("event") == "resumed"] == [20]
    assert "imports:\n- ganzoo_example\n" in (run / "config.yaml").read_text()


def test_it_generates_and_exports(environment, run):
    done = ganzoo_in(environment, "generate", "--model", "run", "--n", "5", "--out", "points.csv", cwd=run.parent)
    assert done.returncode == 0, done.stderr
    assert np.loadtxt(run.parent / "points.csv", delimiter=",", skiprows=1).shape == (5, 2)
    done = ganzoo_in(environment, "export", "--model", "run", "--out", "base", cwd=run.parent)
    assert done.returncode == 0, done.stderr
    assert (run.parent / "base" / "example_line" / "1" / "saved_model.pb").is_file()


@pytest.mark.parametrize("command", [("generate",), ("export", "--out", "other")])
def test_without_the_plugin_it_is_refused(run, command):
    done = ganzoo_in(sys.executable, *command, "--model", "run", cwd=run.parent)
    assert done.returncode == 2
    assert done.stderr == (
        f"ganzoo {command[0]}: run: has parts of the module 'ganzoo_example', which is not imported (add --import "
        "ganzoo_example; in Python: import ganzoo_example)\n"
    )


def test_a_module_in_the_working_directory_will_do(run, tmp_path):
    """The same package, not installed, by --import."""
    shutil.copytree(PLUGIN / "ganzoo_example", tmp_path / "ganzoo_example")
    arguments = ("generate", "--model", run, "--n", "5", "--out", "points.csv", "--import", "ganzoo_example")
    done = ganzoo_in(sys.executable, *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "points.csv").is_file()


def test_a_run_is_of_the_parts_that_are_registered(environment, run):
    """In Python, the plugin's entry point is enough; its run draws what the command draws."""
    code = (
        "import numpy as np, ganzoo; model = ganzoo.load('run'); "
        "np.savetxt('python.csv', model.generate(5, seed=0), delimiter=',', header='x,y', comments='')"
    )
    done = subprocess.run([environment, "-c", code], capture_output=True, text=True, cwd=run.parent, check=False)
    assert done.returncode == 0, done.stderr
    ganzoo_in(environment, "generate", "--model", "run", "--n", "5", "--out", "again.csv", cwd=run.parent)
    first, second = (np.loadtxt(run.parent / name, delimiter=",", skiprows=1) for name in ("python.csv", "again.csv"))
    np.testing.assert_allclose(first, second, rtol=1e-6)
