"""Loading of strangers' models: a config is compared with its weights before anything is built."""

import shutil

import numpy as np
import pytest

import ganzoo
from ganzoo.core import weights
from ganzoo.errors import WeightsError
from ganzoo.models import build as building
from ganzoo.models.build import build

CONFIG = ganzoo.config("gan_ring").override({"generator.widths": [4], "discriminator.widths": [4]})


@pytest.fixture
def folder(tmp_path):
    """A directory as another person hands it over."""
    arrays = {name: variable.numpy() for name, variable in build(CONFIG).weights_to_ship().items()}
    weights.write(tmp_path / "weights.safetensors", arrays)
    (tmp_path / "config.yaml").write_text(CONFIG.to_yaml())
    return tmp_path


def test_an_outline_has_the_names_and_shapes_of_the_model():
    model, outline = build(CONFIG), building.outlined(CONFIG)
    shapes = [{k: tuple(v.shape) for k, v in one.weights_to_ship().items()} for one in (model, outline)]
    assert shapes[0] == shapes[1]
    assert outline.state().keys() <= model.state().keys()


@pytest.mark.parametrize("role", ["generator", "discriminator"])
def test_wider_networks_than_the_file_are_refused_before_they_are_built(folder, role, monkeypatch):
    ganzoo.load(folder)
    (folder / "config.yaml").write_text(CONFIG.override({f"{role}.widths": [20_000, 20_000]}).to_yaml())
    monkeypatch.setattr(building, "build", lambda *_, **__: pytest.fail("built"))
    with pytest.raises(WeightsError, match=r"^[^\n]*weights\.safetensors: made for other networks \([^\n]+\)$"):
        ganzoo.load(folder)


@pytest.mark.parametrize(
    "wider", [{"generator.widths": [20_000, 20_000]}, {"discriminator.widths": [4, 20_000, 20_000]}]
)
def test_a_run_whose_config_asks_for_wider_networks(tmp_path, wider, monkeypatch):
    ganzoo.train(CONFIG, steps=2, workdir=tmp_path / "run")
    file = tmp_path / "run" / "config.yaml"
    file.write_text(ganzoo.config(tmp_path / "run").override(wider).to_yaml())
    monkeypatch.setattr(building, "build", lambda *_, **__: pytest.fail("built"))
    with pytest.raises(WeightsError, match=r"^[^\n]*state\.safetensors: made for other networks \([^\n]+\)$"):
        ganzoo.load(tmp_path / "run")


@pytest.mark.parametrize("damage", ["none", "newest", "all"])
def test_a_run_of_damaged_checkpoints_is_compared_with_what_is_whole(tmp_path, damage, monkeypatch):
    ganzoo.train(CONFIG, steps=4, workdir=tmp_path / "run", overrides={"training.checkpoint_every": 2})
    states = sorted((tmp_path / "run" / "checkpoints").rglob("state.safetensors"))
    assert len(states) == 2
    for state in {"none": states, "newest": states[1:], "all": states}[damage]:
        state.write_bytes(b"")
    if damage == "none":
        shutil.rmtree(tmp_path / "run" / "checkpoints")
    file = tmp_path / "run" / "config.yaml"
    file.write_text(CONFIG.override({"generator.widths": [20_000, 20_000]}).to_yaml())
    monkeypatch.setattr(building, "build", lambda *_, **__: pytest.fail("built"))
    with pytest.raises(WeightsError, match="has no checkpoint yet" if damage == "none" else "made for other networks"):
        ganzoo.load(tmp_path / "run")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(folder, bad):
    arrays = weights.read(folder / "weights.safetensors")
    name = next(iter(arrays))
    weights.write(folder / "weights.safetensors", {**arrays, name: np.full_like(arrays[name], bad)})
    with pytest.raises(WeightsError, match=rf"weights\.safetensors: {name}: expected finite numbers"):
        ganzoo.load(folder)
