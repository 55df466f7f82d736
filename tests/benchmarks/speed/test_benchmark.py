"""The benchmark's arithmetic, who takes part, and that it measures."""

import importlib.util
import json

import pytest

import ganzoo
from ganzoo.benchmarks.speed import benchmark as module
from ganzoo.benchmarks.speed.benchmark import Benchmark, Ratio, benchmark
from ganzoo.benchmarks.speed.contest import Measured
from ganzoo.errors import UsageError


def measured(name, speeds, **given):
    defaults = {
        "step_seconds": [0.010, 0.030, 0.020],
        "first_step_seconds": None,
        "ready_seconds": 3.0,
        "parameters": None,
        "engine": {},
        "made_with": {"TensorFlow": "2.21.0"},
        "peak_memory_gib": 0.75,
    }
    return Measured(name=name, images_per_second=speeds, **{**defaults, **given})


@pytest.fixture
def contests(monkeypatch):
    """The contests that were asked for; each contestant is said to make 100 images/s more than the one before."""
    asked = []

    def compete(contestants, *, turns, steps, note):
        asked.append((contestants, turns, steps))
        note("something happens")
        return [measured(c.name, [100.0 * (i + 1)] * turns) for i, c in enumerate(contestants)]

    monkeypatch.setattr(module, "compete", compete)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    return asked


@pytest.fixture
def made():
    """A small one, by hand."""
    bare = measured("bare", [100.0, 400.0, 200.0], first_step_seconds=8.25, engine={"precision": "bfloat16"})
    fit = measured("fit", [1150.0, 190.0, 100.0])
    ratio = Ratio("fit", "bare", 190 / 200, [11.5, 0.475, 0.5])
    settings = {"training.seed": 7}
    return Benchmark("x", 8, 3, 10, settings, "A CPU", 2, {"TensorFlow": "2.21.0"}, [fit, bare], [ratio])


def test_for_people(made):
    assert made.describe().splitlines() == [
        "x: batches of 8, 3 turns of 10 steps; training.seed=7",
        "",
        "precision bfloat16",
        "",
        "A CPU (2 cores), TensorFlow 2.21.0",
        "",
        "|      | images/s | lowest to highest | ms a step |   p95 | first step, s | memory, GiB |",
        "|------|---------:|------------------:|----------:|------:|--------------:|------------:|",
        "| fit  |      190 |      100 to 1,150 |     20.00 | 29.00 |             – |        0.75 |",
        "| bare |      200 |        100 to 400 |     20.00 | 29.00 |           8.2 |        0.75 |",
        "",
        "| ratio of images/s | median |    turn by turn |",
        "|-------------------|-------:|----------------:|",
        "| fit / bare        |  0.950 | 0.475 to 11.500 |",
    ]


def test_for_machines(made):
    told = json.loads(json.dumps(made.to_dict()))
    assert told["images_per_second"] == 190.0
    assert told["ratio"] == 0.95
    assert told["step_median"] == 0.02
    assert told["step_p95"] == pytest.approx(0.029)
    assert told["first_step_seconds"] == 8.25
    assert told["peak_memory_gib"] == 0.75
    assert told["contestants"][1]["images_per_second"] == [100.0, 400.0, 200.0]
    assert told["contestants"][1]["median"] == 200.0
    assert told["ratios"] == [{"over": "fit", "under": "bare", "median": 0.95, "turns": [11.5, 0.475, 0.5]}]
    assert (told["cpu"], told["cores"], told["made_with"]) == ("A CPU", 2, {"TensorFlow": "2.21.0"})
    assert (told["settings"], told["turns"], told["steps"]) == ({"training.seed": 7}, 3, 10)


def test_alone(contests, capsys):
    settings = {"batch_size": 6, "seed": None, "training.precision": "bfloat16"}
    engine = {"strategy": "none", "logical_devices": None}
    made = benchmark(ganzoo.config("cgan"), settings, turns=2, steps=30, engine=engine)
    (contestants, turns, steps), *_ = contests
    assert [c.name for c in contestants] == ["ganzoo fit (bfloat16)", "ganzoo bare (bfloat16)"]
    assert (turns, steps) == (2, 30)
    given = json.loads(contestants[0].command[-1])
    assert given["settings"] == {"training.batch_size": 6, "training.precision": "bfloat16"}
    assert given["engine"] == {"strategy": "none"}
    assert (made.name, made.batch_size, made.turns, made.steps) == ("cgan_mnist", 6, 2, 30)
    assert made.settings == {**given["settings"], **given["engine"]}
    assert made.ratios == [Ratio("ganzoo fit (bfloat16)", "ganzoo bare (bfloat16)", 0.5, [0.5, 0.5])]
    assert capsys.readouterr().err == "cgan_mnist: something happens\n"


def test_against_references(contests, capsys):
    config = ganzoo.config("dcgan_benchmark")
    made = benchmark(config, turns=1, against=["torch", "torch_bfloat16"], quiet=True)
    fit, bare, float32 = "ganzoo fit (auto)", "ganzoo bare (auto)", "ganzoo fit (float32)"
    assert [each.name for each in made.contestants] == [fit, bare, float32, "torch", "torch_bfloat16"]
    assert json.loads(contests[0][0][2].command[-1])["settings"] == {"training.precision": "float32"}
    assert made.ratios == [
        Ratio(fit, bare, 100 / 200, [0.5]),
        Ratio(fit, "torch", 100 / 400, [0.25]),
        Ratio(fit, "torch_bfloat16", 100 / 500, [0.2]),
        Ratio(float32, "torch", 300 / 400, [0.75]),
    ]
    assert capsys.readouterr().err == ""


def test_in_float32_it_takes_part_once(contests):
    made = benchmark(ganzoo.config("dcgan_benchmark"), {"precision": "float32"}, against=["torch"])
    assert [each.name for each in made.contestants] == ["ganzoo fit (float32)", "ganzoo bare (float32)", "torch"]
    assert [(r.over, r.under) for r in made.ratios] == [
        ("ganzoo fit (float32)", "ganzoo bare (float32)"),
        ("ganzoo fit (float32)", "torch"),
    ]


def test_an_impossible_reference_is_told_before_anything_starts(contests):
    with pytest.raises(UsageError, match="written for dcgan_benchmark and cyclegan_benchmark, not for cgan_mnist"):
        benchmark(ganzoo.config("cgan"), against=["torch"])
    assert contests == []


@pytest.mark.slow
def test_a_whole_one():
    small = {"generator.widths": [8], "discriminator.widths": [8], "batch_size": 16, "training.log_every": 10}
    made = benchmark(ganzoo.config("gan_ring"), {**small, "training.steps_per_execution": 5}, turns=2, steps=20)
    for each in made.contestants:
        assert len(each.images_per_second) == 2
        assert min(each.images_per_second + each.step_seconds) > 0
        assert 0.2 < each.peak_memory_gib < 2
    assert made.ratios[0].median > 0
