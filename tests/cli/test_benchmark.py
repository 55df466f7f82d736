"""`ganzoo benchmark`: from flags to one call, and what it says afterwards."""

import json

import pytest

import ganzoo
from ganzoo.cli import _tensorflow
from ganzoo.cli.benchmark import main


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
    assert calls == [(ganzoo.config("cgan"), {}, {"turns": 5, "steps": 500})]
    assert capsys.readouterr().out == "ratio 0.98\n"


def test_flags_become_arguments(calls, capsys):
    argv = "--model cgan --dataset digits --batch_size 6 --seed 7 --turns 2 --steps 30 --set loss.name=minimax --json"
    assert main(argv.split()) == 0
    changes = {"dataset.name": "digits", "training.batch_size": 6, "training.seed": 7, "loss.name": "minimax"}
    assert calls == [(ganzoo.config("cgan"), changes, {"turns": 2, "steps": 30})]
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
        ("--model cgan --set steps", "--set steps: no KEY=VALUE (for example --set training.steps=2000)"),
        ("--model cgan --set training.steps=6", "--set training.steps=6: training.steps is given twice (give it once)"),
        ("--model cgan --set loss.nmae=minimax", "unknown key (did you mean 'loss.name'?)"),
    ],
)
def test_wrong_use_is_told_before_tensorflow_starts(argv, message, monkeypatch, capsys):
    monkeypatch.setattr(_tensorflow, "import_quietly", lambda: pytest.fail("TensorFlow has been started"))
    assert main(argv.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ganzoo benchmark: ")
    assert message in err
    assert err.count("\n") == 1
