"""The reference loops train, and their networks are those of the config that they are compared with."""

import importlib.util

import pytest

import ganzoo
from ganzoo.benchmarks.speed.contest import compete
from ganzoo.benchmarks.speed.contestant import entry
from ganzoo.benchmarks.speed.references import SUITES, references


def installed(model):
    """The references of a model that can run here."""
    return [name for name in SUITES[model].scripts if name == "keras_tutorial" or importlib.util.find_spec("torch")]


def a_short_contest(model, settings):
    """What our bare step did, and what its references did."""
    config = ganzoo.config(model)
    settings = {**settings, "training.steps_per_execution": 1}
    opponents = references(installed(model), config.override(settings))
    ours = entry("bare", "auto", config, settings, {})
    return compete([ours, *opponents], turns=1, steps=2, note=lambda line: None)


@pytest.mark.slow
def test_a_step_of_each_and_their_sizes():
    ours, *theirs = a_short_contest("dcgan_benchmark", {"training.batch_size": 4})
    # G: 100 * 12544, 256 * 128 * 25, 128 * 64 * 25, 64 * 25 + 1, and two for each normalised channel
    generator = 1_254_400 + 819_200 + 204_800 + 1_601 + 2 * (256 + 128 + 64)
    discriminator = 64 * 25 + 64 + 64 * 128 * 25 + 128 + 6272 + 1
    assert ours.parameters == {"generator": generator, "discriminator": discriminator}
    check(ours, theirs)


@pytest.mark.nightly
def test_translation_too():
    ours, *theirs = a_short_contest("cyclegan_benchmark", {})
    # G: 7x7, down and up between 32, 64 and 128, six blocks of two; 3 biases, two for each normalised channel
    convolutions = 2 * 49 * 3 * 32 + 3 + 2 * 9 * (32 * 64 + 64 * 128) + 6 * 2 * 9 * 128 * 128
    generator = convolutions + 2 * (32 + 64 + 128 + 12 * 128 + 64 + 32)
    # D: 4x4 from 3 over 32, 64, 128 and 256 to 1; biases at both ends
    discriminator = 16 * (3 * 32 + 32 * 64 + 64 * 128 + 128 * 256 + 256) + 32 + 1 + 2 * (64 + 128 + 256)
    assert ours.parameters == {"generator": 2 * generator, "discriminator": 2 * discriminator}
    check(ours, theirs)


def check(ours, theirs):
    """Whether the others have our networks, and measured something."""
    for each in theirs:
        assert each.parameters == ours.parameters
        assert len(each.step_seconds) == 2
        assert each.images_per_second[0] > 0
        assert each.first_step_seconds > 0
