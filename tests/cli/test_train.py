"""`ganzoo train`: from flags to one call, and what it says afterwards."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from ganzoo.cli.train import main
from ganzoo.data.sources import tfds_source

REPOSITORY = Path(__file__).parents[2]


@dataclass
class Run:
    finished: bool = True

    def summary(self):
        return "all of it is in runs/fake"

    def to_dict(self):
        return {"workdir": "runs/fake"}


@pytest.fixture
def calls(monkeypatch):
    """The calls of `train`, which trains nothing."""
    asked = []
    monkeypatch.setattr("ganzoo.train", lambda model, **given: asked.append((model, given)) or Run())
    return asked


def test_defaults(calls, capsys):
    assert main(["--model", "cgan"]) == 0
    assert calls == [
        (
            "cgan",
            {
                "workdir": None,
                "overrides": {},
                "init_from": None,
                "data_dir": None,
                "skip_broken": False,
                "quiet": False,
                "profile": False,
                "strategy": "auto",
                "logical_devices": None,
                "deterministic": False,
            },
        )
    ]
    assert capsys.readouterr().out == "all of it is in runs/fake\n"


def test_flags_become_arguments(calls, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    argv = "--model cgan --dataset folder:a --data_dir b --workdir c --init_from cgan_mnist --steps 5"
    argv += " --batch_size 6 --seed 7 --skip_broken"
    argv += " --set optimizer.generator.learning_rate=1e-4 --set dataset.augment=[flip] --profile --quiet --json"
    argv += " --precision bfloat16 --xla off --on_nan rollback --deterministic"
    argv += " --strategy mirrored --logical_devices 2"
    assert main(argv.split()) == 0
    ((model, given),) = calls
    assert model == "cgan"
    assert given == {
        "workdir": "c",
        "overrides": {
            "dataset.name": "folder:a",
            "training.steps": 5,
            "training.batch_size": 6,
            "training.seed": 7,
            "training.precision": "bfloat16",
            "training.xla": "off",
            "training.on_nan": "rollback",
            "optimizer.generator.learning_rate": "1e-4",
            "dataset.augment": "[flip]",
        },
        "init_from": "cgan_mnist",
        "data_dir": "b",
        "skip_broken": True,
        "quiet": True,
        "profile": True,
        "strategy": "mirrored",
        "logical_devices": 2,
        "deterministic": True,
    }
    assert json.loads(capsys.readouterr().out) == {"workdir": "runs/fake"}


def test_a_run_that_was_stopped_exits_as_interrupted(monkeypatch, capsys):
    monkeypatch.setattr("ganzoo.train", lambda model, **given: Run(finished=False))
    assert main(["--model", "cgan"]) == 130
    assert capsys.readouterr() == ("all of it is in runs/fake\n", "")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("", "--model is missing: for example --model cgan_mnist (`ganzoo models` lists all)"),
        ("--model cgann", "unknown model 'cgann' (did you mean 'cgan'?)"),
        ("--model absent.yaml", "absent.yaml: cannot be read as a config"),
        ("cgan", "'cgan': unexpected argument"),
        ("--model cgan --step 5", "--step: unknown flag (did you mean '--steps'?)"),
        ("--model cgan --steps 0", "--steps: expected an integer of at least 1, got '0'"),
        ("--model cgan --steps 1e3", "--steps: expected an integer of at least 1, got '1e3'"),
        ("--model cgan --batch_size many", "--batch_size: expected an integer of at least 1, got 'many'"),
        ("--model cgan --seed -1", "--seed: expected an integer from 0 to 2147483647, got '-1'"),
        ("--model cgan --precision half", "--precision: expected one of auto, float32, bfloat16, float16, got 'half'"),
        ("--model cgan --xla yes", "--xla: expected one of auto, on, off, got 'yes'"),
        ("--model cgan --on_nan ignore", "--on_nan: expected one of stop, rollback, got 'ignore'"),
        ("--model cgan --xla on --set training.xla=off", "--set training.xla=off: training.xla is given twice"),
        ("--model cgan --dataset=", "--dataset: expected a non-empty text, got ''"),
        (
            "--model cgan --set steps",
            "--set: expected KEY=VALUE, got 'steps' (write, for example, --set training.steps=2000)",
        ),
        ("--model cgan --set =5", "--set: expected KEY=VALUE, got '=5'"),
        ("--model cgan --set trainig.steps=5", "unknown key (did you mean 'training"),
        ("--model cgan --set training.steps=few", "training.steps"),
        ("--model cgan --steps 5 --set training.steps=6", "--set training.steps=6: training.steps is given twice"),
        ("--model cgan --set a.b=1 --set a.b=2", "--set a.b=2: a.b is given twice (give it once)"),
    ],
)
def test_wrong_use(argv, message, refused):
    assert message in refused("train", argv.split())


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--dataset mnist", "mnist: not prepared in {folder}, and cannot be downloaded (no connection to "),
        ("--dataset mnits", "dataset.name: unknown data set 'mnits' (did you mean 'mnist'?)"),
        ("--dataset folder:absent", "folder:absent: no such folder (check the path)"),
    ],
)
def test_data_that_cannot_be_had_is_told_in_one_line_before_tensorflow_starts(flags, message, tmp_path):
    script = (
        "import sys, ganzoo.cli.train as train; code = train.main(); print('tensorflow' in sys.modules); sys.exit(code)"
    )
    argv = [sys.executable, "-c", script, "--model", "cgan", "--data_dir", str(tmp_path), *flags.split()]
    proxies = dict.fromkeys(("http_proxy", "https_proxy"), "http://proxy.invalid:3128")
    started = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, cwd=REPOSITORY, env={**os.environ, **proxies})
    seconds = time.perf_counter() - started
    assert (done.returncode, done.stdout) == (2, "False\n")
    assert done.stderr.startswith("ganzoo train: " + message.format(folder=tmp_path))
    assert done.stderr.count("\n") == 1
    assert seconds < 10  # about 1 on an idle machine; TensorFlow's start alone takes 4


def test_help_says_how_to_see_the_messages_of_tensorflow(capsys):
    assert main(["--help"]) == 0
    assert "\nSet TF_CPP_MIN_LOG_LEVEL=0 in the environment " in capsys.readouterr().out


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_quiet_reaches_the_progress_bars_of_tfds(calls, monkeypatch, quiet):
    shown = []
    monkeypatch.setattr(tfds_source, "show_progress", shown.append)
    assert main(["--model", "cgan", *quiet]) == 0
    assert shown == [not quiet]
