"""Which reference loops can take part, and in what way."""

import importlib.util
from pathlib import Path

import pytest

import ganzoo
from ganzoo.errors import UsageError
from ganzoo.training.references import OTHER_THAN_FLOAT32, REFERENCES, references


@pytest.fixture
def config():
    """What most are written for, with a batch size of its own."""
    return ganzoo.config("dcgan_benchmark").override({"training.batch_size": 32})


@pytest.fixture
def translation():
    """The other one that some are written for."""
    return ganzoo.config("cyclegan_benchmark")


@pytest.fixture
def with_torch(monkeypatch):
    """A machine that has PyTorch."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)


def test_commands(config, with_torch):
    torch, keras = references(["torch_bfloat16", "keras_tutorial", "torch_bfloat16"], config)
    assert (torch.name, keras.name) == ("torch_bfloat16", "keras_tutorial")
    script, *arguments = torch.command
    assert Path(script).name == "torch_dcgan.py"
    assert arguments == ["--batch_size", "32", "--channels_last", "--precision", "bfloat16"]
    script, *arguments = keras.command
    assert Path(script).name == "keras_tutorial.py"
    assert arguments == ["--batch_size", "32"]


def test_the_model_decides_which_script_runs(config, translation, with_torch):
    for model, name in ((config, "torch_dcgan.py"), (translation, "torch_cyclegan.py")):
        for contestant in references(["torch", "torch_channels_last", "torch_bfloat16"], model):
            script, *arguments = contestant.command
            assert Path(script).name == name
            assert arguments[:2] == ["--batch_size", str(model.training.batch_size)]
            assert ("bfloat16" in arguments) == (contestant.name == "torch_bfloat16")


def test_all_are_there(config, with_torch):
    assert len(references(REFERENCES, config)) == 4
    assert set(REFERENCES) > OTHER_THAN_FLOAT32


@pytest.mark.parametrize(
    ("names", "overrides", "message"),
    [
        (["keras_tutorial"], {}, "against: keras_tutorial is written for dcgan_benchmark, not for cyclegan_benchmark "),
        (["torch"], {"dataset.size": 64}, "against: expected dataset.size 128, got 64 "),
    ],
)
def test_wrong_use_with_translation(names, overrides, message, translation, with_torch):
    with pytest.raises(UsageError) as caught:
        references(names, translation.override(overrides))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("names", "overrides", "message"),
    [
        (["torh"], {}, "against: unknown reference 'torh' (did you mean 'torch'?)"),
        (["torch", ""], {}, "against: unknown reference '' (known: keras_tutorial, torch, torch_bfloat16, "),
        (
            ["torch"],
            {"name": "other"},
            "against: torch is written for dcgan_benchmark and cyclegan_benchmark, not for ",
        ),
        (["torch"], {"dataset.name": "digits"}, "against: expected dataset.name mnist_5k, got digits "),
    ],
)
def test_wrong_use(names, overrides, message, config, with_torch):
    with pytest.raises(UsageError) as caught:
        references(names, config.override(overrides))
    assert str(caught.value).startswith(message)


def test_without_pytorch(config, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert len(references(["keras_tutorial"], config)) == 1
    with pytest.raises(
        UsageError, match=r"^against: torch_channels_last needs PyTorch, which is not .*pip install torch"
    ):
        references(["keras_tutorial", "torch_channels_last"], config)


def test_without_a_checkout(config, tmp_path):
    with pytest.raises(
        UsageError, match=r"keras_tutorial.py is missing: only a checkout of ganzoo has the references$"
    ):
        references(["keras_tutorial"], config, tmp_path)
