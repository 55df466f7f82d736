"""ganzoo's own contestants: what they tell and what they measure, in this process."""

import json

import pytest

import ganzoo
from ganzoo.benchmarks.speed import contestant
from ganzoo.core import plugins
from ganzoo.schema import parse
from ganzoo.training import run

SMALL = {
    "generator.widths": [8],
    "discriminator.widths": [8],
    "training.batch_size": 16,
    "training.log_every": 10,
    "training.steps_per_execution": 5,
    "training.precision": "float32",
}


@pytest.fixture(scope="module")
def ring():
    """A model that trains in no time."""
    return ganzoo.config("gan_ring")


def test_an_entry_carries_everything(ring, monkeypatch):
    monkeypatch.setattr(plugins, "_imported", {"mine": None})
    made = contestant.entry("fit", "auto", ring, {"training.seed": 7}, {"strategy": "mirrored"})
    assert made.name == "ganzoo fit (auto)"
    *module, text = made.command
    assert module == ["-m", "ganzoo.benchmarks.speed.contestant"]
    given = json.loads(text)
    assert parse(given.pop("config"), "config") == ring
    asked = {"kind": "fit", "settings": {"training.seed": 7}, "engine": {"strategy": "mirrored"}}
    assert given == {**asked, "imports": ["mine"]}


def test_plugins_are_imported_before_the_config_is_read(ring, monkeypatch):
    done = []
    monkeypatch.setattr(plugins, "import_modules", done.append)
    monkeypatch.setattr(contestant, "fit", lambda *given: (done, given))
    given = {"kind": "fit", "config": ring.to_dict(), "settings": {"a": 1}, "engine": {}, "imports": ["mine"]}
    assert contestant._prepare(given) == ([["mine"]], (ring, {"a": 1}, {}))


def test_bare(ring):
    about, turn = contestant.bare(ring, SMALL, {"strategy": "none"})
    # the generator is latent -> 8 -> 2, the discriminator 2 -> 8 -> 1
    latent = ring.model.arguments["latent"]["size"]
    assert about["parameters"] == {"generator": latent * 8 + 8 + 8 * 2 + 2, "discriminator": 2 * 8 + 8 + 8 + 1}
    assert about["first_step_seconds"] > 0
    assert (about["engine"]["strategy"], about["engine"]["precision"]) == ("none", "float32")
    assert set(about["made_with"]) >= {"TensorFlow", "Keras"}
    reply = turn(20)
    assert len(reply["step_seconds"]) == 4
    assert reply["images_per_second"] == pytest.approx(16 * 4 / sum(reply["step_seconds"]))


def test_fit(ring, monkeypatch):
    runs = []

    def train(*given, **keywords):
        runs.append(run_train(*given, **keywords))
        return runs[-1]

    run_train = run.train
    monkeypatch.setattr(run, "train", train)
    about, turn = contestant.fit(ring, SMALL, {})
    assert set(about) == {"made_with"}
    reply = turn(40)
    assert reply["images_per_second"] == runs[0].images_per_second
    assert len(reply["step_seconds"]) == 4
    assert min(reply["step_seconds"]) > 0
    made = runs[0].config.training
    assert (made.steps, made.sample_every, made.checkpoint_every, made.log_every) == (40, 40, 40, 10)
    assert not runs[0].directory.exists()


@pytest.mark.parametrize(("every", "steps", "rhythm"), [(50, 500, 50), (500, 100, 100), (100, 100, 100)])
def test_a_turn_has_the_rhythm_of_the_config_and_one_sheet_at_least(ring, every, steps, rhythm):
    training = ring.override({"training.sample_every": every, "training.checkpoint_every": 2 * every}).training
    found = contestant._rhythm(training, steps)
    assert found == {"training.sample_every": rhythm, "training.checkpoint_every": min(2 * every, steps)}
