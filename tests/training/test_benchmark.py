"""The benchmark's arithmetic, and that it measures both."""

import pytest

import ganzoo
from ganzoo.training.benchmark import Benchmark, benchmark


def test_medians_and_ratio():
    made = Benchmark("x", 8, 10, [100.0, 400.0, 200.0], [150.0, 190.0, 900.0], 1.0)
    assert made.ratio == pytest.approx(190 / 200)
    assert made.to_dict()["bare_median"] == 200.0
    assert "0.950" in made.describe()


def test_both_are_measured():
    small = {"generator.widths": [8], "discriminator.widths": [8], "training.batch_size": 16, "training.log_every": 10}
    made = benchmark(ganzoo.config("gan_ring"), {**small, "training.steps_per_execution": 5}, turns=2, steps=20)
    assert len(made.bare_images_per_second) == len(made.fit_images_per_second) == 2
    assert min(made.bare_images_per_second + made.fit_images_per_second) > 0
