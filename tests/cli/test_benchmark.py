"""`ganzoo benchmark`: from flags to one call, and what it says afterwards."""

import json
import subprocess
from pathlib import Path

import pytest

import ganzoo
from ganzoo.benchmarks.speed.references import REFERENCES
from ganzoo.cli.benchmark import FLAGS, main


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

    monkeypatch.setattr("ganzoo.benchmarks.speed.benchmark.benchmark", benchmark)
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


@pytest.fixture
def loads(monkeypatch, tmp_path):
    """The calls of `measure`, which loads nothing, and of the export before it."""
    asked = []

    def measure(model, **given):
        asked.append((model, given))
        return Measured()

    def export(model, directory, **given):
        asked.append((model, given))
        return Path(directory) / "cgan_mnist" / "1"

    monkeypatch.setattr("ganzoo.benchmarks.load.measure.measure", measure)
    monkeypatch.setattr("ganzoo.export", export)
    return asked


def test_serving_defaults(loads, capsys):
    assert main(["--model", "cgan", "--serving"]) == 0
    exported, (model, given) = loads
    assert exported == ("cgan", {"allow_untrained": True, "quiet": False})
    assert model == "cgan_mnist"
    assert given.pop("export").parts[-2:] == ("cgan_mnist", "1")
    assert given == {"server_flags": [], "quiet": False}
    assert capsys.readouterr().out == "ratio 0.98\n"


def test_serving_flags_become_arguments(loads, capsys):
    argv = "--model cgan --serving --clients 4 --seconds 2.5 --request_rows 8 --api rest --quiet --json"
    assert main([*argv.split(), "--server_flags", "--calls 1 --batch_rows 32"]) == 0
    _, (_, given) = loads
    del given["export"]
    asked = {"clients": 4, "seconds": 2.5, "request_rows": 8, "api": "rest", "quiet": True}
    assert given == {**asked, "server_flags": ["--calls", "1", "--batch_rows", "32"]}
    assert json.loads(capsys.readouterr().out) == {"ratio": 0.98}


@pytest.mark.parametrize("api", [[], ["--api", "grpc"]])
def test_a_server_that_is_there_needs_no_model_of_the_zoo(api, loads, capsys):
    assert main(["--model", "theirs", "--serving", "--server", "grpc://h:1", *api]) == 0
    assert loads == [("theirs", {"server": "grpc://h:1", "quiet": False, **({"api": "grpc"} if api else {})})]


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("", "--model is missing: for example --model cgan_mnist (`ganzoo models` lists all)"),
        ("--model cgann", "unknown model 'cgann' (did you mean 'cgan'?)"),
        ("--model absent.yaml", "absent.yaml: cannot be read as a config"),
        ("cgan", "'cgan': unexpected argument"),
        ("--model cgan --turn 5", "--turn: unknown flag (did you mean '--turns'?)"),
        ("--model cgan --workdir a", "--workdir: unknown flag"),
        ("--model cgan --turns 0", "--turns: expected an integer of at least 1, got '0'"),
        ("--model cgan --steps 1", "--steps: expected an integer of at least 2, got '1'"),
        ("--model cgan --batch_size many", "--batch_size: expected an integer of at least 1, got 'many'"),
        ("--model cgan --precision half", "--precision: expected one of auto, float32, bfloat16, float16, got 'half'"),
        (
            "--model cgan --against torch",
            "against: torch is written for dcgan_benchmark and cyclegan_benchmark, not for cgan_mnist",
        ),
        ("--model dcgan_benchmark --against torh", "against: unknown reference 'torh' (did you mean 'torch'?)"),
        (
            "--model cgan --set steps",
            "--set: expected KEY=VALUE, got 'steps' (write, for example, --set training.steps=2000)",
        ),
        ("--model cgan --set training.steps=6", "--set training.steps=6: training.steps is given twice (give it once)"),
        ("--model cgan --set loss.nmae=minimax", "unknown key (did you mean 'loss.name'?)"),
        ("--model cgan --clients 4", "--clients: needs --serving"),
        ("--model cgan --server grpc://h:1", "--server: needs --serving"),
        ("--model cgan --api rest", "--api: needs --serving"),
        ("--serving", "--model is missing: for example --model cgan_mnist"),
        ("--serving --model cgann", "unknown model 'cgann' (did you mean 'cgan'?)"),
        (
            "--serving --model cgan --against torch",
            "--against: does not go with --serving, which trains nothing (leave it out)",
        ),
        (
            "--serving --model cgan --steps 100",
            "--steps: does not go with --serving, which trains nothing (leave it out)",
        ),
        (
            "--serving --model cgan --turns 5",
            "--turns: does not go with --serving, which trains nothing (leave it out)",
        ),
        ("--serving --model cgan --xla on", "--xla: does not go with --serving, which trains nothing (leave it out)"),
        (
            "--serving --model cgan --strategy none",
            "--strategy: does not go with --serving, which trains nothing (leave it out)",
        ),
        (
            "--serving --model cgan --set loss.name=hinge",
            "--set: does not go with --serving, which trains nothing (leave it out)",
        ),
        ("--serving --model cyclegan_monet", "cyclegan_monet: translates; --serving measures models that draw"),
        ("--serving --model cgan --clients 0", "--clients: expected an integer from 1 to 1000, got '0'"),
        ("--serving --model cgan --seconds 0", "--seconds: expected a number above 0 and at most 86400, got '0'"),
        ("--serving --model cgan --request_rows 0", "--request_rows: expected an integer of at least 1, got '0'"),
        ("--serving --model cgan --api http", "--api: expected one of grpc, rest, got 'http'"),
        (
            "--serving --model cgan --server h:1",
            "address: expected http://HOST:PORT, https://HOST:PORT or grpc://HOST:PORT, got 'h:1'",
        ),
        (
            "--serving --model cgan --server http://h:1 --api grpc",
            "--api grpc: http://h:1 is an address of --api rest (leave one of them out)",
        ),
        (
            "--serving --model cgan --server http://h:1 --server_flags x",
            "--server_flags: does not go with --server, which runs already (leave one of them out)",
        ),
    ],
)
def test_wrong_use_is_told_before_anything_starts(argv, message, monkeypatch, refused):
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process has been started"))
    assert message in refused("benchmark", argv.split())


def test_the_help_names_all_references():
    (against,) = FLAGS["Against what"]
    assert all(name in against.help for name in REFERENCES)
