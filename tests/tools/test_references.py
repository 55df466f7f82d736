"""The reference loops train, and their networks are those of the config that they are compared with."""

import importlib.util

import pytest

import ganzoo
from ganzoo.training.contest import compete
from ganzoo.training.contestant import entry
from ganzoo.training.references import REFERENCES, references


@pytest.mark.slow
def test_a_step_of_each_and_their_sizes():
    names = [name for name in REFERENCES if name == "keras_tutorial" or importlib.util.find_spec("torch")]
    settings = {"training.batch_size": 4, "training.steps_per_execution": 1}
    config = ganzoo.config("dcgan_benchmark")
    opponents = references(names, config.override(settings))
    ours, *theirs = compete(
        [entry("bare", "auto", config, settings, {}), *opponents], turns=1, steps=2, note=lambda line: None
    )
    # G: 100 * 12544, 256 * 128 * 25, 128 * 64 * 25, 64 * 25 + 1, and two for each normalised channel
    generator = 1_254_400 + 819_200 + 204_800 + 1_601 + 2 * (256 + 128 + 64)
    discriminator = 64 * 25 + 64 + 64 * 128 * 25 + 128 + 6272 + 1
    assert ours.parameters == {"generator": generator, "discriminator": discriminator}
    for each in theirs:
        assert each.parameters == ours.parameters
        assert len(each.step_seconds) == 2
        assert each.images_per_second[0] > 0
        assert each.first_step_seconds > 0
