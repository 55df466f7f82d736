"""`ganzoo benchmark`: from flags to one call, and what it says afterwards."""

import json
import subprocess

import pytest

import ganzoo
from ganzoo.cli.benchmark import FLAGS, main
from ganzoo.training.references import REFERENCES


class Measured:
    def describe(self):
        return "ratio 0.98"

    def to_dict(self):
        return {"ratio": 0.98}


@pytest.fixture
def calls(monkeypatch):
    """The calls of `benchmark`, which measures nothing."""
    asked = []

    def benchmark(model, overrides, **given):
        asked.append((model, overrides, given))
        return Measured()

    monkeypatch.setattr("ganzoo.training.benchmark.benchmark", benchmark)
    return asked


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
def test_defaults(calls, quiet, capsys):
    assert main(["--model", "cgan", *quiet]) == 0
    engine = {"strategy": "auto", "logical_devices": None}
    given = {"turns": 5, "steps": 500, "against": [], "engine": engine, "quiet": bool(quiet)}
    assert calls == [(ganzoo.config("cgan"), {}, given)]
    assert capsys.readouterr().out == "ratio 0.98\n"


def test_flags_become_arguments(calls, capsys):
    what = (
        "--model cgan --dataset digits --batch_size 6 --seed 7 --precision bfloat16 --xla off --set loss.name=minimax"
    )
    how = "--turns 2 --steps 30 --against keras_tutorial,torch --strategy mirrored --logical_devices 2 --json"
    assert main([*what.split(), *how.split()]) == 0
    changes = {
        "dataset.name": "digits",
        "training.batch_size": 6,
        "training.seed": 7,
        "training.precision": "bfloat16",
        "training.xla": "off",
        "loss.name": "minimax",
    }
    engine = {"strategy": "mirrored", "logical_devices": 2}
    given = {"turns": 2, "steps": 30, "against": ["keras_tutorial", "torch"], "engine": engine, "quiet": False}
    assert calls == [(ganzoo.config("cgan"), changes, given)]
    assert json.loads(capsys.readouterr().out) == {"ratio": 0.98}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("", "--model is missing: for example --model cgan (`ganzoo models` lists what there is)"),
        ("--model cgann", "unknown model 'cgann' (did you mean 'cgan'?)"),
        ("--model absent.yaml", "absent.yaml: cannot be read as a config"),
        ("cgan", "'cgan': unexpected argument"),
        ("--model cgan --turn 5", "--turn: unknown flag (did you mean '--turns'?)"),
        ("--model cgan --workdir a", "--workdir: unknown flag"),
        ("--model cgan --turns 0", "--turns=0: not a whole number of 1 or more"),
        ("--model cgan --steps 1", "--steps=1: not a whole number of 2 or more"),
        ("--model cgan --batch_size many", "--batch_size=many: not a whole number of 1 or more"),
        ("--model cgan --precision half", "--precision=half: not one of auto, float32, bfloat16, float16"),
        (
            "--model cgan --against torch",
            "against: torch is written for dcgan_benchmark and cyclegan_benchmark, not for cgan_mnist",
        ),
        ("--model dcgan_benchmark --against torh", "against: unknown reference 'torh' (did you mean 'torch'?)"),
        ("--model cgan --set steps", "--set steps: no KEY=VALUE (for example --set training.steps=2000)"),
        ("--model cgan --set training.steps=6", "--set training.steps=6: training.steps is given twice (give it once)"),
        ("--model cgan --set loss.nmae=minimax", "unknown key (did you mean 'loss.name'?)"),
    ],
)
def test_wrong_use_is_told_before_anything_starts(argv, message, monkeypatch, capsys):
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process has been started"))
    assert main(argv.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ganzoo benchmark: ")
    assert message in err
    assert err.count("\n") == 1


def test_the_help_names_all_references():
    (against,) = FLAGS["Against what"]
    assert all(name in against.help for name in REFERENCES)
