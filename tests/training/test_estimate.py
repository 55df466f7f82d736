"""An estimate is measured on the real thing and writes nothing."""

import os

import ganzoo
from ganzoo.training import estimate as estimates


def test_parameters_and_times(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(estimates, "MEASURED_SECONDS", 0.2)
    made = estimates.estimate(
        ganzoo.config("gan_ring"), {"generator.widths": [8], "discriminator.widths": [8], "steps": 1000}
    )
    assert made.parameters == {"generator": 2 * 8 + 8 + 8 * 2 + 2, "discriminator": 2 * 8 + 8 + 8 + 1}
    assert made.to_dict()["generator_parameters"] == made.parameters["generator"]
    assert made.examples is None
    assert made.data == "2, 8 classes, endless points"
    assert made.steps == 1000
    assert made.training_seconds == made.first_step_seconds + 1000 * made.step_seconds
    assert made.images_per_second == 256 / made.step_seconds
    assert 0.1 < made.peak_memory_gib < 24
    assert "1,000 steps" in made.describe()
    assert os.listdir(tmp_path) == []
