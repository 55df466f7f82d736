"""Publishing: what lands in the zoo loads under the model's name, and is what the run draws up to float16."""

import shutil

import numpy as np
import pytest

import ganzoo
from ganzoo import publishing, zoo
from ganzoo.errors import UsageError
from ganzoo.evaluation import labelled

SMALL = {"generator.width": 4, "discriminator.width": 4, "training.batch_size": 8, "training.steps": 100}
WORDS = {"command": "train", "intended_use": "tests", "limits": "small", "hardware": "any"}


@pytest.fixture
def small_zoo(tmp_path, monkeypatch):
    """A zoo whose cgan_mnist is small and has no weights yet."""
    copy = tmp_path / "zoo_configs"
    shutil.copytree(zoo.directory(), copy, ignore=shutil.ignore_patterns("*.safetensors", "cards"))
    (copy / "cgan_mnist.yaml").write_text(ganzoo.config("cgan").override(SMALL).to_yaml())
    monkeypatch.setattr(zoo, "directory", lambda: copy)
    monkeypatch.setattr(publishing, "_commit", lambda: "0123456789ab")
    zoo._configs.cache_clear()
    yield copy
    zoo._configs.cache_clear()


def test_a_run_becomes_a_pretrained_model(small_zoo, tmp_path):
    run = ganzoo.train("cgan", tmp_path / "run", quiet=True)
    card = publishing.publish(run.directory, **WORDS)
    assert card.training.steps == 100
    assert card.training.wall_time > 0
    assert [(metric.name, metric.protocol) for metric in card.metrics] == list(labelled.DIGIT_PROTOCOL.items())
    assert ganzoo.card("cgan") == card
    loaded, trained = ganzoo.load("cgan").generate(50, seed=1), run.model.generate(50, seed=1)
    assert np.max(np.abs(loaded.astype(int) - trained.astype(int))) <= 2
    logits = ganzoo.load("cgan").discriminate(trained, np.arange(50) % 10)
    np.testing.assert_allclose(logits, run.model.discriminate(trained, np.arange(50) % 10), atol=0.01)
    size = (small_zoo / "weights" / "cgan_mnist.safetensors").stat().st_size
    assert size < 2 * card.weights.parameters + 4096


def test_a_run_with_another_config_is_refused(small_zoo, tmp_path):
    run = ganzoo.train("cgan", tmp_path / "run", {"training.steps": 5}, quiet=True)
    with pytest.raises(UsageError, match="was trained with another config"):
        publishing.publish(run.directory, **WORDS)
    assert not list((small_zoo / "weights").glob("*"))


@pytest.mark.parametrize(
    ("model", "overrides", "message"),
    [("cgan", {"training.steps": 5}, "is not finished"), ("gan_ring", {}, "gan_ring: there is no metric for it yet")],
)
def test_what_cannot_be_published_leaves_the_zoo_alone(small_zoo, tmp_path, monkeypatch, model, overrides, message):
    config = ganzoo.config(model).override({**overrides, "training.steps": 5})
    (small_zoo / f"{config.name}.yaml").write_text(config.to_yaml())
    zoo._configs.cache_clear()
    run = ganzoo.train(model, tmp_path / "run", quiet=True)
    if "finished" in message:
        run_log = (run.directory / "log.jsonl").read_text()
        (run.directory / "log.jsonl").write_text(run_log.replace('"finished"', '"interrupted"'))
    with pytest.raises(UsageError, match=message):
        publishing.publish(run.directory, **WORDS)
    assert not list((small_zoo / "weights").glob("*"))
